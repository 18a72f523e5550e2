"""Writes docs/models.md from adapters/models.toml, the adapters and the notes of the proofs: `python -m docs.cards`."""

import tomllib
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from adapters.registry import names, spec
from adapters.spec import ModelSpec

HERE = Path(__file__).parent
PROOFS = HERE.parent / "tests" / "golden"


def page() -> str:
    """The whole page as Markdown."""
    # FaceInsight has no upstream to be proven against, and a page of its own.
    proven = [spec(name) for name in names() if (PROOFS / name / "note.toml").is_file()]
    cards = [(model, model.load(), note(model)) for model in proven]
    # Markdown, not HTML: escaping would change the prompts.
    environment = Environment(
        loader=FileSystemLoader(HERE), undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True
    )
    return environment.get_template("models.md.j2").render(cards=cards)


def note(model: ModelSpec) -> dict[str, object]:
    """What was run and compared for a model."""
    return tomllib.loads((PROOFS / model.name / "note.toml").read_text(encoding="utf-8"))


if __name__ == "__main__":
    (HERE / "models.md").write_text(page(), encoding="utf-8")
