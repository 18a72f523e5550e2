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
# Each pattern begins with the sign itself, which can be looked for quickly, and then looks back.
# A hyphen inside a word joins two words ("clean-shaven", "mid-20s"); one between numbers is a range.
_HYPHEN = re.compile(r"-(?:(?<=[^\W\d_]-)(?=[^\W_])|(?<=[0-9]-)(?=[^\W\d_]))")
# "sex ........ F", as in a table of contents.
_LEADER = re.compile(r"[.](?<=[^\W_][ ][.])[.]{2,}(?= )")
# A plain word, which most are, any other letters with what goes on behind them, a number, a sign, a line's end, "'s".
_TOKEN = re.compile(
    r"[a-z]++(?![\w'])|[^\W\d_]+(?:(?<=[^\W\d_]n)'t\b|[^\W_]*)"
    r"|[0-9]+\.[0-9]+|[^\W_]+|[^\w\s']|\n|'(?:s|m|d|re|ve|ll)\b"
)

SENTENCE_ENDS = frozenset({".", "!", "?", ";", "\n", "—"})
BREAKS = SENTENCE_ENDS | frozenset({",", ")", "(", "]", "[", "}", "{", "|", ":", "/", "-"})


class Cut(NamedTuple):
    """A reply cut into words and signs; quotes, asterisks and the like are left out."""

    reply: str
    texts: list[str]
    starts: list[int]

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Where texts[first:last] stands in the reply."""
        return self.starts[first], self.starts[last - 1] + len(self.texts[last - 1])

    def is_name(self, place: int) -> bool:
        """Whether a word is written as part of a name: with a capital (not all capitals) or an underscore."""
        start, end = self.span(place, place + 1)
        capital = self.reply[start].isupper() and self.reply[start + 1 : end][:1].islower()
        return capital or "_" in (self.reply[end : end + 1], self.reply[start - 1 : start])


def cut(reply: str) -> Cut:
    """The words and signs of a reply."""
    text = _levelled(reply)
    texts = _TOKEN.findall(text)
    starts = []
    place = 0
    # Between two words stand only spaces and apostrophes that begin none, so the next such word is the one found.
    for word in texts:
        place = text.index(word, place)
        starts.append(place)
        place += len(word)
    return Cut(reply, texts, starts)


def words(phrase: str) -> tuple[str, ...]:
    """A phrase of a data file, cut as a reply is."""
    return tuple(_TOKEN.findall(_levelled(phrase)))


def _levelled(text: str) -> str:
    """The text in small letters, without the signs that say nothing; every character keeps its place."""
    text = _HYPHEN.sub(" ", _lower(_shorten(text)).translate(_SAME))
    return _LEADER.sub(lambda dots: ":" + " " * (len(dots.group()) - 1), text)


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
    """texts[first:last] is a known phrase."""

    first: int
    last: int
    meaning: Meaning


class _Node(Generic[Meaning]):
    """Some words read so far: what they mean, if they are a phrase, and the words that may follow."""

    __slots__ = ("following", "meaning")

    def __init__(self) -> None:
        self.meaning: Meaning | None = None
        self.following: dict[str, _Node[Meaning]] = {}


class Lexicon(Generic[Meaning]):
    """Phrases and what they mean; finds the longest phrase at each place, whole words only."""

    def __init__(self, phrases: Mapping[tuple[str, ...], Meaning]) -> None:
        root: _Node[Meaning] = _Node()
        for phrase, meaning in phrases.items():
            node = root
            for word in phrase:
                node = node.following.setdefault(word, _Node())
            node.meaning = meaning
        self._first = root.following
        self.openings = self._first.keys()
        """The words that begin a phrase: most begin none."""

    def at(self, texts: Sequence[str], place: int) -> Found[Meaning] | None:
        """The longest phrase that begins at this place."""
        node, last, longest = self._first.get(texts[place]), place, None
        while node:
            last += 1
            if node.meaning is not None:
                longest = Found(place, last, node.meaning)
            node = node.following.get(texts[last]) if node.following and last < len(texts) else None
        return longest

    def find(self, texts: Sequence[str]) -> Iterable[Found[Meaning]]:
        """All phrases from left to right, none overlapping another."""
        behind = 0
        for place in [place for place, text in enumerate(texts) if text in self.openings]:
            if place >= behind and (found := self.at(texts, place)):
                yield found
                behind = found.last
