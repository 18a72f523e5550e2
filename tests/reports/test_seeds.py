"""Intervals and paired differences, against scipy's own tests."""

import numpy as np
import pytest
from scipy import stats

from harness.trials import VARIANTS
from reports import seeds
from reports.seeds import MEASURES, conditions
from tests.reports import trials as made

ORG, SEG, CORR, FULL = VARIANTS
SEEDS = (0, 1, 2, 3)


def only(trials, **more):
    (condition,) = conditions(trials, **more)
    return condition


def test_the_interval_is_students_over_the_seeds():
    values = [0.81, 0.84, 0.79]
    found = seeds.spread(values)
    wanted = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (found.mean, found.low, found.high) == pytest.approx((np.mean(values), *wanted))


def test_one_seed_gives_no_interval_and_none_gives_nothing():
    assert (seeds.spread([0.8]).mean, seeds.spread([0.8]).low, seeds.spread([0.8]).high) == (0.8, None, None)
    assert seeds.spread([]) is None


@pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.name)
def test_differences_are_paired_by_seed(measure):
    trials = made.ablation(seeds=SEEDS)
    got = {(g.before, g.after): g.spread for g in seeds.gains(only(trials), [measure])}
    assert set(got) == {(ORG, SEG), (SEG, CORR), (CORR, FULL), (ORG, FULL)}
    for (before, after), found in got.items():
        old, new = (
            [measure.read(t) for s in SEEDS for t in trials if (t.variant, t.seed) == (v, s)] for v in (before, after)
        )
        wanted = stats.ttest_rel(new, old).confidence_interval(0.95)
        assert (found.low, found.high) == pytest.approx(tuple(wanted))
        assert found.mean == pytest.approx(np.mean(new) - np.mean(old))


def test_only_seeds_that_both_have_are_paired():
    trials = [made.trial(ORG, s, accuracy=a) for s, a in ((0, 0.5), (1, 0.6), (2, 0.1))]
    trials += [made.trial(SEG, s, accuracy=a) for s, a in ((1, 0.7), (0, 0.8), (7, 0.9))]
    assert sorted(seeds.difference(only(trials), ORG, SEG, seeds.ACCURACY.read).values) == pytest.approx([0.1, 0.3])


@pytest.mark.parametrize(
    ("differences", "lower_is_better", "word"),
    [
        ([0.02, 0.03, 0.025], False, "better"),
        ([-0.02, -0.03, -0.025], False, "worse"),
        ([-0.02, -0.03, -0.025], True, "better"),
        ([0.02, 0.03, 0.025], True, "worse"),
        ([0.02, 0.03, -0.005], False, "not told apart"),
        ([0.0, 0.0, 0.0], True, "not told apart"),
        ([0.3], False, "too few seeds"),
        ([], False, "too few seeds"),
    ],
)
def test_the_verdict_is_the_intervals(differences, lower_is_better, word):
    assert seeds.verdict(seeds.spread(differences), lower_is_better) == word


def test_fewer_broken_rules_are_better():
    trials = [made.trial(v, s, impossible=x + s / 100) for v, x in ((ORG, 0.4), (SEG, 0.2)) for s in SEEDS]
    trials = [t.model_copy(update={"impossible": t.impossible + 0.001 * t.seed * (t.variant == SEG)}) for t in trials]
    found = seeds.gain(only(trials), ORG, SEG, seeds.IMPOSSIBLE)
    assert found.spread.high < 0
    assert found.verdict == "better"


def test_labels_that_do_not_vary_are_left_out_and_the_greatest_gain_comes_first():
    def trial(variant, seed, accuracies):
        present = {"always": 1.0, "never": 0.0, "small": 0.5, "great": 0.3}
        return made.trial(variant, seed, accuracy_by_label=accuracies, present_by_label=present)

    before = {"always": 1.0, "never": 1.0, "small": 0.6, "great": 0.6, "unsaid": 0.9}
    after = {"always": 1.0, "never": 1.0, "small": 0.65, "great": 0.9, "unsaid": 0.7}
    trials = [trial(ORG, s, before) for s in SEEDS] + [trial(FULL, s, after) for s in SEEDS]
    assert only(trials).labels() == ("great", "small", "unsaid")


def test_the_constant_answer_is_the_better_of_always_and_never():
    trial = made.trial(accuracy_by_label={"a": 0.5, "b": 0.5}, present_by_label={"a": 0.2, "b": 0.7})
    assert seeds.constant("a")(trial) == pytest.approx(0.8)
    assert seeds.constant_mean(trial) == pytest.approx((0.8 + 0.7) / 2)
    assert seeds.constant_mean(trial.model_copy(update={"present_by_label": {"a": 0.2}})) is None


def test_a_variant_stands_in_for_its_own_omega_where_the_sweep_lacks_it():
    own = made.trial(FULL, 0, omega=0.8)
    swept = [made.trial(f"{FULL}@{w:g}", 0, omega=w) for w in (0.0, 1.0)]
    assert {w: list(by) for w, by in only([own, *swept]).sweep()[FULL].items()} == {0.0: [0], 0.8: [0], 1.0: [0]}
    again = made.trial(f"{FULL}@0.8", 0, omega=0.8, accuracy=0.123)
    assert only([own, *swept, again]).sweep()[FULL][0.8][0].accuracy == 0.123
    assert only([own]).sweep() == {}


def test_conditions_come_apart_the_standard_one_first():
    trials = [made.trial(ORG, s, c) for c, s in (("few labels", 0), ("standard", 0), ("standard", 1), ("blur", 3))]
    assert [(c.name, c.seeds) for c in conditions(trials)] == [
        ("standard", (0, 1)),
        ("blur", (3,)),
        ("few labels", (0,)),
    ]
    assert conditions(trials, seeds=(0, 1, 2))[0].seeds == (0, 1, 2)
