"""The resolution policy of a model: named fields that say what becomes of a picture before a network sees it.

A field is read from the checkpoint unless the protocol gives it another value. What the network was built for is
recorded all the same, but takes no other value.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from adapters.base import Protocols, Value
from harness.errors import AdapterError, UnknownNameError
from harness.records import Record

AS_SAVED = 0
"""As the value of a field: what the checkpoint says."""


class Policy(Record):
    """What the model list knows of a model's fields before anything is loaded."""

    words: str = ""
    """A sentence in which a field's name in braces stands for its value."""
    values: dict[str, Value] = Field(default_factory=dict)
    """Every field with its value of the published checkpoint in the paper profile."""
    fixed: tuple[str, ...] = ()

    @property
    def free(self) -> list[str]:
        """The fields that can be chosen."""
        return [name for name in self.values if name not in self.fixed]

    def check(self, model: str, fields: Protocols) -> None:
        """Whether these fields can be chosen; what a network says of their values is known when it is loaded.

        Raises:
            UnknownNameError: the model has no such field.
            AdapterError: the field is fixed, or the value is of another kind than it should be.
        """
        for name, value in fields.items():
            if not self.values:
                raise AdapterError(f"model '{model}' has no field to choose: leave '{name}' out")
            if name not in self.values:
                raise UnknownNameError.of(f"protocol field of {model}", name, self.values, "`python -m harness models`")
            if name in self.fixed:
                raise AdapterError(cannot(name, value, self.values[name], self.free, model))
            if not _as_saved(value):
                check_kind(name, value, self.values[name], model)

    def in_words(self, values: Mapping[str, Any]) -> str:
        """The sentence with these values; the values alone where it does not fit them."""
        try:
            return self.words.format_map(values)
        except (KeyError, ValueError, IndexError):
            return ", ".join(f"{name} {value}" for name, value in values.items())


def settle(given: Protocols, saved: Protocols, fixed: Sequence[str], source: str) -> dict[str, Any]:
    """The values in force: those given, and where a field is `AS_SAVED` the checkpoint's.

    Args:
        given: a value for each field.
        saved: the fields the checkpoint has a value for.
        fixed: those the network takes no other value for.
        source: the checkpoint, for the sentence.

    Raises:
        AdapterError: another value for a fixed field, or one of another kind than the checkpoint's.
    """
    force = {name: saved[name] if name in saved and _as_saved(value) else value for name, value in given.items()}
    for name, value in saved.items():
        if type(force[name]) is type(value) and force[name] == value:
            continue
        if name in fixed:
            raise AdapterError(cannot(name, force[name], value, [one for one in given if one not in fixed], source))
        check_kind(name, force[name], value, source)
    return force


def check_kind(name: str, value: Any, like: Any, source: str) -> None:
    """Numbers stay numbers, from 1 up, and words stay words.

    Raises:
        AdapterError: the value is of another kind than the one it replaces.
    """
    if type(value) is not type(like) or (isinstance(value, int) and not isinstance(value, bool) and value < 1):
        kind = {int: "a whole number from 1 up", bool: "true or false", str: "a word"}.get(type(like), "a number")
        raise AdapterError(f"field '{name}' of {source} must be {kind}, such as {like!r}, not {value!r}")


def cannot(name: str, value: Any, built: Any, free: Sequence[str], source: str) -> str:
    """The sentence for a value that a network does not take."""
    others = f"; what can be chosen is {', '.join(free)}" if free else "; nothing else can be chosen either"
    return f"field '{name}' of {source} is {built!r}, as its network was built, and cannot be {value!r}{others}"


def check_range(protocol: Protocols, low: str, high: str, source: str) -> None:
    """Two fields that are a range must be one.

    Raises:
        AdapterError: the lower bound is above the upper.
    """
    if protocol[low] > protocol[high]:  # type: ignore[operator]  # both are numbers, which `settle` has seen to
        raise AdapterError(
            f"{source} cannot have {low} = {protocol[low]} above {high} = {protocol[high]}: raise {high} or lower {low}"
        )


def _as_saved(value: object) -> bool:
    return type(value) is int and value == AS_SAVED  # False is a choice, though it equals 0
