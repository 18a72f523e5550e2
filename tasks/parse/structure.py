"""Answers beside a name: "Smiling: Yes", "| Bald | No |", "Eyeglasses (no)", "glasses are not visible", "- [x] Hat"."""

from collections.abc import Sequence
from enum import Enum

from tasks.parse.english import word_set
from tasks.parse.scope import Force, Scopes
from tasks.parse.text import SENTENCE_ENDS

KEY_WORDS = 7
"""The longest key before a colon at the beginning of a line."""
VALUE_WORDS = 40
_LINKS = frozenset({":", "|", "=", "?", "(", "-", "→", "—", ">"})
_TICKS, _CROSSES = frozenset("✓✔✅☑"), frozenset("✗✘❌☐×")
_ENDS = SENTENCE_ENDS | {",", ")", "|", "}", "]", "(", "-", ""}


class Answer(Enum):
    """What stands beside a name."""

    NONE = "nothing"
    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"
    HEADING = "a heading: the value is some other text"


class Structure:
    """Looks for an answer beside each name of a reply."""

    def __init__(self, texts: Sequence[str], marks: Scopes, spoken: set[int]) -> None:
        self.texts, self.marks, self.spoken = texts, marks, spoken
        self.links = self._line_keys()

    def answer(self, first: int, last: int) -> Answer:
        """The answer to the name at texts[first:last]."""
        return (
            self._box(first)
            or self._tick(last)
            or self._value(self.links.get(first, last))
            or self._predicate(last)
            or Answer.NONE
        )

    def _line_keys(self) -> dict[int, int]:
        """Every place inside a key such as "Glasses / eyewear:" -> the place of its colon."""
        links: dict[int, int] = {}
        start = 0
        for place, text in enumerate(self.texts):
            if text == "\n":
                start = place + 1
            elif text in (":", "|") and 0 < place - start <= KEY_WORDS:
                if not word_set("verbs").intersection(self.texts[start:place]):
                    links |= dict.fromkeys(range(start, place), place)
                start = place + KEY_WORDS
        return links

    def _box(self, first: int) -> Answer | None:
        """ "- [x] Hat", "✗ Beard"."""
        before = [self._at(first - back) for back in (3, 2, 1)]
        leads = before[1] in ("", "\n", "-", "•")
        if before[1:] == ["[", "]"] or (leads and before[2] in _CROSSES):
            return Answer.NO
        return Answer.YES if before == ["[", "x", "]"] or (leads and before[2] in _TICKS) else None

    def _tick(self, last: int) -> Answer | None:
        """ "Hat ✗"."""
        sign = self._at(last)
        return Answer.YES if sign in _TICKS else Answer.NO if sign in _CROSSES else None

    def _value(self, link: int) -> Answer | None:
        if self._at(link) not in _LINKS:
            return None
        first = link
        skipped = _LINKS | ({"\n"} if self._at(link) in (":", "?") else set())
        while self._at(first) in _LINKS or (self._at(first) in skipped and first - link < 3):
            first += 1
        word, following = self._at(first), self._at(first + 1)
        # "a woman (maybe 30)" doubts the age.
        doubted = word in word_set("unknown") and (self._at(link) != "(" or following in _ENDS)
        if doubted or (word, following) == ("n", "/"):
            return Answer.UNKNOWN
        if word in word_set("yes"):
            return Answer.YES
        alone = following in _ENDS or following in word_set("seen") or word in word_set("gone")
        if word in word_set("no") and alone:
            return Answer.NO
        return self._heading(first) if self._at(link) == ":" else None

    def _heading(self, first: int) -> Answer:
        """A text behind the colon: it denies the name if it denies and names nothing else."""
        last = first
        while last < min(first + VALUE_WORDS, len(self.texts)) and self.texts[last] not in SENTENCE_ENDS:
            last += 1
        if first == last or not self.spoken.isdisjoint(range(first, last)):
            return Answer.HEADING
        forces = {self.marks.marks[place].force for place in range(first, last)}
        if Force.DOUBTED in forces or any(first <= place < last for place in self.marks.refusals[:1]):
            return Answer.UNKNOWN
        return Answer.NO if Force.DENIED in forces or first in self.marks.opens_denied else Answer.HEADING

    def _predicate(self, last: int) -> Answer | None:
        """ "... is not visible", "... are absent", "... cannot be seen"."""
        place = last
        while self._at(place) in word_set("copulas"):
            place += 1
        if place > last and self._at(place) in word_set("gone"):
            return Answer.NO
        negated = self._at(place) in ("not", "cannot") or self._at(place).endswith("n't")
        if not negated:
            return None
        while self._at(place + 1) in word_set("copulas") or self._at(place + 1) in ("clearly", "visibly", "currently"):
            place += 1
        return Answer.NO if self._at(place + 1) in word_set("seen") else None

    def _at(self, place: int) -> str:
        return self.texts[place] if 0 <= place < len(self.texts) else ""
