"""Which models differ on a question: paired differences on the same samples, tests, Holm's correction. numpy only.

What is compared is the accuracy of the leaderboards, the part of the scored cells that is right, over the samples that
neither model failed. Per sample, the difference d is how many more cells the first model has right than the second.

The test is the exact sign-flip test (Fisher's randomisation test for pairs): if models do not differ, each sample's
two results could as well have been swapped, so the sign of each d is a fair coin. p is the probability that random
signs give a sum as far from 0 as the one seen. Where a sample is one cell, d is -1, 0 or 1 and this is McNemar's exact
test. Images are the unit, however many cells they have: cells of one image are not independent of each other.

Legend: M models, n samples, P pairs, B resamples.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from harness.records import Estimate, Record
from tasks.metrics import Bools, Floats, Ints, interval, ratio, resampled

SMALLEST = 1e-10
"""What is less is given as this: the rounding of the transform has about this size."""
_REACH = 7
"""Sums beyond this many standard deviations are left out: Hoeffding gives them 2 exp(-7² / 2) < SMALLEST / 2."""


class Difference(Record):
    """How two models differ on the same samples."""

    first: str
    second: str
    n: int
    """Samples that neither failed."""
    accuracy: Estimate
    """The first model's less the second's, with its paired bootstrap interval (95 %)."""
    p: float
    """Of the exact sign-flip test, two-sided; of one label McNemar's exact test."""
    adjusted: float
    """p after Holm's correction for all pairs of the question."""


def compare(models: Sequence[str], right: Ints, there: Bools, cells: Ints, resamples: int = 1000) -> list[Difference]:
    """Every pair of models, in their order; a pair without a scored cell in common is left out.

    Args:
        models: M names.
        right: (M, n) right cells.
        there: (M, n) the model did not fail the sample, and was asked.
        cells: (n,) scored cells.
        resamples: of the samples, the same ones for all pairs.
    """
    chosen = [pair for pair in combinations(range(len(models)), 2) if cells[there[pair, :].all(axis=0)].any()]
    if not chosen:
        return []
    one, two = np.array(chosen).T
    both = there[one] & there[two]
    differences, counted = (right[one] - right[two]) * both, cells * both
    p_values = np.array([sign_flip(row) for row in differences])
    accuracies = _intervals(differences, counted, resamples)
    return [
        Difference(first=models[i], second=models[j], n=int(shared.sum()), accuracy=accuracy, p=p, adjusted=adjusted)
        for (i, j), shared, accuracy, p, adjusted in zip(
            chosen, both, accuracies, p_values.tolist(), holm(p_values).tolist(), strict=True
        )
    ]


def sign_flip(differences: Ints) -> float:
    """The probability that random signs give a sum as far from 0 as that of the differences (n,), or farther.

    The sum of independent ±d has the characteristic function Π cos(d t). Its values at N equally spaced t are the
    Fourier transform of the probabilities of the sums modulo N, so one inverse transform gives all of them.
    """
    sizes, counts = np.unique(np.abs(differences[differences != 0]), return_counts=True)
    if not len(sizes):
        return 1.0
    reach = int(min(sizes @ counts, np.ceil(_REACH * np.sqrt(np.square(sizes) @ counts))))
    seen = abs(int(differences.sum()))
    if seen > reach:
        return SMALLEST
    points = 2 * reach + 1
    angles = 2 * np.pi * np.arange(reach + 1) / points
    spectrum = np.ones(reach + 1)
    for size, count in zip(sizes, counts, strict=True):
        spectrum *= np.cos(size * angles) ** count
    mass = np.fft.irfft(spectrum, points)  # of the sums 0, 1 .. reach, -reach .. -1
    return float(np.clip(mass[seen : points - seen + 1].sum() if seen else 1.0, SMALLEST, 1.0))


def holm(p_values: Floats) -> Floats:
    """Adjusted p-values (P,) of Holm (1979): rejecting those below α errs in any of them with at most probability α."""
    order = np.argsort(p_values, kind="stable")
    factors = np.arange(len(p_values), 0, -1)
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.minimum(np.maximum.accumulate(p_values[order] * factors), 1.0)
    return adjusted


def _intervals(differences: Ints, counted: Ints, resamples: int) -> list[Estimate]:
    """The differences in accuracy of P pairs with their intervals, from right and scored cells (P, n)."""
    drawn = np.concatenate(
        [
            ratio(counts @ differences.T, counts @ counted.T, empty=np.nan)
            for counts in resampled(differences.shape[1], resamples, seed=0)
        ]
    )
    values = differences.sum(axis=1) / counted.sum(axis=1)
    return [interval(float(value), column) for value, column in zip(values, drawn.T, strict=True)]
