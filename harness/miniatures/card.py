"""The model card: how a miniature was made and what it was found to see."""

from pathlib import Path

from jinja2 import Environment, StrictUndefined

from harness.miniatures import evaluate
from harness.miniatures.evaluate import Figures
from harness.records import Record

TEMPLATE = Path(__file__).parent / "card.md.j2"


class Card(Record):
    """Everything a card says."""

    name: str
    base: str
    architecture: str
    weights: str
    command: str
    seed: int
    train_faces: int
    train_seed: int
    test_seed: int
    lessons: int
    tower_steps: int
    language_steps: int
    minutes: int
    figures: dict[str, Figures]

    def text(self) -> str:
        """The card as Markdown."""
        # Markdown, not HTML: escaping would change the command.
        environment = Environment(undefined=StrictUndefined, autoescape=False, trim_blocks=False)  # noqa: S701
        template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
        values = {field: getattr(self, field) for field in type(self).model_fields}
        return template.render(**values, sees=evaluate.SEES).strip() + "\n"
