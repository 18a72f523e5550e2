"""What figure 8 shows, as rows of numbers and in words: for the chart, its tips and its alternative texts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reports import seeds, style
from reports.seeds import Condition, Spread

ONE_COLUMN = 14
"""Attributes that still stand in one column."""


@dataclass(frozen=True)
class Line:
    """One row of figure 8(a)."""

    name: str
    spreads: Mapping[str, Spread | None]
    """Variant -> mean and interval."""
    constant: float | None
    """What the constant answer scores."""


def columns(condition: Condition) -> list[list[Line]]:
    """A row per attribute, in one column or in two of (almost) the same length."""
    names = condition.labels()
    lines = [_line(condition, name, seeds.label_accuracy(name), seeds.constant(name)) for name in names]
    half = len(lines) if len(lines) <= ONE_COLUMN else -(-len(lines) // 2)
    return [lines[:half], lines[half:]] if half < len(lines) else [lines]


def means(condition: Condition) -> list[Line]:
    """Mean accuracy and mAP: the two rows above the attributes."""
    return [
        _line(condition, "Mean accuracy", seeds.ACCURACY.read, seeds.constant_mean),
        _line(condition, "mAP", seeds.PRECISION.read, lambda _: None),
    ]


def limits(lines: Sequence[Line]) -> tuple[float, float]:
    """An axis in percent that holds every dot, whisker and constant answer, and goes no further than 0 to 100."""
    ends = [
        x for line in lines for found in line.spreads.values() if found for x in (found.mean, found.low, found.high)
    ]
    known = [100 * x for x in (*ends, *(line.constant for line in lines)) if x is not None]
    if not known:
        return 0.0, 100.0
    room = max(1.0, 0.03 * (max(known) - min(known)))
    return max(0.0, min(known) - room), min(100.6, max(known) + room)


def tips(condition: Condition) -> dict[str, str]:
    """Dot id (gid) of figure 8(a) -> what it says in words."""
    parts = {"mean": means(condition)} | {f"label{i}": lines for i, lines in enumerate(columns(condition))}
    return {
        f"dot-{part}-{row}-{place}": f"{line.name}, {variant}: {in_words(found)}"
        for part, rows in parts.items()
        for row, line in enumerate(rows)
        for place, (variant, found) in enumerate(line.spreads.items())
        if found
    }


def variants_in_words(condition: Condition, measures: Sequence[seeds.Measure]) -> str:
    """The alternative text of `figure_8a` and `violations`; single attributes are in the table."""
    said = [
        f"{variant} {measure.title} {in_words(condition.spread(variant, measure.read))}"
        for variant in condition.variants
        for measure in measures
    ]
    return f"{condition.name}, percent: {'; '.join(said)}."


def sweep_in_words(condition: Condition) -> str:
    """The alternative text of `figure_8b`."""
    said = [
        f"{base} at ω {omega:g}: {in_words(seeds.spread(trial.accuracy for trial in by_seed.values()))}"
        for base, points in condition.sweep().items()
        for omega, by_seed in points.items()
    ]
    return f"{condition.name}, accuracy in percent: {'; '.join(said)}."


def in_words(found: Spread | None) -> str:
    """Mean and interval in percent, such as "87.50 [86.10, 88.90]"."""
    if found is None:
        return style.MISSING
    mean = style.percent(found.mean, 2)
    return mean if found.low is None else f"{mean} [{style.percent(found.low, 2)}, {style.percent(found.high, 2)}]"


def _line(condition: Condition, name: str, read: seeds.Read, constant: seeds.Read) -> Line:
    spreads = {variant: condition.spread(variant, read) for variant in condition.variants}
    base = seeds.spread(x for trial in condition.all() if (x := constant(trial)) is not None)
    return Line(name, spreads, base.mean if base else None)
