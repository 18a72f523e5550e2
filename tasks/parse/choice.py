"""One label of a list: the answer line first, then what the whole reply asserts."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from harness.records import Finish, Mention, Parsed, Status
from tasks.labels import LabelSpace
from tasks.parse.ages import ages
from tasks.parse.english import age_words, markers, word_set
from tasks.parse.named import Named, named
from tasks.parse.scope import Force, Rank, Scopes, scopes
from tasks.parse.text import SENTENCE_ENDS, Cut, Lexicon, words

LINKS = 5
"""How many words such as ": **" or "is most likely" may stand between "answer" and its content."""
MARKERS = 50
"""The last so many answer lines are read."""
REACH = 60
"""How many words an answer line has at most."""
FEW = 4
"""A reply of so few words may be a bare number."""
EITHER_REACH = 8
"""So many words before a cut an "either" is still waiting for its "or"."""
_OPEN = frozenset({"or", "and", "but", "not", "/", "either", "than"})
_LIST_SIGNS = frozenset(",/|-()[]\n.:;{}•&") | {"and", "or", "nor", "either", "vs"}
_LONE = frozenset("()[]{}-.:,!?><=/\\\n|;•") | {"a", "an", "the", "it", "is", "option", "text", "boxed"}


class Verdict(NamedTuple):
    """What some words settle: a label, or that several are named."""

    label: str | None
    ambiguous: bool = False


NOTHING = Verdict(None)


def parse_choice(reply: Cut, space: LabelSpace, finish: Finish) -> Parsed:
    """Read the one label of a reply."""
    reader = _Reader(reply, space)
    verdict = reader.answer_line() or reader.whole(cut=finish == "length")
    status = _status(verdict, bool(reader.scopes.refusals), finish)
    label = verdict.label if status == "parsed" else None
    return Parsed(status=status, label=label, mentions=tuple(reader.mentions()))


def _status(verdict: Verdict, refused: bool, finish: Finish) -> Status:
    if verdict.label is not None:
        return "parsed"
    if finish == "length":
        return "truncated"
    if verdict.ambiguous:
        return "ambiguous"
    return "refused" if refused else "unparsed"


@lru_cache(maxsize=32)
def _keys(space: LabelSpace) -> Lexicon[bool]:
    return Lexicon({words(key): True for key in space.keys})


@lru_cache(maxsize=32)
def _short(space: LabelSpace) -> dict[str, str]:
    return {abbreviation: label for label, short in space.short.items() for abbreviation in short}


class _Reader:
    """A reply with its marks and everything in it that names a label."""

    def __init__(self, reply: Cut, space: LabelSpace) -> None:
        self.reply, self.space = reply, space
        self.texts = reply.texts
        self.scopes: Scopes = scopes(self.texts)
        self.segments = [(rank, *self._segment(place)) for rank, place in self._markers()]
        self.named = self._named()
        self.short: list[Named] = []

    # --- what is named

    def _named(self) -> list[Named]:
        found = named(self.texts, self.space)
        if self.space.kind == "ages":
            wordy = sum(text[0].isalnum() for text in self.texts) > FEW
            lone: frozenset[int] = frozenset(() if wordy else self._heads(0, len(self.texts)))
            bare = lone.union(*(self._heads(first, last) for _, first, last in self.segments))
            counted = ages(self.texts, self.space, bare)
            taken = {place for age in counted for place in range(age.first, age.last)}
            found = [one for one in found if taken.isdisjoint(range(one.first, one.last))] + counted
        return sorted(found, key=lambda one: one.first)

    def _heads(self, first: int, last: int) -> Iterable[int]:
        """Where a bare number may stand: at the beginning, after "about" and the like."""
        for place in range(first, min(last, first + 4)):
            yield place
            if self.texts[place][0].isalnum() and self.texts[place] not in age_words("about"):
                return

    def live(self, first: int, last: int) -> list[Named]:
        """What is neither denied, nor doubted, nor an offered option said again."""
        inside = self._inside(first, last)
        said = [one for one in inside if self._force(one) == "said" and not self._beaten(one)]
        return self._without_options(said)

    def _inside(self, first: int, last: int) -> list[Named]:
        begin, end = (bisect_left(self.named, place, key=lambda one: one.first) for place in (first, last))
        return [one for one in self.named[begin:end] if one.last <= last]

    def _beaten(self, one: Named) -> bool:
        """Whether this is the Y of "X over Y"."""
        return self.texts[max(one.first - 1, 0)] == "over" and any(
            other.last == one.first - 1 for other in self._inside(max(one.first - 5, 0), one.first)
        )

    def _force(self, one: Named) -> Force:
        mark = self.scopes.marks[one.first].force
        return "said" if one.first in self.scopes.opens_denied and mark != "doubted" else mark

    def _without_options(self, said: list[Named]) -> list[Named]:
        """Drop the list of all options where something is named beside it."""
        run: list[Named] = []
        for one in [*said, None]:
            if one and run and self._listed(run[-1].last, one.first) and one.label not in {same.label for same in run}:
                run.append(one)
                continue
            others = [other for other in said if other not in run]
            if len({same.label for same in run}) >= max(len(self.space.labels) - 1, 2) and others:
                return others
            run = [one] if one else []
        return said

    def _listed(self, first: int, last: int) -> bool:
        return all(text in _LIST_SIGNS or len(text) == 1 for text in self.texts[first:last])

    # --- what is settled

    def verdict(self, live: Sequence[Named]) -> Verdict:
        """The one label of the best rank, strong words before weak ones."""
        strong = [one for one in live if not one.weak and one.label is not None]
        weak = [one for one in live if one.weak]
        for group in (strong, weak):
            best = max((self._rank(one) for one in group), default=Rank.FIRM)
            labels = {one.label for one in group if self._rank(one) == best}
            if labels:
                return Verdict(labels.pop()) if len(labels) == 1 else Verdict(None, ambiguous=True)
            if group is strong and any(one.label is None for one in live):
                return Verdict(None, ambiguous=True)
        return NOTHING

    def _rank(self, one: Named) -> Rank:
        return self.scopes.marks[one.first].rank

    def whole(self, cut: bool) -> Verdict:
        """What the whole reply asserts; one cut off at "either sad or" asserts nothing yet."""
        if cut and (self.texts[-1] in _OPEN or "either" in self.texts[-EITHER_REACH:]):
            return NOTHING
        return self.verdict(self.live(0, len(self.texts)))

    def answer_line(self) -> Verdict | None:
        """What "Answer: X", "Gender: X" or a line that is nothing but a label settles; None without one."""
        for rank in (2, 1):
            if verdict := self._agreed(self._within(first, last) for own, first, last in self.segments if own == rank):
                return verdict
        lone = self._agreed(self._lone(first, last) for first, last in self._sentences())
        if lone and not lone.ambiguous:
            return lone
        return self._agreed(self._within(first, last) for own, first, last in self.segments if own == 0)

    def _agreed(self, verdicts: Iterable[Verdict]) -> Verdict | None:
        said = {verdict for verdict in verdicts if verdict != NOTHING}
        if len(said) > 1:
            return Verdict(None, ambiguous=True)
        return said.pop() if said else None

    def _within(self, first: int, last: int) -> Verdict:
        verdict = self.verdict(self.live(first, last))
        return verdict if verdict != NOTHING else self._abbreviated(first, last)

    def _lone(self, first: int, last: int) -> Verdict:
        """A sentence or line that holds a label and nothing else, perhaps behind a letter: "(B) Female"."""
        inside = [one for one in self._inside(first, last) if not one.weak]
        if len(inside) == 1 and inside[0].label and self.scopes.marks[inside[0].first].force != "denied":
            rest = [*self.texts[first : inside[0].first], *self.texts[inside[0].last : last]]
            asked = self.texts[last : last + 1] == ["?"]
            if all(text in _LONE or len(text) == 1 for text in rest) and not asked:
                return Verdict(inside[0].label)
        return NOTHING if (first, last) != (0, len(self.texts)) else self._abbreviated(first, last)

    def _abbreviated(self, first: int, last: int) -> Verdict:
        inside = [place for place in range(first, last) if self.texts[place][0].isalnum()]
        label = _short(self.space).get(self.texts[inside[0]]) if len(inside) == 1 else None
        if label:
            self.short.append(Named(inside[0], inside[0] + 1, label))
        return Verdict(label)

    # --- where the answer stands

    def _markers(self) -> list[tuple[int, int]]:
        """(rank, place behind it) of "final answer" (2), "answer" (1) and the question's own word (0)."""
        lexicons = ((2, markers("finals")), (1, markers("answers")), (0, _keys(self.space)))
        found = [(rank, one.last) for rank, lexicon in lexicons for one in lexicon.find(self.texts)]
        finals = {place for rank, place in found if rank == 2}
        kept = [(rank, place) for rank, place in found if self._linked(place) and (rank == 2 or place not in finals)]
        return kept[-MARKERS:]

    def _linked(self, place: int) -> bool:
        return self.texts[place : place + 1] != [] and self.texts[place] in word_set("links")

    def _segment(self, place: int) -> tuple[int, int]:
        """The words after a marker up to the end of their sentence, or of the next line."""
        first = place
        while first < len(self.texts) and first < place + LINKS and self.texts[first] in word_set("links"):
            first += 1
        while first < len(self.texts) and self.texts[first] == "\n":
            first += 1
        last = first
        end = min(first + REACH, len(self.texts))
        while last < end and self.texts[last] not in SENTENCE_ENDS and not self._next_key(last):
            last += 1
        return first, last

    def _next_key(self, place: int) -> bool:
        """Whether a comma ends one field of JSON and the next begins."""
        return self.texts[place] in (",", "}", "<") and (
            self.texts[place] != "," or ":" in self.texts[place : place + 4]
        )

    def _sentences(self) -> list[tuple[int, int]]:
        """The whole reply, its lines, and its sentences."""
        ends = [place for place, text in enumerate(self.texts) if text in SENTENCE_ENDS] + [len(self.texts)]
        starts = [0, *(end + 1 for end in ends)]
        whole = (0, len(self.texts))
        return [whole, *((first, last) for first, last in zip(starts, ends, strict=False) if first < last)]

    def mentions(self) -> Iterable[Mention]:
        """Every phrase that names a label and whether it is asserted."""
        for one in sorted({*self.named, *self.short}, key=lambda one: one[:2]):
            if one.label is not None:
                start, end = self.reply.span(one.first, one.last)
                yield Mention(start=start, end=end, label=one.label, value=self._force(one) == "said")
