"""What a user chooses about the models of a run: model -> field of its protocol -> value."""

from collections.abc import Iterable, Mapping

from adapters.base import Profile, Value
from adapters.registry import spec
from adapters.resolution import AS_SAVED
from adapters.spec import ModelSpec
from harness.errors import ConfigError
from harness.keys import OPEN

Choices = dict[str, dict[str, Value]]
_OF_A_MODEL = "MODEL.KEY=VALUE, such as qwen2.5-vl-7b.max_pixels=1003520"
_WORDS: dict[str, Value] = {"true": True, "false": False}


def typed(text: str) -> Value:
    """A value as it is written after "=": true or false, a number, or else a word."""
    if text in _WORDS:
        return _WORDS[text]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def pair_of(flag: str, before: str, word: str) -> tuple[str, Value]:
    """Key and value of what stands behind a flag; the name of a model may hold "=", the value of its field may not.

    Args:
        flag: as written, for the sentence.
        before: what is left out of the key, such as "protocol.".
        word: such as "datasets.expw.margin=0.1".

    Raises:
        ConfigError: there is no "=".
    """
    of_model = f"{before}{word}".startswith(f"{OPEN}.")
    key, equals, value = word.rpartition("=") if of_model else word.partition("=")
    if not equals:
        form = _OF_A_MODEL if before else "KEY=VALUE, such as datasets.expw.margin=0.1"
        raise ConfigError(f"{flag} {word} has no '=': write {flag} {form}.")
    return f"{before}{key.strip()}", typed(value.strip()) if of_model else value


def of_models(chosen: Mapping[str, Mapping[str, Value]], names: Iterable[str], profile: Profile) -> Choices:
    """What is chosen for each of these models and differs from the profile; a model without a choice is left out.

    A choice for NAME holds for NAME@FOLDER too, unless that has one of its own.

    Raises:
        UnknownNameError: a model or a field does not exist, asked or not.
        AdapterError: a field is fixed, or a value is of another kind than it should be.
    """
    for name, fields in chosen.items():
        spec(name).chosen(profile, fields)
    found = {name: {**chosen.get(_base(name), {}), **chosen.get(name, {})} for name in names}
    own = {name: _different(spec(name), fields, profile) for name, fields in found.items()}
    return {name: fields for name, fields in own.items() if fields}


def unused(chosen: Iterable[str], names: Iterable[str]) -> list[str]:
    """Models that something is chosen for, and that are not asked."""
    asked = {form for name in names for form in (name, _base(name))}
    return [name for name in chosen if name not in asked]


def _base(name: str) -> str:
    return name.partition("@")[0]


def _different(model: ModelSpec, fields: Mapping[str, Value], profile: Profile) -> dict[str, Value]:
    usual = model.protocol.get(profile, {})
    return {name: value for name, value in fields.items() if not _same(value, usual.get(name, AS_SAVED))}


def _same(value: Value, other: Value) -> bool:
    return type(value) is type(other) and value == other  # False is not 0, which is "as the checkpoint says"
