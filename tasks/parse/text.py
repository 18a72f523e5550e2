"""A reply as words with exact places in it: every change of a character keeps the length of the text."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

LONGEST = 30_000
"""Characters read at each end of a longer reply; models write a few thousand."""

_SAME = str.maketrans(
    {
        "’": "'",
        "‘": "'",
        "ʼ": "'",
        "`": " ",
        "“": " ",
        "”": " ",
        "«": " ",
        "»": " ",
        '"': " ",
        "*": " ",
        "#": " ",
        "~": " ",
        "_": " ",
        "‐": "-",
        "‑": "-",
        "‒": "-",
        "–": "-",
        "−": "-",
        "\r": "\n",
        "\u2028": "\n",
        "：": ":",
    }
)
# A hyphen inside a word joins two words ("clean-shaven", "mid-20s"); one between numbers is a range.
_HYPHEN = re.compile(r"(?<=[^\W\d_])-(?=[^\W_])|(?<=[0-9])-(?=[^\W\d_])")
# "sex ........ F", as in a table of contents.
_LEADER = re.compile(r"(?<=[^\W_][ ])[.]{3,}(?= )")
_TOKEN = re.compile(r"\n|[^\W\d_]+n't\b|'(?:s|m|d|re|ve|ll)\b|[0-9]+\.[0-9]+|[^\W_]+|[^\w\s']")

SENTENCE_ENDS = frozenset({".", "!", "?", ";", "\n", "—"})
BREAKS = SENTENCE_ENDS | frozenset({",", ")", "(", "]", "[", "}", "{", "|", ":", "/", "-"})


class Token(NamedTuple):
    """A word or sign and where it stands in the reply."""

    text: str
    start: int
    end: int
    name: bool = False
    """Whether it is written as part of a name: with a capital (not all capitals) or an underscore."""


def tokens(reply: str) -> list[Token]:
    """The words and signs of a reply; quotes, asterisks and the like are left out."""
    text = _HYPHEN.sub(" ", _lower(_shorten(reply)).translate(_SAME))
    text = _LEADER.sub(lambda dots: ":" + " " * (len(dots.group()) - 1), text)
    underscored = "_" in reply
    cut = []
    for found in _TOKEN.finditer(text):
        start, end = found.span()
        name = reply[start].isupper() and end - start > 1 and reply[start + 1].islower()
        name = name or (underscored and "_" in (reply[end : end + 1], reply[start - 1 : start]))
        cut.append(Token(found.group(), start, end, name))
    return cut


def words(phrase: str) -> tuple[str, ...]:
    """A phrase of a data file, cut as a reply is."""
    return tuple(token.text for token in tokens(phrase))


def _lower(text: str) -> str:
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered
    # A few letters, such as the Turkish dotted capital I, grow when lowered: those stay as they are.
    return "".join(low if len(low := letter.lower()) == 1 else letter for letter in text)


def _shorten(text: str) -> str:
    """Blank the middle of a very long reply, cutting only between words."""
    if len(text) <= 2 * LONGEST:
        return text
    head = max(text.rfind(" ", 0, LONGEST), 0)
    tail = text.find(" ", len(text) - LONGEST)
    tail = len(text) if tail < 0 else tail
    return text[:head] + "\n" + " " * (tail - head - 1) + text[tail:]


Meaning = TypeVar("Meaning")


class Found(NamedTuple, Generic[Meaning]):
    """tokens[first:last] is a known phrase."""

    first: int
    last: int
    meaning: Meaning


class Lexicon(Generic[Meaning]):
    """Phrases and what they mean; finds the longest phrase at each place, whole words only."""

    def __init__(self, phrases: Mapping[tuple[str, ...], Meaning]) -> None:
        self._by_first: dict[str, list[tuple[tuple[str, ...], Meaning]]] = {}
        self.openings = self._by_first.keys()
        """The words that begin a phrase: most begin none."""
        for phrase, meaning in sorted(phrases.items(), key=lambda item: -len(item[0])):
            if phrase:
                self._by_first.setdefault(phrase[0], []).append((phrase, meaning))

    def at(self, texts: Sequence[str], place: int) -> Found[Meaning] | None:
        """The longest phrase that begins at this place."""
        for phrase, meaning in self._by_first.get(texts[place], ()):
            last = place + len(phrase)
            if len(phrase) == 1 or tuple(texts[place:last]) == phrase:
                return Found(place, last, meaning)
        return None

    def find(self, texts: Sequence[str]) -> Iterable[Found[Meaning]]:
        """All phrases from left to right, none overlapping another."""
        behind = 0
        for place, text in enumerate(texts):
            if place >= behind and text in self._by_first and (found := self.at(texts, place)):
                yield found
                behind = found.last
