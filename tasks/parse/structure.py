"""Answers beside a name: "Smiling: Yes", "| Bald | No |", "Eyeglasses (no)", "glasses are not visible", "- [x] Hat"."""

from collections.abc import Sequence
from typing import Literal

from tasks.parse.english import word_set
from tasks.parse.scope import Scopes
from tasks.parse.text import SENTENCE_ENDS

KEY_WORDS = 7
"""The longest key before a colon at the beginning of a line."""
VALUE_WORDS = 40
_LINKS = frozenset({":", "|", "=", "?", "(", "-", "→", "—", ">"})
_ENDS = SENTENCE_ENDS | {",", ")", "|", "}", "]", "(", "-", ""}


Answer = Literal["yes", "no", "unknown", "heading"]
"""What stands beside a name; a heading's value is some other text."""
_SIGNS: dict[str, Answer] = {**dict.fromkeys("✓✔✅☑", "yes"), **dict.fromkeys("✗✘❌☐×", "no")}
_BULLETS = ("", "\n", "-", "•")


class Structure:
    """Looks for an answer beside each name of a reply."""

    def __init__(self, texts: Sequence[str], marks: Scopes, spoken: set[int]) -> None:
        # A look a little past either end finds "": in Python, texts[-1] is the last of these.
        self.texts = [*texts, "", "", "", ""]
        self.end, self.marks, self.spoken = len(texts), marks, spoken
        self.links = self._line_keys()

    def answer(self, first: int, last: int) -> Answer | None:
        """The answer to the name at texts[first:last]; None where nothing stands beside it."""
        return self._box(first) or self._tick(last) or self._value(self.links.get(first, last)) or self._predicate(last)

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
        before, sign = self.texts[first - 2], self.texts[first - 1]
        if sign == "]":
            ticked = before == "x" and self.texts[first - 3] == "["
            return "no" if before == "[" else "yes" if ticked else None
        return _SIGNS.get(sign) if before in _BULLETS else None

    def _tick(self, last: int) -> Answer | None:
        """ "Hat ✗"."""
        return _SIGNS.get(self.texts[last])

    def _value(self, link: int) -> Answer | None:
        if self.texts[link] not in _LINKS:
            return None
        first = link
        skipped = _LINKS | ({"\n"} if self.texts[link] in (":", "?") else set())
        while self.texts[first] in _LINKS or (self.texts[first] in skipped and first - link < 3):
            first += 1
        word, following = self.texts[first], self.texts[first + 1]
        # "a woman (maybe 30)" doubts the age.
        doubted = word in word_set("unknown") and (self.texts[link] != "(" or following in _ENDS)
        if doubted or (word, following) == ("n", "/"):
            return "unknown"
        if word in word_set("yes"):
            return "yes"
        alone = following in _ENDS or following in word_set("seen") or word in word_set("gone")
        if word in word_set("no") and alone:
            return "no"
        return self._heading(first) if self.texts[link] == ":" else None

    def _heading(self, first: int) -> Answer:
        """A text behind the colon: it denies the name if it denies and names nothing else."""
        last = first
        while last < min(first + VALUE_WORDS, self.end) and self.texts[last] not in SENTENCE_ENDS:
            last += 1
        if first == last or not self.spoken.isdisjoint(range(first, last)):
            return "heading"
        forces = {self.marks.marks[place].force for place in range(first, last)}
        if "doubted" in forces or any(first <= place < last for place in self.marks.refusals[:1]):
            return "unknown"
        return "no" if "denied" in forces or first in self.marks.opens_denied else "heading"

    def _predicate(self, last: int) -> Answer | None:
        """ "... is not visible", "... are absent", "... cannot be seen"."""
        place = last
        while self.texts[place] in word_set("copulas"):
            place += 1
        if place > last and self.texts[place] in word_set("gone"):
            return "no"
        negated = self.texts[place] in ("not", "cannot") or self.texts[place].endswith("n't")
        if not negated:
            return None
        while self.texts[place + 1] in word_set("copulas") or self.texts[place + 1] in (
            "clearly",
            "visibly",
            "currently",
        ):
            place += 1
        return "no" if self.texts[place + 1] in word_set("seen") else None
