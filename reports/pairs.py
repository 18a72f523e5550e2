"""Which models differ on a question: every pair in a table, and their differences as a square."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.findings import Findings
from reports import style
from reports.tables import Cell
from tasks.pairs import Difference

LEVEL = 0.05
"""Below this, after Holm's correction, two models are said to differ."""


@dataclass(frozen=True)
class PairRow:
    """Two models; the first is the one with the higher accuracy."""

    first: str
    second: str
    n: int
    difference: Cell
    p: Cell
    adjusted: Cell


@dataclass(frozen=True)
class PairTable:
    """The surest differences first."""

    test: str
    rows: tuple[PairRow, ...]
    told: int
    """Pairs that differ."""
    models: tuple[str, ...]
    square: tuple[tuple[str, tuple[Cell, ...]], ...]
    """Model -> its accuracy less that of each model; what differs is marked as best, which prints it bold."""


def table(found: Findings) -> PairTable | None:
    """The pairs of one question; None where there are no two models to compare."""
    if not found.differences:
        return None
    pairs = sorted(map(_rising, found.differences), key=lambda pair: (pair.adjusted, pair.p, -pair.accuracy.value))
    models = tuple(dict.fromkeys(name for pair in found.differences for name in (pair.first, pair.second)))
    return PairTable(
        test="McNemar's exact test" if found.one_label else "the exact sign-flip test on the right cells per image",
        rows=tuple(map(_row, pairs)),
        told=sum(pair.adjusted < LEVEL for pair in pairs),
        models=models,
        square=tuple((model, tuple(_squares(model, models, pairs))) for model in models),
    )


def chance(p: float) -> Cell:
    """A p-value."""
    return Cell("< 0.001" if p < 0.001 else f"{p:.3f}", p)


def _rising(pair: Difference) -> Difference:
    """The pair with its better model first."""
    if pair.accuracy.value >= 0:
        return pair
    value, low, high = (-x for x in (pair.accuracy.value, pair.accuracy.high, pair.accuracy.low))
    turned = pair.accuracy.model_copy(update={"value": value, "low": low, "high": high})
    return pair.model_copy(update={"first": pair.second, "second": pair.first, "accuracy": turned})


def _row(pair: Difference) -> PairRow:
    size = pair.accuracy
    difference = Cell(style.signed(size.value), size.value, f"{style.signed(size.low)}, {style.signed(size.high)}")
    p, adjusted = chance(pair.p), chance(pair.adjusted)
    told = Cell(adjusted.text, adjusted.sort, best=pair.adjusted < LEVEL)
    return PairRow(pair.first, pair.second, pair.n, difference, p, told)


def _squares(model: str, models: Sequence[str], pairs: Iterable[Difference]) -> Iterable[Cell]:
    found = {(pair.first, pair.second): (pair, 1) for pair in pairs}
    found |= {(pair.second, pair.first): (pair, -1) for pair, _ in found.values()}
    for other in models:
        pair, sign = found.get((model, other), (None, 0))
        if pair is None:
            yield Cell("" if other == model else style.MISSING)
        else:
            value = sign * pair.accuracy.value
            yield Cell(style.signed(value), value, best=pair.adjusted < LEVEL)
