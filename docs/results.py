"""Writes docs/results.md and docs/results.schema.json from the columns and records: `python -m docs.results`."""

import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from harness.export.columns import RESPONSES, SCORES
from harness.export.results import Results

HERE = Path(__file__).parent


def schema() -> dict[str, Any]:
    """The JSON Schema of results.json."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | Results.model_json_schema(mode="serialization")


def schema_text() -> str:
    """The same as a file."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


def page() -> str:
    """The whole page as Markdown."""
    found = schema()
    environment = Environment(
        loader=FileSystemLoader(HERE), undefined=StrictUndefined, keep_trailing_newline=True, trim_blocks=True
    )
    return environment.get_template("results.md.j2").render(
        responses=RESPONSES, scores=SCORES, records={"Results": found, **found["$defs"]}
    )


if __name__ == "__main__":
    (HERE / "results.md").write_text(page(), encoding="utf-8")
    (HERE / "results.schema.json").write_text(schema_text(), encoding="utf-8")
