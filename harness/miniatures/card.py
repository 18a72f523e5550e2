"""The model card: how a miniature was made and what it was found to see."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from harness.miniatures import evaluate
from harness.miniatures.evaluate import Figures
from harness.records import Record


class Card(Record):
    """What every card says."""

    template: ClassVar[str]
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
    minutes: int
    figures: dict[str, Figures]

    def text(self) -> str:
        """The card as Markdown."""
        return _render(self.template, {field: getattr(self, field) for field in type(self).model_fields})


class ChatCard(Card):
    """Of a model that writes."""

    template = "card.md.j2"
    tower_steps: int
    language_steps: int


class SpecialistCard(Card):
    """Of one that decides between labels."""

    template = "specialists/card.md.j2"
    datasets: tuple[str, ...]
    steps: int


def tables(figures: Mapping[str, Figures]) -> str:
    """The figures alone, as Markdown."""
    return _render("figures.md.j2", {"figures": figures})


def _render(template: str, values: Mapping[str, object]) -> str:
    loader = FileSystemLoader(Path(__file__).parent)
    # Markdown, not HTML: escaping would change the command.
    environment = Environment(loader=loader, undefined=StrictUndefined, autoescape=False)  # noqa: S701
    return environment.get_template(template).render(**values, sees=evaluate.SEES).strip() + "\n"
