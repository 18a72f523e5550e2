"""Lists of attribute names: "Male, Young, White, Wavy Hair" holds a race and a hair style, no white hair.

In prose an adjective reaches over a comma to the next noun ("white, wavy hair"). Between names it does not, so the
comma between two of them is read as a semicolon, which ends whatever went before. Names are told from prose by being
labels from comma to comma and nothing else, and by capitals, underscores, or there being at least three in a row.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from tasks.labels import LabelSpace
from tasks.parse.text import BREAKS, Cut, words

LONG = 3
"""So many names in a row are a list, however they are written."""
LONGEST = 8
"""No name of a label has so many words."""
_COMMAS = frozenset({",", "and", "&"})
_SEPARATORS = (BREAKS - {"/"}) | _COMMAS | {"•", "·", "+"}


class _Item(NamedTuple):
    """texts[first:last] stands between two separators."""

    first: int
    last: int
    label: str | None
    """The label whose name it is, if it is nothing else."""


@lru_cache(maxsize=32)
def _names(space: LabelSpace) -> dict[tuple[str, ...], str]:
    return {words(label): label for label in space.labels}


def itemised(reply: Cut, space: LabelSpace) -> list[str]:
    """The same words, with a semicolon for each comma between two names."""
    items = _items(reply.texts, _names(space))
    if not any(item.label for item in items):
        return reply.texts
    texts = list(reply.texts)
    for place in _borders(reply, items, space):
        texts[place] = ";"
    return texts


def _items(texts: list[str], names: dict[tuple[str, ...], str]) -> list[_Item]:
    """What stands between separators, from left to right."""
    ends = [place for place, text in enumerate(texts) if text in _SEPARATORS]
    found = []
    for before, end in pairwise([-1, *ends, len(texts)]):
        label = names.get(tuple(texts[before + 1 : end])) if end - before < LONGEST else None
        found.append(_Item(before + 1, end, label))
    return found


def _borders(reply: Cut, items: Sequence[_Item], space: LabelSpace) -> Iterable[int]:
    """Places of the commas between names."""
    run = 0
    for number, (one, other) in enumerate(pairwise(items)):
        comma = reply.texts[one.last]
        if comma not in _COMMAS:
            run = 0
            continue
        run = run + 1 if one.label and other.label else 0
        if run == LONG - 1:
            yield items[number - 1].last
        # "No Beard and Mustache" denies both.
        rivals = (
            comma != ","
            and other.label
            and {(one.label, other.label), (other.label, one.label)}.intersection(space.exclusive)
        )
        named = other.label and not rivals and _written_as_name(reply, one, other)
        if run >= LONG - 1 or named:
            yield one.last


def _written_as_name(reply: Cut, one: _Item, other: _Item) -> bool:
    """Whether capitals or underscores tell a name: behind a comma, either item of two words shows it for both."""
    comma = reply.texts[one.last] == ","
    if _capital(reply, other):
        return one.label is not None or (comma and other.last - other.first > 1)
    return comma and one.label is not None and one.last - one.first > 1 and _capital(reply, one)


def _capital(reply: Cut, item: _Item) -> bool:
    places = range(item.first, item.last)
    long = [place for place in places if len(reply.texts[place]) > 1 and reply.texts[place].isalpha()]
    return all(map(reply.is_name, long))
