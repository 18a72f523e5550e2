"""From a mirror's codes and words to the words of a label space: by name, never by the order of a list."""

from functools import cache
from typing import Any

from harness.errors import ConfigError, DataError
from tasks.datasets.mirrors import Mirror
from tasks.labels import label_space

_OTHER_SPELLINGS = {"fairface.age": {"70+": "more than 70"}}
"""What the authors' own program prints in place of their label."""


class Words:
    """Reads the labels of one role of a mirror."""

    def __init__(self, mirror: Mirror, role: str, space: str, own: tuple[str, ...] | None) -> None:
        """Take the names of the codes from the mirror itself, or from the user where it has none that say anything.

        Raises:
            ConfigError: both name the codes, or a name is none of the label space.
        """
        self._role, self._space, self._column = role, space, mirror.columns[role]
        given = mirror.labels.get(role)
        if given is not None:
            _check(mirror, role, space, given, own)
        self._names = own if given is None else given

    def read(self, value: Any, where: str) -> str:
        """The label that a value stands for.

        Raises:
            DataError: it stands for none; the message says in which row.
        """
        label = _known(self._space).get(_plain(self._named(value, where)))
        if label is None:
            raise self._unknown(value, where, f"none of {', '.join(label_space(self._space).labels)}")
        return label

    def _named(self, value: Any, where: str) -> str:
        code = int(value) if self._names and isinstance(value, str) and value.isdecimal() else value
        if isinstance(code, str):
            return code
        if not isinstance(code, int) or isinstance(code, bool):
            raise self._unknown(value, where, "neither a word nor a code")
        if self._names is None:
            raise self._unknown(value, where, f"a code without a name: --labels {self._role}=NAME,NAME,... names them")
        if not 0 <= code < len(self._names) or not self._names[code]:
            raise self._unknown(value, where, f"none of the codes that have a name ({', '.join(self._names)})")
        return self._names[code]

    def _unknown(self, value: Any, where: str, what: str) -> DataError:
        name = ""
        if self._names and isinstance(value, int) and 0 <= value < len(self._names):
            name = f" ({self._names[value]!r})"
        return DataError(f"{where}: {value!r:.80}{name} in column {self._column!r} is {what}.")


def _check(mirror: Mirror, role: str, space: str, given: tuple[str, ...], own: tuple[str, ...] | None) -> None:
    known = _known(space)
    for name in given:
        if name and _plain(name) not in known:
            labels = ", ".join(label_space(space).labels)
            raise ConfigError(f"--labels {role}: {name!r} is none of {labels}.")
    if own is None:
        return
    if all(_plain(name) in known for name in own):
        raise ConfigError(f"{mirror.repo} names its codes itself ({', '.join(own)}). Leave --labels {role}=... out.")
    if len(own) != len(given):
        raise ConfigError(f"--labels {role} has {len(given)} names for the {len(own)} codes {', '.join(own)}.")


@cache
def _known(space: str) -> dict[str, str]:
    """Each word that names a label, in plain spelling -> the label; the label's own name comes first."""
    words = label_space(space)
    more = [(word, label) for table in (words.words, words.short) for label, own in table.items() for word in own]
    more += _OTHER_SPELLINGS.get(space, {}).items()
    return {_plain(word): label for word, label in [*more, *((label, label) for label in words.labels)]}


def _plain(word: str) -> str:
    return " ".join(word.casefold().replace("_", " ").replace("-", " ").split())
