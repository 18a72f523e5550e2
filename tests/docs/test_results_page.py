"""docs/results.md and the schema are what the code says."""

from pathlib import Path

from docs import results
from harness.export.columns import RESPONSES, SCORES

DOCS = Path(results.__file__).parent


def test_page_and_schema_are_current():
    assert (DOCS / "results.md").read_text(encoding="utf-8") == results.page(), "run `python -m docs.results`"
    assert (DOCS / "results.schema.json").read_text(encoding="utf-8") == results.schema_text(), "run the same"


def test_every_field_and_column_is_explained():
    found = results.schema()
    for record in (found, *found["$defs"].values()):
        assert record["description"]
        assert all(field.get("description") for field in record["properties"].values())
    for columns in (RESPONSES, SCORES):
        assert len({column.name for column in columns}) == len(columns)
        assert all(column.words.endswith((".", "...")) for column in columns)
