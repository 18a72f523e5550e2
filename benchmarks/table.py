"""What a benchmark found: rows with all their rounds, goals beside them, one Markdown table."""

from collections.abc import Sequence
from statistics import median
from typing import Literal

from harness.records import Record

HEAD = "| what | median (min to max) | goal | |\n|---|---|---|---|"
_WHOLE = 1000
"""From here on figures are written without decimals."""


class Goal(Record):
    """What the median of a row should come to."""

    bound: float
    side: Literal["at least", "at most"]

    def met(self, figure: float) -> bool:
        """Whether a figure reaches it; one that equals it does."""
        return figure >= self.bound if self.side == "at least" else figure <= self.bound


class Row(Record):
    """One figure, measured once a round."""

    what: str
    values: tuple[float, ...]
    unit: str = ""
    goal: Goal | None = None
    note: str = ""

    @property
    def median(self) -> float:
        """The figure that is quoted."""
        return median(self.values)


class Result(Record):
    """What one part found, or why it could not run."""

    part: str
    command: str
    rows: tuple[Row, ...] = ()
    lacks: str = ""
    """What it needs and has not; such a part has no rows."""
    broke: str = ""
    """Why there are no rows, where something went wrong."""
    load: float = 0.0
    """Processes that wanted a core before it began, as a mean of a minute."""


class Machine(Record):
    """What the figures depend on."""

    device: str
    memory_gb: float | None
    versions: dict[str, str]


class Report(Record):
    """All parts of one command."""

    machine: Machine
    parts: tuple[Result, ...]


def at_least(bound: float) -> Goal:
    """A goal for figures that should be large."""
    return Goal(bound=bound, side="at least")


def at_most(bound: float) -> Goal:
    """A goal for figures that should be small."""
    return Goal(bound=bound, side="at most")


def markdown(results: Sequence[Result]) -> str:
    """All parts under one head; the command of a part stands above its rows."""
    return "\n".join([HEAD, *(line for result in results for line in _part(result))])


def figure(value: float) -> str:
    """Three digits that count, without exponents."""
    if abs(value) >= _WHOLE:
        return f"{value:,.0f}"
    return f"{value:.2g}" if abs(value) < 1e-3 else f"{float(f'{value:.3g}'):g}"


def _part(result: Result) -> list[str]:
    why = f"not run: {result.lacks}" if result.lacks else f"broke off: {result.broke}" if result.broke else ""
    return [_line(f"**{_safe(result.part)}**: `{_safe(result.command)}`", _safe(why)), *map(_row, result.rows)]


def _row(row: Row) -> str:
    low, high = figure(min(row.values)), figure(max(row.values))
    spread = f" ({low} to {high})" if len(row.values) > 1 else ""
    goal = f"{row.goal.side} {figure(row.goal.bound)}" if row.goal else ""
    verdict = ("met" if row.goal.met(row.median) else "**missed**") if row.goal else ""
    said = ": ".join(part for part in (verdict, _safe(row.note)) if part)
    return _line(_safe(row.what), f"{figure(row.median)}{spread} {_safe(row.unit)}".rstrip(), goal, said)


def _line(*cells: str) -> str:
    return f"| {' | '.join([*cells, *[''] * (4 - len(cells))])} |"


def _safe(text: str) -> str:
    """A cell is one line, and a bar in it would begin another."""
    return " ".join(text.split()).replace("|", "\\|")
