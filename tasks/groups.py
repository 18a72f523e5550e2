"""Accuracy by group of faces, such as gender x race, and the largest gap between groups. Questions of one label only.

The gap is a maximum less a minimum, so it is above 0 even where the groups are alike, and the more so the more groups
there are and the smaller they are. Two things keep it honest. Groups below `MINIMUM` samples are not compared. And
beside the gap stands what chance gives: the right answers dealt out among the same faces anew, whoever they are. That
takes the number of groups into account, though not how many models and ways of grouping are looked at.

Resampling n right-or-wrong answers of which k are right is one binomial draw; dealing them out anew is one
hypergeometric draw: the distributions of resampling and of shuffling themselves, without either.

Legend: n samples, G groups, B resamples.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple, cast

import numpy as np

from harness.records import Estimate, Record
from tasks.metrics import Bools, Floats, Ints, interval

MINIMUM = 10
"""Samples below which the accuracy of a group is shown but not compared."""
TOGETHER = 3
"""Columns that are looked at together, at most: gender x race x age."""
NOT_RECORDED = "not recorded"


class Group(Record):
    """The samples of one value, or of several columns' values together."""

    values: tuple[str, ...]
    """In the order of the columns."""
    n: int
    """Scored samples."""
    accuracy: Estimate
    """With Wilson's interval (95 %), which has a width also where all or none is right."""

    @property
    def compared(self) -> bool:
        """Whether it is large enough for the gap."""
        return self.n >= MINIMUM


class Gap(Record):
    """The largest difference in accuracy between groups."""

    highest: tuple[str, ...]
    lowest: tuple[str, ...]
    size: Estimate
    """With the bootstrap interval (95 %) of maximum less minimum, resampled within each group."""
    groups: int
    """How many were compared."""
    chance: float
    """A gap that dealing out the right answers anew exceeds once in twenty times."""
    p: float
    """How often that gives a gap at least as large; not corrected for anything but the number of groups."""


class Split(Record):
    """The samples of a question by one or more columns, and how right one model is on each group."""

    columns: tuple[str, ...]
    groups: tuple[Group, ...]
    """By their values; those without a scored sample are left out."""
    gap: Gap | None = None
    """None where fewer than two groups are large enough."""


class Grouping(NamedTuple):
    """The groups of a question's samples by one or more columns; the same for all models."""

    columns: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]
    """The G groups."""
    place: Ints
    """(n,) the group of each sample."""


def groupings(rows: Sequence[Mapping[str, str]]) -> list[Grouping]:
    """Every column by itself, every two together, every three, of the samples' group columns."""
    columns = tuple(dict.fromkeys(column for row in rows for column in row))
    chosen = [some for size in range(1, TOGETHER + 1) for some in combinations(columns, size)]
    return [_grouping(some, rows) for some in chosen]


def split(grouping: Grouping, right: Bools, scored: Bools, resamples: int = 1000) -> Split:
    """One model's accuracy by group.

    Args:
        grouping: of n samples into G groups.
        right: (n,) the answer is right.
        scored: (n,) the model was asked and did not fail.
        resamples: for the interval of the gap, and as many for what chance gives.
    """
    sizes = np.bincount(grouping.place[scored], minlength=len(grouping.values))
    hits = np.bincount(grouping.place[scored & right], minlength=len(grouping.values))
    groups = tuple(
        Group(values=values, n=n, accuracy=wilson(k, n))
        for values, n, k in zip(grouping.values, sizes.tolist(), hits.tolist(), strict=True)
        if n
    )
    return Split(columns=grouping.columns, groups=groups, gap=_gap(grouping.values, hits, sizes, resamples))


def wilson(hits: int, n: int) -> Estimate:
    """hits / n with the score interval (95 %) of Wilson (1927)."""
    z = 1.959963984540054  # the normal quantile of 0.975
    share, weight = hits / n, z * z / n
    middle = (share + weight / 2) / (1 + weight)
    half = np.sqrt(share * (1 - share) * weight + weight * weight / 4) / (1 + weight)
    return Estimate(value=share, low=max(0.0, float(middle - half)), high=min(1.0, float(middle + half)))


def _grouping(columns: tuple[str, ...], rows: Sequence[Mapping[str, str]]) -> Grouping:
    found = [tuple(row.get(column, NOT_RECORDED) for column in columns) for row in rows]
    values = tuple(sorted(set(found), key=lambda group: [_natural(value) for value in group]))
    place = {group: index for index, group in enumerate(values)}
    return Grouping(columns, values, np.array([place[group] for group in found], dtype=np.int64))


def _natural(text: str) -> list[tuple[bool, int, str]]:
    """A key by which "3-9" comes before "10-19", and both before words."""
    return [(not part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in re.findall(r"\d+|\D+", text)]


def _gap(values: Sequence[tuple[str, ...]], hits: Ints, sizes: Ints, resamples: int) -> Gap | None:
    large = np.flatnonzero(sizes >= MINIMUM)
    if len(large) < 2:
        return None
    hits, sizes = hits[large], sizes[large]
    shares = hits / sizes
    size = float(np.ptp(shares))
    rng = np.random.default_rng(0)
    resampled = _gaps(rng.binomial(sizes, shares, (resamples, len(large))), sizes)
    dealt = _gaps(rng.multivariate_hypergeometric(sizes, int(hits.sum()), resamples, method="marginals"), sizes)
    return Gap(
        highest=values[large[shares.argmax()]],
        lowest=values[large[shares.argmin()]],
        size=interval(size, resampled),
        groups=len(large),
        chance=float(np.quantile(dealt, 0.95)),
        p=float((1 + (dealt >= size - 1e-12).sum()) / (1 + resamples)),  # equal gaps may differ by rounding
    )


def _gaps(hits: Ints, sizes: Ints) -> Floats:
    """(B,) the gap of each draw (B, G)."""
    shares: Floats = hits / sizes
    return cast(Floats, shares.max(axis=1) - shares.min(axis=1))
