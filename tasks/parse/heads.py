"""Adjectives around a head noun: "short, wavy, dark brown hair", "her hair is black and straight", "Hair: brown"."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from tasks.labels import LabelSpace
from tasks.parse.english import word_set
from tasks.parse.scope import BULLETS
from tasks.parse.text import SENTENCE_ENDS, Found, Lexicon, words

REACH = 16
"""Words looked at on either side of the noun."""
ASIDE = 9
"""The longest aside between two commas."""
SECTION = 80
"""Words below a heading that are looked at."""
ASPECTS = frozenset({"color", "colour", "type", "texture", "style", "shape", "size", "length", "tone", "appearance"})
_LINKS = frozenset({":", "=", ",", "|", "that", "which", "(", "styled", "slightly"})
HEADING_BEFORE = BULLETS | {"\n", ".", ":"}
_TURNED = (["turned"], ["gone"], ["become"], ["been"], ["grown"])
_STOPS = SENTENCE_ENDS | {
    "a", "an", "the", "his", "her", "their", "with", "while", "against", "on", "over", "by", "he", "she", "they",
    "wearing", "has", "have", "wears", "under", "behind", "like", "matching", "complementing", "{", "}",
}  # fmt: skip


class Described(NamedTuple):
    """The adjective at place says that label is value, of the noun at noun."""

    place: int
    last: int
    noun: int
    noun_last: int
    label: str
    value: bool
    reversible: bool = True
    """Whether its denial says the reverse: eyes that are not blue need not be brown."""


class _Effect(NamedTuple):
    label: str
    value: bool
    reversible: bool


class Head(NamedTuple):
    """A noun's adjectives."""

    adjectives: Lexicon[tuple[_Effect, ...]]


@lru_cache(maxsize=32)
def _heads(space: LabelSpace) -> Lexicon[Head]:
    nouns: dict[tuple[str, ...], Head] = {}
    for head in space.heads:
        effects: dict[tuple[str, ...], tuple[_Effect, ...]] = {}
        for table, value, reversible in ((head.yes, True, True), (head.no, False, True), (head.against, False, False)):
            for label, adjectives in table.items():
                for adjective in adjectives:
                    effect = _Effect(label, value, reversible)
                    effects[words(adjective)] = (*effects.get(words(adjective), ()), effect)
        nouns |= {words(noun): Head(Lexicon(effects)) for noun in head.nouns}
    return Lexicon(nouns)


def head_nouns(texts: Sequence[str], space: LabelSpace) -> list[Found[Head]]:
    """The head nouns, from left to right."""
    return list(_heads(space).find(texts))


def described(texts: Sequence[str], nouns: Sequence[Found[Head]]) -> Iterable[Described]:
    """Every adjective of a head noun that names a label."""
    places = {noun.first for noun in nouns}
    for noun in nouns:
        yield from _before(texts, noun)
        yield from _after(texts, noun, places)
        yield from _section(texts, noun)


def _before(texts: Sequence[str], noun: Found[Head]) -> Iterable[Described]:
    """Adjectives and fillers that lead up to the noun without a gap."""
    place = noun.first - 1
    while place >= max(noun.first - REACH, 0) and not (place == noun.first - 1 and texts[place] in (",", "and", "or")):
        found = _ending_at(texts, noun, place)
        if found:
            yield from _effects(noun, found)
            place = found.first - 1
        elif texts[place] in word_set("fillers") or texts[place] in word_set("tints"):
            place -= 1
        else:
            return


def _ending_at(texts: Sequence[str], noun: Found[Head], place: int) -> Found[tuple[_Effect, ...]] | None:
    """The adjective, of up to three words, that ends with this one."""
    adjectives = noun.meaning.adjectives
    for first in range(max(place - 2, 0), place + 1):
        if texts[first] in adjectives.openings and (found := adjectives.at(texts, first)) and found.last == place + 1:
            return found
    return None


def _after(texts: Sequence[str], noun: Found[Head], nouns: set[int]) -> Iterable[Described]:
    """Adjectives behind "is", a colon or "color"; words that are neither are skipped up to the end of the clause."""
    place = noun.last
    while place < len(texts) and texts[place] in ("color", "colour", "type", "texture", "style", "shape", "-", "size"):
        place += 1
    if texts[place : place + 1] == ["on"] and texts[place + 2 : place + 3] == ["head"]:
        place += 3
    place = _past_second(texts, place)
    if texts[place : place + 1] in (["has"], ["have"]) and texts[place + 1 : place + 2] in _TURNED:
        place += 1
    elif not _linked(texts, place := past_aside(texts, place)) and not _in_colour(texts, place, noun):
        return
    place = _past_restart(texts, place)
    end = min(noun.last + REACH, len(texts))
    adjectives = noun.meaning.adjectives
    while place < end and place not in nouns and texts[place] not in _STOPS:
        found = adjectives.at(texts, place) if texts[place] in adjectives.openings else None
        if found:
            yield from _effects(noun, found)
        place = found.last if found else place + 1


def _section(texts: Sequence[str], noun: Found[Head]) -> Iterable[Described]:
    """The bullets below a line that holds the noun alone: "**Hair**", "- Style: wavy"."""
    place = noun.last + (texts[noun.last : noun.last + 1] == [":"])
    alone = noun.first == 0 or texts[noun.first - 1] in HEADING_BEFORE
    if not alone or texts[place : place + 1] != ["\n"]:
        return
    end = min(place + SECTION, len(texts) - 3)
    of_noun = False
    while place < end and (texts[place] != "\n" or texts[place + 1] in BULLETS):
        if texts[place] == "\n":
            of_noun = texts[place + 2] in ASPECTS and texts[place + 3] == ":"
        elif of_noun and (found := noun.meaning.adjectives.at(texts, place)):
            yield from _effects(noun, found)
        place += 1


def _linked(texts: Sequence[str], place: int) -> bool:
    if place >= len(texts):
        return False
    text = texts[place]
    if text not in word_set("copulas") and text not in _LINKS and not text.endswith("n't"):
        return False
    # After a comma only a relative clause still speaks of the noun.
    return text != "," or texts[place + 1 : place + 2] in (["which"], ["that"])


def _in_colour(texts: Sequence[str], place: int, noun: Found[Head]) -> bool:
    """Whether "brown in color" follows a comma."""
    first = place + 1
    while texts[place : place + 1] == [","] and first < len(texts) and texts[first] in word_set("fillers"):
        first += 1
    found = noun.meaning.adjectives.at(texts, first) if first < len(texts) else None
    return found is not None and tuple(texts[found.last : found.last + 2]) in (("in", "color"), ("in", "colour"))


def _past_restart(texts: Sequence[str], place: int) -> int:
    """Skip "they", a brace, or "a": "Eyebrows: They are thick", "hair": {"color": "brown"}, "hair is a rich brown"."""
    following = texts[place + 1 : place + 2]
    colon = texts[place : place + 1] == [":"] and following in (["they"], ["these"], ["{"])
    return place + 2 if colon or following in (["a"], ["an"]) else place


def _past_second(texts: Sequence[str], place: int) -> int:
    """Skip another noun that shares the verb: "his hair and beard are white"."""
    if texts[place : place + 1] != ["and"]:
        return place
    verb = place + 2 + (texts[place + 1 : place + 2] in (["his"], ["her"], ["their"]))
    return verb if texts[verb : verb + 1] in (["are"], ["were"], ["appear"], ["look"]) else place


def past_aside(texts: Sequence[str], place: int) -> int:
    """Skip what stands between two commas before a verb: "his hair, unlike his beard, is white"."""
    if texts[place : place + 1] == [","]:
        for end in range(place + 1, min(place + ASIDE, len(texts) - 1)):
            if texts[end] in SENTENCE_ENDS:
                break
            if texts[end] == ",":
                return end + 1 if texts[end + 1] in word_set("copulas") else place
    return place


def _effects(noun: Found[Head], found: Found[tuple[_Effect, ...]]) -> Iterable[Described]:
    for effect in found.meaning:
        yield Described(found.first, found.last, noun.first, noun.last, *effect)
