"""`python -m harness export`: a run as Parquet, as a folder for `datasets`, and as one JSON file with a schema.

OUT/responses.parquet   a row per model, question and sample
OUT/scores.parquet      a row per model and question
OUT/results.json        the run, its settings and its scores
OUT/README.md           how to read them; `datasets.load_dataset(OUT)` finds the tables by it
"""

from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from harness.derived import up_to_date
from harness.export import rows
from harness.export.columns import RESPONSES, SCORES, schema
from harness.export.parquet import write
from harness.export.results import FILE, Results, collect
from harness.rescore import rescore
from harness.store import RunFolder, write_atomically

DEFAULT = "export"


class Exported(NamedTuple):
    """What was written."""

    folder: Path
    responses: int
    scores: int


def export(folder: RunFolder, out: Path | None = None) -> Exported:
    """Write the tables of a run; answers that were not scored yet, or by other code, are scored first.

    Args:
        folder: of the run; to be held by its lock.
        out: where to; RUN/export if None.

    Raises:
        StoreError: the folder holds no run, or is damaged.
    """
    if not up_to_date(folder):
        rescore(folder)
    target = out or folder.path / DEFAULT
    target.mkdir(parents=True, exist_ok=True)
    found = collect(folder)
    done = Exported(
        folder=target,
        responses=write(target / "responses.parquet", schema(RESPONSES), rows.responses(folder)),
        scores=write(target / "scores.parquet", schema(SCORES), rows.scores(folder)),
    )
    write_atomically(target / FILE, found.model_dump_json(indent=1) + "\n")
    write_atomically(target / "README.md", _card(found, done))
    return done


def _card(found: Results, done: Exported) -> str:
    # Markdown for people and a head for `datasets`; names in it are put into JSON strings, which are YAML too.
    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(loader=loader, undefined=StrictUndefined, autoescape=False)  # noqa: S701
    return environment.get_template("card.md.j2").render(run=found.run, responses=done.responses, scores=done.scores)
