"""The paper's published numbers and the panels of its figures, as frozen records read from published.toml."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from harness.records import METRICS, Record
from tasks.registry import QUESTIONS

Setting = Literal["fine-tuned", "trained", "training-free", "floor"]
"""How a model came to know faces: fine-tuned on them for a comparison, made for them, or not at all; a floor is fitted
to training labels, and not meant to be good."""


class Place(Record):
    """What a cell of the paper answers."""

    question: str
    metric: str


def _place(text: object) -> object:
    """ "maad:f1" as a place."""
    if not isinstance(text, str):
        return text
    question, _, metric = text.rpartition(":")
    if not question or metric not in METRICS:
        raise ValueError(f"'{text}' is not QUESTION:METRIC with a metric of {', '.join(METRICS)}")
    return {"question": question, "metric": metric}


class Known(Record):
    """A model of the paper's tables."""

    ours: str
    """What it is called here."""
    setting: Setting


class Group(Record):
    """The rows of a table that share a dataset or an attribute."""

    name: str
    cells: tuple[Annotated[Place, BeforeValidator(_place)], ...]
    """One per column."""
    values: dict[str, tuple[float, ...]]
    """Model as printed -> percent, one per column, in the order of the paper."""


class PaperTable(Record):
    """A table as printed."""

    number: int
    place: str
    caption: str
    head: str
    """Over the names of the groups."""
    columns: tuple[str, ...]
    trained_only: bool = False
    """Whether it compares only models that were made for these tasks (table 4)."""
    spaces: dict[str, str] = Field(default_factory=dict)
    """Question -> the label space in which we read its numbers to be, where that is not the question's usual one."""
    groups: tuple[Group, ...]

    @model_validator(mode="after")
    def _complete(self) -> Self:
        width = len(self.columns)
        for group in self.groups:
            if {len(group.cells), *map(len, group.values.values())} != {width}:
                raise ValueError(f"table {self.number}, {group.name}: every row must have {width} values")
        return self

    def space(self, question: str) -> str:
        """The label space of the numbers printed for a question."""
        return self.spaces.get(question) or QUESTIONS[question].space


class Panels(Record):
    """One of figures 3-6."""

    number: int
    caption: str
    panels: dict[str, str]
    """Title -> question."""


class Paper(Record):
    """All that is read of the paper."""

    models: dict[str, Known]
    """As printed -> what it is here."""
    unprinted: dict[str, Known]
    """The same for models that the text compares and no table lists."""
    floors: tuple[str, ...]
    """Models of ours that stand beside the paper's for comparison."""
    tables: tuple[PaperTable, ...]
    figures: tuple[Panels, ...]
    radar: dict[str, str]
    """Axis of figure 1 -> question, clockwise from the top."""

    @model_validator(mode="after")
    def _every_model_is_known(self) -> Self:
        named = {name for table in self.tables for group in table.groups for name in group.values}
        if missing := sorted(named - set(self.models)):
            raise ValueError(f"[models] does not say what {', '.join(missing)} are called here")
        return self

    def setting(self, model: str) -> Setting:
        """The setting of a model of a run.

        NAME@FOLDER is a checkpoint of someone's own; the "@" of an address (openai:MODEL@URL, hf:REPO@BRANCH) is none.
        """
        if model.partition("@")[0] in self.floors:
            return "floor"
        if "@" in model and not model.startswith(("openai:", "hf:")):
            return "fine-tuned"
        made_for = {
            known.ours for known in (*self.models.values(), *self.unprinted.values()) if known.setting == "trained"
        }
        return "trained" if model in made_for else "training-free"

    def printed(self, model: str) -> str | None:
        """The name under which the paper prints numbers that this model's may stand beside, if it prints any.

        A checkpoint of one's own stands beside its network's row, whether that was fine-tuned or trained.
        """
        base, setting = model.partition("@")[0], self.setting(model)
        for name, known in self.models.items():
            if known.ours == base and (setting == "fine-tuned" or known.setting == setting):
                return name
        return None


@cache
def paper() -> Paper:
    """The paper as data."""
    return Paper.model_validate(tomllib.loads(Path(__file__).with_name("published.toml").read_text(encoding="utf-8")))
