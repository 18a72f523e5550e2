"""Scores as the paper's numbers imply them, their bootstrap intervals and constant baselines. numpy only.

Every metric is a function of sums over samples. A bootstrap resample only changes how often each sample is counted,
so one matrix of counts (resamples x samples) gives all resamples at once; a single row of ones gives the score itself.

Legend: n samples, K attributes, C classes, B resamples.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from harness.records import METRICS, Estimate

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_BLOCK = 2_000_000
"""Cells of a block of the count matrix: 16 MB, however many samples there are."""


class Attributes(NamedTuple):
    """Answers about attributes."""

    truth: Bools
    """(n, K) gold: present."""
    mask: Bools
    """(n, K) annotated; a cell that is not annotated is never scored."""
    predicted: Bools
    """(n, K) said to be present; what the answer does not name is absent."""
    answered: Bools
    """(n,) False: every cell of the image is wrong, whatever `predicted` holds."""


class Labels(NamedTuple):
    """Answers of one label out of C."""

    gold: Ints
    """(n,) class numbers."""
    predicted: Ints
    """(n,) class numbers; -1 is no answer: wrong, a miss of the gold class and no false alarm of another."""
    classes: int


Answers = Attributes | Labels


def metrics(answers: Answers) -> dict[str, float]:
    """Accuracy, precision, recall and F1; empty where nothing can be scored.

    Attributes: accuracy over all scored cells; the other three per image over its positive attributes, then averaged
    over images. A zero denominator gives 0 (scikit-learn: average="samples", zero_division=0), but an answered image
    with neither a gold nor a predicted positive says nothing about positives and is left out of the three averages.

    Labels: accuracy; the other three per class, then averaged over the classes that occur in the gold labels
    (scikit-learn: average="macro", labels=those classes, zero_division=0), the same classes for every model.
    """
    count = len(answers[0])
    values = _statistic(answers)(np.ones((1, count)))[:, 0] if count else np.full(len(METRICS), np.nan)
    return {name: float(value) for name, value in zip(METRICS, values, strict=True) if np.isfinite(value)}


def bootstrap(answers: Answers, resamples: int = 1000, seed: int = 0) -> dict[str, Estimate]:
    """The metrics with their 95 % percentile intervals over resampled samples; the same seed gives the same interval.

    The interval is widened to hold the value itself, which rounding, or a class that few samples have, can push out.
    """
    point = metrics(answers)
    if not point:
        return {}
    drawn = draws(answers, resamples, seed)
    return {name: interval(value, drawn[METRICS.index(name)]) for name, value in point.items()}


def draws(answers: Answers, resamples: int = 1000, seed: int = 0) -> Floats:
    """The metrics (4, B) over resampled samples; of as many samples the same seed draws the same, which pairs them."""
    statistic = _statistic(answers)
    return np.concatenate([statistic(counts) for counts in resampled(len(answers[0]), resamples, seed)], axis=1)


def subset(answers: Answers, chosen: Bools | Ints) -> Answers:
    """The answers to some of the samples, told by a mask or by their places."""
    if isinstance(answers, Labels):
        return answers._replace(gold=answers.gold[chosen], predicted=answers.predicted[chosen])
    return Attributes(*(column[chosen] for column in answers))


def answered(answers: Answers) -> Bools:
    """(n,) whether the sample has an answer."""
    return answers.predicted >= 0 if isinstance(answers, Labels) else answers.answered


def cells(answers: Answers) -> tuple[Ints, Ints]:
    """How many cells of each sample are right, and how many are scored: (n,) both. One label is one cell."""
    if isinstance(answers, Labels):
        return (answers.gold == answers.predicted).astype(np.int64), np.ones_like(answers.gold)
    agreed = (answers.truth == answers.predicted) & answers.mask & answers.answered[:, None]
    return agreed.sum(axis=1), answers.mask.sum(axis=1)


def confusion(answers: Labels) -> Ints:
    """(C, C + 1) how many samples of a class (row) are said to be of another (column); last column: no answer."""
    said = np.where(answers.predicted < 0, answers.classes, answers.predicted)
    shape = answers.classes, answers.classes + 1
    return np.bincount(answers.gold * shape[1] + said, minlength=shape[0] * shape[1]).reshape(shape)


def majority(gold: Ints, classes: int) -> int:
    """The class that most samples have; the first of them in a tie."""
    return int(np.bincount(gold, minlength=classes).argmax())


def baseline(answers: Answers) -> dict[str, float]:
    """The metrics of a constant answer: the majority label, or all attributes negative."""
    if isinstance(answers, Labels):
        constant = majority(answers.gold, answers.classes)
        return metrics(answers._replace(predicted=np.full_like(answers.gold, constant)))
    silent = np.zeros_like(answers.truth)
    return metrics(answers._replace(predicted=silent, answered=np.ones(len(silent), dtype=bool)))


def contradiction_rate(truth: Bools, pairs: Sequence[tuple[int, int]]) -> float:
    """Fraction of the rows of truth (n, K) in which both attributes of some exclusive pair are present."""
    first, second = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return float((truth[:, first] & truth[:, second]).any(axis=1).mean()) if len(truth) else 0.0


def interval(value: float, drawn: Floats) -> Estimate:
    """The 95 % percentile interval of what resamples gave (B,), NaN left out, widened to hold the value itself."""
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return Estimate(value=value, low=min(value, float(low)), high=max(value, float(high)))


def _statistic(answers: Answers) -> Callable[[Floats], Floats]:
    return _label_statistic(answers) if isinstance(answers, Labels) else _attribute_statistic(answers)


def _attribute_statistic(answers: Attributes) -> Callable[[Floats], Floats]:
    """Counts (B, n) -> the four metrics (4, B)."""
    gold = answers.truth & answers.mask
    said = answers.predicted & answers.mask & answers.answered[:, None]
    hits, positives, claims = (chosen.sum(axis=1) for chosen in (gold & said, gold, said))
    right, scored = cells(answers)
    counted = (scored > 0) & ((positives + claims > 0) | ~answers.answered)
    scores = _scores(hits, positives, claims)
    above = np.stack([right, *(score * counted for score in scores)], axis=1).astype(np.float64)
    below = np.stack([scored, counted, counted, counted], axis=1).astype(np.float64)
    return lambda counts: ratio(counts @ above, counts @ below, empty=np.nan).T


def _label_statistic(answers: Labels) -> Callable[[Floats], Floats]:
    """Counts (B, n) -> the four metrics (4, B), from the margins and the diagonal of the confusion matrices."""
    classes = np.arange(answers.classes)
    gold = (answers.gold[:, None] == classes).astype(np.float64)
    said = (answers.predicted[:, None] == classes).astype(np.float64)

    def statistic(counts: Floats) -> Floats:
        hits, positives, claims = counts @ (gold * said), counts @ gold, counts @ said
        occurs = positives > 0
        scores = _scores(hits, positives, claims)
        accuracy = ratio(hits.sum(axis=1), positives.sum(axis=1), empty=np.nan)
        means = (ratio((score * occurs).sum(axis=1), occurs.sum(axis=1), empty=np.nan) for score in scores)
        return np.stack([accuracy, *means])

    return statistic


def _scores(hits: npt.ArrayLike, positives: npt.ArrayLike, claims: npt.ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Precision, recall and F1."""
    relevant = np.add(claims, positives)
    return ratio(hits, claims), ratio(hits, positives), ratio(np.multiply(2, hits), relevant)


def ratio(above: npt.ArrayLike, below: npt.ArrayLike, empty: float = 0.0) -> Floats:
    """above / below, and `empty` where below is 0."""
    dividend, divisor = np.broadcast_arrays(np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64))
    quotient = np.full(dividend.shape, empty)
    np.divide(dividend, divisor, out=quotient, where=divisor > 0)
    return quotient


def resampled(samples: int, resamples: int, seed: int) -> Iterator[Floats]:
    """How often each sample is drawn (b, samples), in blocks of resamples."""
    rng = np.random.default_rng(seed)
    block = max(1, _BLOCK // samples)
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        drawn = rng.integers(0, samples, (size, samples)) + samples * np.arange(size)[:, None]
        yield np.bincount(drawn.ravel(), minlength=size * samples).reshape(size, samples).astype(np.float64)
