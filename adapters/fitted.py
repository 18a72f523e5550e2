"""What models that are fitted to training labels write into their config.json, and how it is read. No torch here."""

from pathlib import Path
from typing import TypeVar

from pydantic import Field, ValidationError

from harness.errors import AdapterError
from harness.records import Record
from tasks.coarser import coarser
from tasks.labels import SPACE_NAMES

CONFIG = "config.json"
S = TypeVar("S", bound="Fitted")


class Source(Record):
    """What a question lent to the fit."""

    dataset: str
    split: str
    faces: int
    unreadable: int = 0
    """Of these, how many have a picture that cannot be read; a model that looks at none does not know."""


class Head(Record):
    """A label space as it was fitted."""

    labels: tuple[str, ...]
    present: tuple[int, ...]
    """How many training faces have each label."""
    annotated: tuple[int, ...]
    """How many of them say whether they have it."""


class Fitted(Record):
    """A config.json: what the model is and what it was fitted to."""

    model_type: str
    what: str
    """A sentence."""
    command: str
    answers_in: tuple[str, ...]
    """The label spaces in which it can answer: its own, and those that tell less apart (tasks/coarser.toml)."""
    heads: dict[str, Head]
    """Label space -> what was counted."""
    sources: dict[str, Source]
    """Question -> what it lent."""
    datasets: dict[str, dict[str, str | int | float | bool]] = Field(default_factory=dict)
    """Choices about the datasets that differ from the usual ones."""
    limit: int | None = None
    """At most so many faces of each question."""
    seed: int
    """Of that subset."""
    versions: dict[str, str]


def read_config(kind: type[S], source: str) -> S:
    """The config.json of a folder.

    Raises:
        AdapterError: there is none, or it is another model's.
    """
    file = Path(source) / CONFIG
    cure = "`python -m harness train majority`, prior or clip-probe writes such folders"
    try:
        found = kind.model_validate_json(file.read_bytes())
    except OSError as error:
        raise AdapterError(f"{file} cannot be read ({error.strerror or error}): {cure}") from error
    except ValidationError as error:
        raise AdapterError(f"{file} is not the config.json of this model: {cure}") from error
    unknown = [space for space in found.heads if space not in SPACE_NAMES]
    if unknown:
        raise AdapterError(f"{file} is of another version, with labels of '{unknown[0]}': {cure}")
    return found


def reach(heads: tuple[str, ...]) -> tuple[str, ...]:
    """All label spaces in which somebody can answer who has these heads."""
    return tuple(space for space in SPACE_NAMES if any(coarser(head, space) is not None for head in heads))
