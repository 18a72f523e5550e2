"""What several seeds say: means with 95 % t-intervals, and paired differences between the parts of an ablation."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from math import sqrt
from statistics import fmean, stdev
from typing import Literal

from harness.trials import STANDARD, VARIANTS, Asked, Trial

Read = Callable[[Trial], float | None]
"""One number of a trial; None where it has none."""

Verdict = Literal["better", "worse", "not told apart", "too few seeds"]


@dataclass(frozen=True)
class Measure:
    """A number that variants are compared by."""

    name: str
    title: str
    read: Read
    lower_is_better: bool = False


ACCURACY = Measure("accuracy", "Accuracy", lambda trial: trial.accuracy)
PRECISION = Measure("map", "mAP", lambda trial: trial.mean_average_precision)
IMPOSSIBLE = Measure("impossible", "Impossible faces", lambda trial: trial.impossible, lower_is_better=True)
INCOMPLETE = Measure("incomplete", "Incomplete faces", lambda trial: trial.incomplete, lower_is_better=True)
MEASURES = (ACCURACY, PRECISION, IMPOSSIBLE, INCOMPLETE)


@dataclass(frozen=True)
class Spread:
    """The mean over seeds with its 95 % t-interval, which one seed does not give."""

    values: tuple[float, ...]
    mean: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Gain:
    """What a variant gives over another on the seeds that both have."""

    before: str
    after: str
    measure: Measure
    spread: Spread | None
    """Of the differences, after less before."""
    verdict: Verdict


@dataclass(frozen=True)
class Condition:
    """All trials under one condition."""

    name: str
    seeds: tuple[int, ...]
    """The seeds to expect of each variant."""
    trials: Mapping[str, Mapping[int, Trial]]
    """Variant -> seed -> trial."""
    asked: Asked

    @property
    def variants(self) -> tuple[str, ...]:
        """Those asked for, run or not, and any others that are run: the paper's come first; not those of the sweep."""
        known = {*self.asked.variants, *(name for name in self.trials if "@" not in name)}
        return (*(name for name in VARIANTS if name in known), *sorted(known.difference(VARIANTS)))

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """What is compared: each part with the one before it, and at the end all parts together."""
        parts = [name for name in self.variants if name in VARIANTS]
        whole = [(parts[0], parts[-1])] if len(parts) > 1 else []
        return tuple(dict.fromkeys((*pairwise(parts), *whole)))

    def values(self, variant: str, read: Read) -> dict[int, float]:
        """Seed -> number, of the seeds that are run and have it."""
        found = {seed: read(trial) for seed, trial in sorted(self.trials.get(variant, {}).items())}
        return {seed: value for seed, value in found.items() if value is not None}

    def spread(self, variant: str, read: Read) -> Spread | None:
        """Mean and interval of a variant; None where nothing is run."""
        return spread(self.values(variant, read).values())

    def all(self) -> list[Trial]:
        """Every trial, the sweep's too."""
        return [trial for by_seed in self.trials.values() for trial in by_seed.values()]

    def labels(self) -> tuple[str, ...]:
        """The labels that vary in the test faces; the one to which all parts together give most comes first."""
        found = dict.fromkeys(name for trial in self.all() for name in trial.accuracy_by_label if varies(trial, name))
        gains = {name: difference(self, *pair, label_accuracy(name)) for name in found for pair in self.pairs[-1:]}
        means = {name: gain.mean for name, gain in gains.items() if gain}
        return tuple(sorted(found, key=lambda name: (-round(means.get(name, 0.0), 9), name)))

    def sweep(self) -> dict[str, dict[float, dict[int, Trial]]]:
        """Base variant -> omega -> seed -> trial (figure 8b).

        A trial of the base itself stands in at its own omega, so the sweep need not train that one twice.
        """
        swept = sorted({trial.base for trial in self.all() if trial.variant != trial.base})
        return {base: self._at_omegas(base) for base in swept}

    def _at_omegas(self, base: str) -> dict[float, dict[int, Trial]]:
        points: dict[float, dict[int, Trial]] = {}
        own_first = sorted((trial for trial in self.all() if trial.base == base), key=lambda trial: trial.variant)
        for trial in own_first:  # a swept trial comes later and takes the place of the base's
            if trial.omega is not None:
                points.setdefault(trial.omega, {})[trial.seed] = trial
        return {omega: points[omega] for omega in sorted(points)}


def conditions(
    trials: Iterable[Trial], seeds: Iterable[int] = (), asked: Mapping[str, Asked] | None = None
) -> list[Condition]:
    """The trials by condition, the standard one first.

    Args:
        trials: all of the ablation.
        seeds: those that are planned; if none are named, every seed that some variant of a condition has.
        asked: condition -> what it asks for; one that is not named is taken to ask for the paper's variants, and the
            standard one for the sweep as well.
    """
    planned = set(seeds)
    found: dict[str, dict[str, dict[int, Trial]]] = {}
    for trial in trials:
        found.setdefault(trial.condition, {}).setdefault(trial.variant, {})[trial.seed] = trial
    names = sorted(found, key=lambda name: (name != STANDARD, name))
    known = {name: Asked() if name == STANDARD else Asked(omegas=()) for name in names} | dict(asked or {})
    return [
        Condition(name, tuple(sorted(planned.union(*found[name].values()))), found[name], known[name]) for name in names
    ]


def varies(trial: Trial, label: str) -> bool:
    """Whether some test faces show the label and others do not; taken to be so where the trial does not say."""
    return 0 < trial.present_by_label.get(label, 0.5) < 1


def label_accuracy(label: str) -> Read:
    """Accuracy on one label."""
    return lambda trial: trial.accuracy_by_label.get(label)


def label_precision(label: str) -> Read:
    """Average precision on one label."""
    return lambda trial: trial.precision_by_label.get(label)


def rule_share(rule: str) -> Read:
    """Share of test faces that break a rule."""
    return lambda trial: trial.broken.get(rule)


def constant(label: str) -> Read:
    """What the better of "always" and "never" scores on a label."""

    def read(trial: Trial) -> float | None:
        share = trial.present_by_label.get(label)
        return None if share is None else max(share, 1 - share)

    return read


def constant_mean(trial: Trial) -> float | None:
    """The mean of `constant` over the labels of a trial, each label weighing the same."""
    scores = [score for label in trial.accuracy_by_label if (score := constant(label)(trial)) is not None]
    return fmean(scores) if len(scores) == len(trial.accuracy_by_label) > 0 else None


def spread(values: Iterable[float]) -> Spread | None:
    """Mean and 95 % t-interval over seeds; no interval from one value, nothing from none."""
    found = tuple(values)
    if len(found) < 2:
        return Spread(found, found[0]) if found else None
    mean, half = fmean(found), _quantile(len(found) - 1) * stdev(found) / sqrt(len(found))
    return Spread(found, mean, mean - half, mean + half)


@cache
def _quantile(degrees: int) -> float:
    from scipy.stats import t

    return float(t.ppf(0.975, degrees))


def difference(condition: Condition, before: str, after: str, read: Read) -> Spread | None:
    """After less before, seed by seed: what a seed does to both (faces, order, first weights) cancels out."""
    old, new = condition.values(before, read), condition.values(after, read)
    return spread(new[seed] - old[seed] for seed in new if seed in old)


def gain(condition: Condition, before: str, after: str, measure: Measure) -> Gain:
    """The difference between two variants, and what may be said of it."""
    found = difference(condition, before, after, measure.read)
    return Gain(before, after, measure, found, verdict(found, measure.lower_is_better))


def gains(condition: Condition, measures: Iterable[Measure] = MEASURES) -> list[Gain]:
    """Each part over the one before it, then all parts together, in each measure."""
    return [gain(condition, *pair, measure) for measure in measures for pair in condition.pairs]


def verdict(found: Spread | None, lower_is_better: bool = False) -> Verdict:
    """Better or worse only where the whole interval lies on one side of zero."""
    if found is None or found.low is None or found.high is None:
        return "too few seeds"
    if found.low <= 0 <= found.high:
        return "not told apart"
    return "better" if (found.mean < 0) == lower_is_better else "worse"
