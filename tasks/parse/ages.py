"""Ages in words and figures: "25 years old", "20 to 29", "in her mid-twenties", "over 70", and the label they fall in.

A range inside one label is that label, and one open to a side ("over 60", "under 18") must lie inside one. A range
across labels is the label of its middle, and fits none where the middle falls between two ("25-34": 29.5). A number is
an age only where the words around it say so: never in "1995", "90% sure", "two people" or "1.".
"""

import re
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from tasks.labels import LabelSpace
from tasks.parse.english import age_words, number_words
from tasks.parse.named import Named
from tasks.parse.text import SENTENCE_ENDS, Lexicon, words

OLDEST = 116
UNDER = -1
"""The low end of "under 18": such a range has no middle."""
_FIGURE = re.compile(r"([0-9]{1,3})(?:\.[0-9]+)?")
_DECADE = re.compile(r"([1-9]0)(?:s|ies|ish)")
_JOINED = re.compile(r"([0-9]{1,3})(?:yo|yrs?|y)")


class _Span(NamedTuple):
    """Years from low to high, written in texts[first:last]."""

    first: int
    last: int
    low: float
    high: float


def ages(texts: Sequence[str], space: LabelSpace, bare: frozenset[int] = frozenset()) -> list[Named]:
    """Every age of a reply; at the places in bare a number alone is one."""
    reader = _Reader(texts, bare)
    found: list[Named] = []
    place = 0
    while place < len(texts):
        span = reader.span(place)
        if span:
            found.append(Named(span.first, span.last, label_of(span.low, span.high, space)))
        place = span.last if span else place + 1
    return found


def label_of(low: float, high: float, space: LabelSpace) -> str | None:
    """The label of a range of years, or None where it settles none."""
    if high == OLDEST and low < space.bounds[-1][0] - 1:
        return None
    if low == UNDER:
        return space.labels[0] if high <= space.bounds[0][1] else None
    middle = (low + min(high, OLDEST)) / 2
    for label, (first, last) in zip(space.labels, space.bounds, strict=True):
        if (first <= low and high <= last) or first - 0.5 < middle < last + 0.5:
            return label
    return None


@cache
def _phrases(name: str) -> Lexicon[bool]:
    return Lexicon({words(phrase): True for phrase in age_words(name)})


class _Reader:
    """Reads the age that begins at a place."""

    def __init__(self, texts: Sequence[str], bare: frozenset[int]) -> None:
        self.texts = texts
        self.bare = bare

    def span(self, place: int) -> _Span | None:
        return self._open_ended(place) or self._decade(place) or self._range(place) or self._single(place)

    def _open_ended(self, place: int) -> _Span | None:
        """ "over 70", "under 3"."""
        for name in ("over", "under"):
            cue = _phrases(name).at(self.texts, place)
            number = self._number(cue.last) if cue else None
            if cue and number and self._decade(cue.last) is None and self._range(cue.last) is None:
                value, last = number
                if self._stops(last):
                    return None
                if name == "over" and (upper := self._upper(last)):
                    return _Span(place, self._units(upper[1]), value, upper[0] - 1)
                bounds = (value, OLDEST) if name == "over" else (UNDER, max(value - 1, 0))
                return _Span(place, self._units(last), *bounds)
        return None

    def _upper(self, place: int) -> tuple[int, int] | None:
        """The number of "but younger than 30", behind "older than 20"."""
        place = self._units(place)
        place += self._at(place) == ","
        place += self._at(place) in ("but", "and", "yet")
        cue = _phrases("under").at(self.texts, place) if place < len(self.texts) else None
        return self._number(cue.last) if cue else None

    def _decade(self, place: int) -> _Span | None:
        """ "20s", "20's", "twenties", "twenty-something"."""
        text, following = self.texts[place], self._at(place + 1)
        value = number_words("decades").get(text)
        last = place + 1
        if value is None and (found := _DECADE.fullmatch(text)):
            value = int(found[1])
        elif value is None and following in ("'s", "something", "somethings"):
            number = self._number(place)
            value, last = (number[0] if number and number[0] % 10 == 0 else None), place + 2
        return _Span(place, last, value, value + 9) if value else None

    def _range(self, place: int) -> _Span | None:
        """ "20-29", "between 20 and 29", "20 to 29 years old", "70 and above"."""
        number = self._number(place)
        if not number or self._chained(place):
            return None
        low, last = number
        above = _phrases("over_after").at(self.texts, last) if last < len(self.texts) else None
        if above:
            return _Span(place, self._units(above.last), low, OLDEST)
        link = _phrases("between").at(self.texts, last) if last < len(self.texts) else None
        second = self._number(link.last) if link else None
        if not link or not second or second[0] <= low or self._stops(second[1]) or self._dated(second[1]):
            return None
        if self.texts[link.first] in ("and", "or") and not self._joined(place, second[1]):
            return None
        return _Span(place, self._units(second[1]), low, second[0])

    def _joined(self, place: int, last: int) -> bool:
        """Whether "20 and 29" is one range: only after "between", or with years after it."""
        before = {"between", "from"}.intersection(self.texts[max(place - 4, 0) : place])
        return bool(before) or self._at(last) in age_words("years") or place in self.bare

    def _single(self, place: int) -> _Span | None:
        """ "25 years old", "25yo", "aged 25", "18 months", "about 25"."""
        if joined := _JOINED.fullmatch(self.texts[place]):
            return self._years(place, int(joined[1]), place + 1)
        number = self._number(place)
        if (
            not number
            or self._chained(place)
            or self._dated(place + 1)
            or self._enumerates(number[1])
            or self._before(place) in age_words("never_after")
        ):
            return None
        value, last = number
        unit = self._at(last)
        if unit in age_words("months"):
            old = self._at(last + 1) in ("old", "of")
            return _Span(place, last + 1, value // 12 if unit.startswith("m") else 0, value // 12) if old else None
        if unit in age_words("years"):
            end = self._units(last)
            return None if self._at(end) in age_words("ago") else self._years(place, value, end)
        apposed = self._at(place - 1) == self._at(last) == "," and self._at(place - 2).isalpha()
        in_context = (
            place in self.bare
            or apposed
            or (self._before(place) in age_words("before") and self._written(place, value))
        )
        return self._years(place, value, last) if in_context and not self._stops(last) else None

    def _before(self, place: int) -> str:
        """The word before a number, over the point of "approx."."""
        if self._at(place - 1) == "," and self._at(place - 2) in age_words("guesses"):
            return self._at(place - 2)
        if self._at(place - 1) == "at" and self._at(place - 2) in ("him", "her", "them", "person", "subject", "age"):
            return "about"
        abbreviated = self._at(place - 1) == "." and self._at(place - 2) in age_words("abbreviated")
        return self._at(place - 2 if abbreviated else place - 1)

    def _written(self, place: int, value: int) -> bool:
        """Small numbers in letters ("is one of") are ages only at the end of a sentence."""
        return value >= 10 or self.texts[place].isdigit() or self._at(place + 1) in SENTENCE_ENDS | {""}

    def _years(self, place: int, value: int, last: int) -> _Span | None:
        return _Span(place, last, value, value) if value <= OLDEST else None

    def _number(self, place: int) -> tuple[int, int] | None:
        """The number that begins at a place, and where it ends."""
        text = self._at(place)
        if figure := _FIGURE.fullmatch(text):
            return (int(figure[1]), place + 1) if int(figure[1]) <= OLDEST else None
        value = number_words("numbers").get(text)
        if value is None:
            return None
        if self.texts[place + 1 : place + 4] == ["and", "a", "half"]:
            return value, place + 4
        unit = number_words("numbers").get(self._at(place + 1), 0)
        return (value + unit, place + 2) if value >= 20 and 0 < unit < 10 else (value, place + 1)

    def _units(self, place: int) -> int:
        """Skip "years old", "years of age"."""
        while self._at(place) in age_words("years") or (self._at(place), self._at(place + 1)) == ("of", "age"):
            place += 2 if self._at(place) == "of" else 1
            place += self._at(place) in ("old", "/")
        return place

    def _stops(self, place: int) -> bool:
        return self._at(place) in age_words("never_before") and (self._at(place), self._at(place + 1)) != ("of", "age")

    def _chained(self, place: int) -> bool:
        """Whether a figure goes on a date or a ratio: the 12 of 10-12-1995."""
        return self._at(place - 1) in ("-", "/") and self._at(place - 2).isdigit()

    def _dated(self, last: int) -> bool:
        """Whether a date or a ratio goes on behind a figure: the 10 of 10-12-1995."""
        return self._at(last) in ("-", "/") and self._at(last + 1).isdigit()

    def _enumerates(self, last: int) -> bool:
        """Whether a number counts the options: "(4) 20-29", "4. 20-29"."""
        ahead = last + 1
        if self._at(last) not in (")", ".", ":") or ahead >= len(self.texts):
            return False
        return bool(self._open_ended(ahead) or self._decade(ahead) or self._range(ahead))

    def _at(self, place: int) -> str:
        return self.texts[place] if 0 <= place < len(self.texts) else ""
