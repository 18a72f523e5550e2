"""A description to attributes that it says are there and not there.

Statements are gathered first (attribute, value, how firmly), then settled: a stated value outweighs an implied one, two
stated values that differ are a contradiction, and so are two stated attributes that exclude each other.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from harness.records import Finish, Parsed, Status
from tasks.labels import LabelSpace
from tasks.parse.english import word_set
from tasks.parse.heads import Described, described, head_nouns
from tasks.parse.items import itemised
from tasks.parse.named import guarded
from tasks.parse.scope import Scopes, scopes
from tasks.parse.structure import Structure
from tasks.parse.text import Cut, Found, Lexicon, words

NEAR = 4
"""Words of an adjective and its noun that are shown as one phrase."""
JOINERS = frozenset({"or", "/", "to", "her", "a", "an", "possibly", "perhaps", "maybe", "even", ","})
"""Words between two alternatives, of which neither is asserted: "brown or black hair"."""


class Effect(NamedTuple):
    """What a phrase says of a label, said and denied; None says nothing."""

    label: str
    said: bool
    denied: bool | None
    weak: bool = False


class Statement(NamedTuple):
    """texts[first:last] says that label is value."""

    first: int
    last: int
    label: str
    value: bool
    weak: bool = False
    core: tuple[int, int] = (0, 0)
    """The deciding words, such as the adjective without its noun; (0, 0) is all of them."""


@lru_cache(maxsize=32)
def _lexicon(space: LabelSpace) -> Lexicon[tuple[Effect, ...]]:
    effects: dict[tuple[str, ...], list[Effect]] = {words(phrase): [] for phrase in space.elsewhere}
    for label in space.labels:
        effects.setdefault(words(label), []).append(Effect(label, said=True, denied=False))
    tables = (
        (space.words, True, False, False),
        (space.denials, False, True, False),
        (space.counterparts, False, True, True),
        (space.opposites, False, None, False),
        (space.hints, True, None, True),
        (space.hints_against, False, None, True),
        (space.pronouns, True, True, True),
        (space.pronouns_against, False, False, True),
    )
    for table, said, denied, weak in tables:
        for label, phrases in table.items():
            for phrase in phrases:
                effects.setdefault(words(phrase), []).append(Effect(label, said, denied, weak))
    return Lexicon({phrase: tuple(found) for phrase, found in effects.items()})


def parse_attributes(reply: Cut, space: LabelSpace, finish: Finish) -> Parsed:
    """Read the attributes of a reply."""
    texts = itemised(reply, space)
    marks = scopes(texts)
    statements = _without_alternatives(list(_statements(texts, space, marks)), texts, space)
    values, contradictions = settle(statements, space)
    named = [label for label in space.labels if label in values]
    return Parsed(
        status=_status(values, contradictions, marks, finish),
        yes=tuple(label for label in named if values[label]),
        no=tuple(label for label in named if not values[label]),
        contradictions=contradictions,
        mentions=tuple(
            _mention(one, reply)
            for one in dict.fromkeys(statements)
            if not (one.weak and values.get(one.label) is (not one.value))  # overruled: it says nothing in the end
        ),
    )


def _mention(one: Statement, reply: Cut) -> dict[str, object]:
    """The words to show for a statement: the adjective with its noun where they touch, else the adjective alone."""
    first, last = _core(one) if one.last - one.first > NEAR else (one.first, one.last)
    start, end = reply.span(first, last)
    # As a mapping, for then all the mentions of a reply are validated at once.
    return {"start": start, "end": end, "label": one.label, "value": one.value}


def _status(
    values: dict[str, bool], contradictions: Sequence[tuple[str, str]], marks: Scopes, finish: Finish
) -> Status:
    if finish == "length":
        return "truncated"
    if values:
        return "parsed"
    if contradictions:
        return "ambiguous"
    return "refused" if marks.refusals else "unparsed"


def settle(statements: Sequence[Statement], space: LabelSpace) -> tuple[dict[str, bool], tuple[tuple[str, str], ...]]:
    """The value of each label, and the contradictions counted before they were resolved."""
    stated: dict[str, set[bool]] = {}
    implied: dict[str, set[bool]] = {}
    for one in statements:
        (implied if one.weak else stated).setdefault(one.label, set()).add(one.value)
    values = {label: min(found) for label, found in {**implied, **stated}.items() if len(found) == 1}
    rivals = [(first, second) for first, second in space.exclusive if values.get(first) and values.get(second)]
    for first, second in rivals:
        if first in values and second in values and (first in stated) != (second in stated):
            del values[second if first in stated else first]
    torn = {label for label, found in stated.items() if len(found) == 2}
    pairs = [(label, label) for label in space.labels if label in torn]
    pairs += [(first, second) for first, second in rivals if first in values and second in values]
    return values, tuple(pairs)


def _statements(texts: Sequence[str], space: LabelSpace, marks: Scopes) -> Iterable[Statement]:
    phrases = [found for found in _lexicon(space).find(texts) if guarded(texts, found.first, found.last, space.guards)]
    nouns = head_nouns(texts, space)
    adjectives = list(described(texts, nouns))
    taken = {place for one in adjectives for place in range(one.place, one.last)}
    spoken = {place for found in phrases for place in range(found.first, found.last)}
    described_words = taken | {place for noun in nouns for place in range(noun.first, noun.last)}
    structure = Structure(texts, marks, spoken | described_words)
    for one in adjectives:
        yield from _of_adjective(one, structure)
    for found in phrases:
        places = range(found.first, found.last)
        if taken.isdisjoint(places) or not described_words.issuperset(places):
            yield from _of_phrase(found, structure)


def _of_adjective(one: Described, structure: Structure) -> Iterable[Statement]:
    first, last = min(one.place, one.noun), max(one.last, one.noun_last)
    answer = structure.answer(first, last)
    force = structure.marks.marks[one.place].force
    if one.place < one.noun and structure.marks.marks[one.noun].force == "doubted":
        force = "doubted"
    denied = force == "denied" or answer == "no"
    if denied and not one.reversible:
        return
    if force != "doubted" and answer != "unknown":
        yield Statement(first, last, one.label, one.value != denied, core=(one.place, one.last))
    elif answer in ("yes", "no"):
        yield Statement(one.place, one.last, one.label, one.value == (answer == "yes"), core=(one.place, one.last))


def _of_phrase(found: Found[tuple[Effect, ...]], structure: Structure) -> Iterable[Statement]:
    answer = structure.answer(found.first, found.last)
    force = structure.marks.marks[found.first].force
    if found.first in structure.marks.opens_denied and force != "doubted":
        force = "said"
    said: bool | None = force == "said" if force != "doubted" else None
    if answer in ("yes", "no"):
        said = answer == "yes"
    if said is None or answer == "unknown":
        return
    for effect in found.meaning:
        pronoun = effect.said == effect.denied
        value = effect.said if said else effect.denied
        if value is not None and not (pronoun and answer == "no"):
            yield Statement(found.first, found.last, effect.label, value, effect.weak or answer == "heading")


@lru_cache(maxsize=32)
def _rivals(space: LabelSpace) -> set[tuple[str, str]]:
    return set(space.exclusive) | {(second, first) for first, second in space.exclusive}


def _without_alternatives(statements: list[Statement], texts: Sequence[str], space: LabelSpace) -> list[Statement]:
    """Drop both of "brown or black hair": neither is asserted."""
    exclusive = _rivals(space)
    dropped: set[Statement] = set()
    statements = sorted(statements, key=_core)
    for one, other in pairwise(statements):
        opposed = one.label == other.label and one.value != other.value
        rivals = (one.label, other.label) in exclusive and one.value and other.value
        if (opposed or rivals) and _or_between(one, other, texts):
            dropped |= {one, other}
    return [one for one in statements if one not in dropped]


def _or_between(one: Statement, other: Statement, texts: Sequence[str]) -> bool:
    between = set(texts[_core(one)[1] : _core(other)[0]])
    return bool(between & {"or", "/", "to"}) and between <= JOINERS | word_set("fillers")


def _core(one: Statement) -> tuple[int, int]:
    return one.core if one.core[1] else (one.first, one.last)
