"""Where a reply names the labels of a one-label space, before asking whether it asserts them."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from tasks.labels import Guard, LabelSpace
from tasks.parse.english import word_set
from tasks.parse.text import BREAKS, SENTENCE_ENDS, Lexicon, words

ASIDE = 9
"""The longest aside between two commas."""
SUBJECT_REACH = 5
"""How many words back from "is black" its subject is looked for."""


class Named(NamedTuple):
    """texts[first:last] names a label; label is None where it fits several at once."""

    first: int
    last: int
    label: str | None
    weak: bool = False


class _Meaning(NamedTuple):
    label: str | None
    weak: bool
    elsewhere: bool = False


@lru_cache(maxsize=32)
def _lexicon(space: LabelSpace) -> Lexicon[_Meaning]:
    phrases: dict[tuple[str, ...], _Meaning] = {}
    for phrase in space.vague:
        phrases[words(phrase)] = _Meaning(None, weak=False)
    for table, weak in ((space.weak, True), (space.words, False)):
        for label, found in table.items():
            phrases |= {words(phrase): _Meaning(label, weak) for phrase in found}
    phrases |= {words(label): _Meaning(label, weak=False) for label in space.labels}
    phrases |= {words(phrase): _Meaning(None, weak=False, elsewhere=True) for phrase in space.elsewhere}
    return Lexicon(phrases)


def named(texts: Sequence[str], space: LabelSpace) -> list[Named]:
    """Every phrase that names a label, longest first, in the order of the reply."""
    return [
        Named(found.first, found.last, found.meaning.label, found.meaning.weak)
        for found in _lexicon(space).find(texts)
        if not found.meaning.elsewhere and guarded(texts, found.first, found.last, space.guards)
    ]


def guarded(texts: Sequence[str], first: int, last: int, guards: Sequence[Guard]) -> bool:
    """Whether the words at this place are meant as a label: "black" is none in "black hair"."""
    if last - first != 1:
        return True
    return all(_meant(texts, first, guard) for guard in guards if texts[first] in guard.words)


def _meant(texts: Sequence[str], place: int, guard: Guard) -> bool:
    before = texts[place - 1] if place else ""
    if place > 1 and before == ":" and texts[place - 2] in guard.told_by:
        return True
    if before in guard.never_after or _said_of_thing(texts, place, guard):
        return False
    after = place + 1
    while after < len(texts) and texts[after] in guard.through:
        after += 1
    following = texts[after] if after < len(texts) else ""
    if following in ("and", "or", ",", "/", "-"):
        beyond = texts[after + 1] if after + 1 < len(texts) else ""
        # "Black, brown eyes": nothing has two colours at once, so the first is a word of its own.
        alone = following == "," and beyond in guard.hues and (not before or before in SENTENCE_ENDS)
        # "A white, wavy-haired man" is white himself.
        return alone or "haired" in texts[after + 2 : after + 3] or beyond not in guard.colours + guard.hues
    return not following or following in guard.before or not following[0].isalnum()


def _past_aside(texts: Sequence[str], back: int) -> int:
    """Skip back over what stands between two commas: "his hair, unlike his beard, is"."""
    if back > 0 and texts[back] == ",":
        for place in range(back - 1, max(back - ASIDE, 0), -1):
            if texts[place] in BREAKS:
                return place - 1 if texts[place] == "," else back
    return back


def _said_of_thing(texts: Sequence[str], place: int, guard: Guard) -> bool:
    """Whether the colour belongs to a thing before it: "her shirt is black", "Background: white"."""
    back = place - 1
    linked = False
    while back >= 0 and (texts[back] in word_set("copulas") or texts[back] in (":", "solid", "plain")):
        linked, back = True, back - 1
    back = _past_aside(texts, back)
    found = False
    subject = texts[max(back - SUBJECT_REACH, 0) : back + 1] if linked else ()
    if guard.evidence.intersection(subject) and "and" in subject and texts[place - 1] == ":":
        # "Dark skin and curly hair: Black" draws a conclusion.
        return False
    for text in reversed(subject):
        if text in BREAKS or text in guard.modifying:
            # "the man with the beard is black": the thing only tells which man.
            return found and text in BREAKS
        found = found or text in guard.things
        if text in guard.before and not found:
            return False
    return found
