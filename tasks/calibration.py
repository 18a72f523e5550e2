"""Whether evidence can be read as a probability: expected calibration error, Brier score, reliability curve.

A decision is something that evidence is given for and that holds or does not. Of a question of one label it is, for
each sample, "the likeliest label is right": the top-label calibration of Guo et al. (2017), "On calibration of modern
neural networks", whose expected calibration error over 15 bins of equal width this is. Of attributes it is, for each
annotated cell with evidence, "the attribute is present".

The expected calibration error grows as bins get emptier, also where evidence is a perfect probability: with few
decisions it says little, and models compare by it only where they have about as many.
"""

import numpy as np

from harness.records import Bin, Calibration
from tasks.metrics import Bools, Floats, ratio
from tasks.ranking import Ranked

BINS = 15


def of(ranked: Ranked, one_label: bool) -> Calibration | None:
    """The calibration of evidence (n, K) beside the gold; None where there is no decision to look at."""
    return calibrate(*(_top_labels(ranked) if one_label else (ranked.evidence[ranked.mask], ranked.truth[ranked.mask])))


def calibrate(evidence: Floats, holds: Bools, bins: int = BINS) -> Calibration | None:
    """Calibration of decisions with evidence in [0, 1] that hold or do not, (m,) both.

    Bin b of B holds evidence in (b / B, (b + 1) / B], the first one 0 too, as in scikit-learn's `calibration_curve`.
    """
    if not len(evidence):
        return None
    edges = np.linspace(0, 1, bins + 1)[1:-1]
    place = np.searchsorted(edges, evidence)
    counts = np.bincount(place, minlength=bins)
    means = ratio(np.bincount(place, evidence, bins), counts)
    rates = ratio(np.bincount(place, holds, bins), counts)
    return Calibration(
        decisions=len(evidence),
        expected_error=float(np.abs(means - rates) @ counts / len(evidence)),
        brier=float(np.square(evidence - holds).mean()),
        bins=tuple(
            Bin(count=int(count), evidence=float(mean), rate=float(rate))
            for count, mean, rate in zip(counts, means, rates, strict=True)
            if count
        ),
    )


def _top_labels(ranked: Ranked) -> tuple[Floats, Bools]:
    """The strongest evidence of each sample that has any, (m,), and whether its label is right; the first of a tie."""
    chosen = ranked.mask.any(axis=1)
    evidence, truth = np.where(ranked.mask, ranked.evidence, -np.inf)[chosen], ranked.truth[chosen]
    top = evidence.argmax(axis=1)[:, None]
    return np.take_along_axis(evidence, top, axis=1)[:, 0], np.take_along_axis(truth, top, axis=1)[:, 0]
