"""What each model takes for what: confusion matrices as tables whose cells are tinted.

Tables and not figures: ten models on eight questions are some 5,000 numbers, which matplotlib needs 10 s to draw.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.findings import Confusion, Findings
from reports import style


@dataclass(frozen=True)
class Square:
    """How many samples of a label are said to be of another."""

    count: int
    percent: str
    """Of the row; empty for none."""
    tint: int
    """The same as a whole number from 0 to 100, for the colour."""
    right: bool


@dataclass(frozen=True)
class Line:
    """The samples of one label."""

    label: str
    n: int
    squares: tuple[Square, ...]


@dataclass(frozen=True)
class Matrix:
    """One model."""

    model: str
    lines: tuple[Line, ...]
    """Labels that some scored sample has."""


@dataclass(frozen=True)
class Matrices:
    """All models on one question."""

    said: tuple[str, ...]
    """The labels; "no answer" comes last."""
    matrices: tuple[Matrix, ...]
    lines: int


def matrices(found: Findings) -> Matrices | None:
    """The confusion matrices of a question of one label; None for others, or where nothing is scored."""
    drawn = tuple(_matrix(confusion, found.labels) for confusion in found.confusions)
    drawn = tuple(matrix for matrix in drawn if matrix.lines)
    if not drawn:
        return None
    return Matrices((*found.labels, "no answer"), drawn, max(len(matrix.lines) for matrix in drawn))


def _matrix(confusion: Confusion, labels: Sequence[str]) -> Matrix:
    rows = enumerate(zip(labels, confusion.counts, strict=True))
    return Matrix(confusion.model, tuple(_line(place, label, counts) for place, (label, counts) in rows if sum(counts)))


def _line(place: int, label: str, counts: Sequence[int]) -> Line:
    n = sum(counts)
    squares = (
        Square(count, style.percent(count / n, 0) if count else "", round(100 * count / n), column == place)
        for column, count in enumerate(counts)
    )
    return Line(label, n, tuple(squares))
