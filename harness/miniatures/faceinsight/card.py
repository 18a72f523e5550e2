"""The model card of FaceInsight's miniature."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from faceinsight.recipe import Settings, Training
from harness.miniatures import evaluate
from harness.miniatures.evaluate import Figures
from harness.records import Record
from harness.toys import TEST_SEED, TRAIN_FACES, TRAIN_SEED


class Card(Record):
    """Everything a card says."""

    command: str
    weights: int
    learning: int
    """Weights that learn in FaceInsight's own training."""
    steps: dict[str, int]
    """Stand-in -> steps."""
    training: Training
    settings: Settings
    best: float
    """Validation accuracy, mean over the questions."""
    figures: dict[str, Figures]

    def text(self) -> str:
        """The card as Markdown."""
        here = Path(__file__).parent
        environment = Environment(
            loader=FileSystemLoader([here, here.parent]),
            undefined=StrictUndefined,
            autoescape=False,  # noqa: S701 - Markdown, not HTML
        )
        values = {field: getattr(self, field) for field in type(self).model_fields}
        seeds = {"train_seed": TRAIN_SEED, "test_seed": TEST_SEED, "train_faces": TRAIN_FACES, "sees": evaluate.SEES}
        return environment.get_template("card.md.j2").render(**values, **seeds).strip() + "\n"
