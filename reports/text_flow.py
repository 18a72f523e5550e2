"""Lines of coloured text for figures: matplotlib wraps no text of several looks, so words are measured and set here."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING

from reports.marks import Piece, Verdict

if TYPE_CHECKING:
    from matplotlib.ft2font import FT2Font

FAMILY = "DejaVu Sans"


@dataclass(frozen=True)
class Span:
    """A stretch of one look on one line."""

    text: str
    verdict: Verdict | None
    x: float
    """From the left end of the line, in points."""


@dataclass(frozen=True)
class Flow:
    """A text set in lines."""

    lines: tuple[tuple[Span, ...], ...]
    cut: bool
    """Whether words found no room."""


def flow(pieces: Sequence[Piece], width: float, size: float, most: int) -> Flow:
    """Set pieces of an answer in at most so many lines; a wrong phrase ends in a cross, an unknown one in a "?".

    Args:
        pieces: what to set; runs of white space are one space.
        width: of a line, in points.
        size: of the letters, in points.
        most: lines.
    """
    lines: list[list[_Word]] = [[]]
    room = width
    words = [part for word in _words(pieces) for part in _fitting(word, width, size)]
    for word in words:
        wide = word.width(size)
        gap = advance(" ", size) if lines[-1] else 0.0
        if lines[-1] and gap + wide > room:
            if len(lines) == most:
                return Flow(_set(lines, size), cut=True)
            lines.append([])
            room, gap = width, 0.0
        lines[-1].append(word)
        room -= gap + wide
    return Flow(_set(lines, size), cut=False)


def advance(text: str, size: float, bold: bool = False) -> float:
    """How wide a text is, in points."""
    return sum(_char(char, bold) for char in text) * size


def drawable(text: str) -> str:
    """The text with characters that the font lacks spelt out, as ⟨U+6F22⟩."""
    font = _font(False)
    return "".join(char if font.get_char_index(ord(char)) else f"⟨U+{ord(char):04X}⟩" for char in text)


@dataclass(frozen=True)
class _Word:
    """What stands between two spaces: stretches of different looks, such as a phrase and the comma after it."""

    parts: tuple[tuple[str, Verdict | None], ...]

    def width(self, size: float) -> float:
        return sum(advance(text, size, verdict == "right") for text, verdict in self.parts)


def _words(pieces: Iterable[Piece]) -> Iterator[_Word]:
    """The words of all pieces: a word goes on from one piece into the next where no space lies between."""
    open_parts: list[tuple[str, Verdict | None]] = []
    for piece in pieces:
        for token in re.findall(r"\s+|\S+", piece.text):
            if token.isspace():
                if open_parts:
                    yield _Word(tuple(open_parts))
                open_parts = []
            else:
                open_parts.append((drawable(token), piece.verdict))
        if open_parts and piece.verdict in ("wrong", "undefined"):
            open_parts.append((piece.sign, piece.verdict))
    if open_parts:
        yield _Word(tuple(open_parts))


def _fitting(word: _Word, width: float, size: float) -> list[_Word]:
    """The word, or stretches of it where it is wider than a line."""
    return [word] if word.width(size) <= width else list(_chopped(word, width, size))


def _chopped(word: _Word, width: float, size: float) -> Iterator[_Word]:
    """A word that is wider than a line, in stretches that are not."""
    taken: list[tuple[str, Verdict | None]] = []
    used = 0.0
    for text, verdict in word.parts:
        for char in text:
            wide = advance(char, size, verdict == "right")
            if taken and used + wide > width:
                yield _joined(taken)
                taken, used = [], 0.0
            taken.append((char, verdict))
            used += wide
    yield _joined(taken)


def _joined(chars: Iterable[tuple[str, Verdict | None]]) -> _Word:
    runs = [("".join(char for char, _ in run), verdict) for verdict, run in groupby(chars, key=lambda pair: pair[1])]
    return _Word(tuple(runs))


def _set(lines: Iterable[Sequence[_Word]], size: float) -> tuple[tuple[Span, ...], ...]:
    return tuple(tuple(_spans(line, size)) for line in lines if line)


def _spans(words: Sequence[_Word], size: float) -> Iterator[Span]:
    """The stretches of a line, those of one look joined together."""
    parts = [part for place, word in enumerate(words) for part in ((" ", None) if place else ("", None), *word.parts)]
    x = 0.0
    for verdict, run in groupby(_bridged(parts), key=lambda part: part[1]):
        text = "".join(text for text, _ in run)
        if bare := text.strip():  # SVG readers drop a space at the front of a text
            yield Span(bare, verdict, x + advance(text[: len(text) - len(text.lstrip())], size))
        x += advance(text, size, verdict == "right")


def _bridged(parts: Sequence[tuple[str, Verdict | None]]) -> list[tuple[str, Verdict | None]]:
    """A space between two stretches of one look belongs to them."""
    found = [part for part in parts if part[0]]
    ends = zip([None, *found], [*found[1:], None], strict=True) if found else ()
    return [
        (text, before[1]) if text == " " and before and after and before[1] == after[1] else (text, verdict)
        for (text, verdict), (before, after) in zip(found, ends, strict=False)
    ]


@cache
def _char(char: str, bold: bool) -> float:
    """The advance of a letter of size 1."""
    from matplotlib.ft2font import LoadFlags

    font = _font(bold)
    font.set_size(100, 72)
    return float(font.load_char(ord(char), flags=LoadFlags.NO_HINTING).linearHoriAdvance) / 65536 / 100


@cache
def _font(bold: bool) -> "FT2Font":
    from matplotlib.font_manager import FontProperties, findfont, get_font

    return get_font(findfont(FontProperties(family=FAMILY, weight="bold" if bold else "normal")))
