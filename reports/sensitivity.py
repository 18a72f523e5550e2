"""How much the wording of a question moves its score: the variants of its prompt, on the same samples.

A model that sees what it is asked about gives one answer however it is asked. What moves here is no property of faces,
so a difference between models that is smaller than a model's own spread says little.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np

from harness.errors import HarnessError
from harness.records import METRICS, Estimate
from harness.score import read_off
from reports.load import Question, Run
from tasks import metrics
from tasks.labels import label_space
from tasks.metrics import Answers, Attributes, Bools, Ints

NONE = -1
"""The code of an answer that names no label: two of them are the same answer."""
ACCURACY, F1 = METRICS.index("accuracy"), METRICS.index("f1")


@dataclass(frozen=True)
class Sensitivity:
    """One model on one question under several wordings."""

    model: str
    n: int
    """Samples that are scored under all of them: what failed under one counts under none."""
    accuracy: Mapping[str, Estimate]
    """Variant -> accuracy on these samples."""
    against_first: Mapping[str, Estimate]
    """Variant -> its accuracy less that of the first one; not for the first itself."""
    spread: Estimate
    """Highest less lowest accuracy, the interval that of the difference between these two variants."""
    f1_spread: Estimate
    changed: float
    """Fraction of units whose answer is not the same under all; see `units`."""
    kappa: float | None
    """Mean of Cohen's kappa over the pairs of variants; None where each only ever gave one and the same answer."""
    units: str
    """What is compared: images, or cells of one attribute of one image."""


class Said(NamedTuple):
    """What was said of the samples that are scored, in dataset order."""

    ids: list[str]
    answers: Answers
    answered: Bools

    def of(self, ids: Sequence[str]) -> "Said":
        """What was said of these samples."""
        places = {name: place for place, name in enumerate(self.ids)}
        chosen = np.array([places[name] for name in ids], dtype=np.int64)
        return Said(list(ids), metrics.subset(self.answers, chosen), self.answered[chosen])

    def codes(self) -> Ints:
        """The answer to each unit as a number."""
        if isinstance(self.answers, Attributes):
            said = np.where(self.answered[:, None], self.answers.predicted.astype(np.int64), NONE)
            return said[self.answers.mask]
        return self.answers.predicted


def measure(run: Run, model: str, variants: Sequence[Question]) -> Sensitivity | None:
    """Compare the answers of a model under the variants of a question.

    Returns:
        None where fewer than two of them have a scored sample in common; what cannot be read becomes a notice.
    """
    try:
        found = {asked.variant: said for asked in variants if (said := _said(run, model, asked)).ids}
    except HarnessError as error:
        run.notices.append(f"{model} on {variants[0].plain}: the wordings cannot be compared. {error}")
        return None
    if len(found) < 2:
        return None
    first, *others = found.values()
    shared = set(first.ids).intersection(*(said.ids for said in others))
    common = [name for name in first.ids if name in shared]
    return _compare(model, {variant: said.of(common) for variant, said in found.items()}) if common else None


def _said(run: Run, model: str, asked: Question) -> Said:
    predictions = run.predictions(model, asked.name)
    pairs = [
        (case.sample(), said)
        for case in run.cases(asked.name)
        if (said := predictions.get(case.key)) is not None and said.status != "failed"
    ]
    answers = read_off(label_space(asked.space), pairs)
    return Said([sample.id for sample, _ in pairs], answers, metrics.answered(answers))


def _compare(model: str, found: Mapping[str, Said]) -> Sensitivity:
    first, *others = found
    points = {variant: metrics.metrics(said.answers) for variant, said in found.items()}
    # As many samples and one seed: every variant is resampled alike, and differences are of the same images.
    drawn = {variant: metrics.draws(said.answers) for variant, said in found.items()}

    def difference(high: str, low: str, metric: int) -> Estimate:
        name = METRICS[metric]
        return metrics.interval(points[high][name] - points[low][name], drawn[high][metric] - drawn[low][metric])

    def spread(metric: int) -> Estimate:
        # A stable order, so that the ends are two variants even where all score the same.
        low, *_, high = sorted(found, key=lambda variant: points[variant][METRICS[metric]])
        return difference(high, low, metric)

    codes = np.stack([said.codes() for said in found.values()])
    return Sensitivity(
        model=model,
        n=len(found[first].ids),
        accuracy={
            variant: metrics.interval(points[variant]["accuracy"], drawn[variant][ACCURACY]) for variant in found
        },
        against_first={variant: difference(variant, first, ACCURACY) for variant in others},
        spread=spread(ACCURACY),
        f1_spread=spread(F1),
        changed=float((codes != codes[0]).any(axis=0).mean()),
        kappa=mean_kappa(codes),
        units="cells" if isinstance(found[first].answers, Attributes) else "images",
    )


def mean_kappa(codes: Ints) -> float | None:
    """The mean of Cohen's kappa over the pairs of rows of codes (V, units); pairs of one constant have none."""
    kappas = [kappa for one, other in combinations(codes, 2) if (kappa := _kappa(one, other)) is not None]
    return float(np.mean(kappas)) if kappas else None


def _kappa(one: Ints, other: Ints) -> float | None:
    classes = int(max(one.max(), other.max())) - NONE + 1
    shares = [np.bincount(row - NONE, minlength=classes) / len(row) for row in (one, other)]
    by_chance = float(shares[0] @ shares[1])
    return None if np.isclose(by_chance, 1.0) else float(((one == other).mean() - by_chance) / (1 - by_chance))
