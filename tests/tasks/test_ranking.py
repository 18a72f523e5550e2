import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.metrics import average_precision_score

from tasks.metrics import Attributes, Labels
from tasks.ranking import Ranked, average_precisions, base_rates, mean_average_precision, of, order, weighted

FEW = st.sampled_from([0.0, 0.25, 0.5, 1.0])
"""So few values that most samples are tied."""
LABELS = 3


@st.composite
def rankings(draw, values=FEW, masked=True):
    cells = (draw(st.integers(1, 15)), LABELS)
    truth, mask = draw(arrays.arrays(bool, cells)), draw(arrays.arrays(bool, cells))
    evidence = draw(arrays.arrays(float, cells, elements=values))
    return Ranked(truth, mask if masked else np.ones_like(mask), evidence)


def oracle(ranked):
    """(K,) scikit-learn's values, label by label over the ranked cells."""
    found = []
    for truth, mask, evidence in zip(*(column.T for column in ranked), strict=True):
        both = len(np.unique(truth[mask])) == 2
        found.append(average_precision_score(truth[mask], evidence[mask]) if both else np.nan)
    return np.array(found)


@given(st.one_of(rankings(), rankings(values=st.floats(0, 1))))
def test_average_precision_is_that_of_scikit_learn(ranked):
    assert average_precisions(ranked) == pytest.approx(oracle(ranked), nan_ok=True)


@given(rankings(masked=False), st.data())
def test_a_weighting_is_that_of_scikit_learn(ranked, data):
    """A bootstrap resample is a weighting, in which a sample may not count at all."""
    counts = data.draw(arrays.arrays(int, len(ranked.truth), elements=st.integers(0, 3)))
    truth, evidence = ranked.truth[:, 0], ranked.evidence[:, 0]
    found = weighted(order(truth, ranked.mask[:, 0], evidence), np.stack([counts, counts + 1], axis=1).astype(float))
    for value, weights in zip(found, (counts, counts + 1), strict=True):
        both = (truth * weights).any() and (~truth * weights).any()
        wanted = average_precision_score(truth, evidence, sample_weight=weights) if both else np.nan
        assert value == pytest.approx(wanted, nan_ok=True)


@given(rankings())
def test_gold_as_evidence_has_one_and_the_mean_is_over_labels_with_both_kinds(ranked):
    both = ~np.isnan(oracle(ranked))
    perfect = ranked._replace(evidence=ranked.truth.astype(float))
    assert average_precisions(perfect)[both] == pytest.approx(1)
    estimate = mean_average_precision(perfect, resamples=30)
    assert (estimate is None) == (not both.any())
    assert estimate is None or (estimate.value, estimate.low, estimate.high) == (1, 1, 1)


@given(rankings())
def test_a_constant_has_the_base_rate(ranked):
    both = ~np.isnan(oracle(ranked))
    shares = [
        truth[mask].mean() for truth, mask, there in zip(ranked.truth.T, ranked.mask.T, both, strict=True) if there
    ]
    assert base_rates(ranked)[both] == pytest.approx(shares)
    assert np.isnan(base_rates(ranked)[~both]).all()
    constant = ranked._replace(evidence=np.full_like(ranked.evidence, 0.7))
    assert average_precisions(constant) == pytest.approx(base_rates(ranked), nan_ok=True)


@given(rankings(), st.integers(0, 2**32))
def test_cells_that_are_not_ranked_change_nothing(ranked, seed):
    rng = np.random.default_rng(seed)
    turned = ranked._replace(
        truth=np.where(ranked.mask, ranked.truth, rng.random(ranked.truth.shape) < 0.5),
        evidence=np.where(ranked.mask, ranked.evidence, rng.random(ranked.truth.shape)),
    )
    assert average_precisions(turned) == pytest.approx(average_precisions(ranked), nan_ok=True)


@given(rankings())
def test_only_the_order_matters(ranked):
    stretched = ranked._replace(evidence=ranked.evidence**3 / 2)
    assert average_precisions(stretched) == pytest.approx(average_precisions(ranked), nan_ok=True)


@given(rankings())
def test_all_positives_last_is_the_worst_order(ranked):
    """Negatives first, without ties: the i-th positive is found at precision i / (negatives + i)."""
    places = np.arange(len(ranked.truth))[:, None] / (4 * len(ranked.truth))
    worst = average_precisions(ranked._replace(evidence=places - ranked.truth))
    wanted = []
    for truth, mask in zip(ranked.truth.T, ranked.mask.T, strict=True):
        found = np.arange(1, truth[mask].sum() + 1)
        wanted.append(np.mean(found / ((~truth[mask]).sum() + found)) if len(found) else np.nan)
    both = ~np.isnan(worst)
    assert worst[both] == pytest.approx(np.array(wanted)[both])
    assert (worst[both] <= average_precisions(ranked)[both] + 1e-12).all()


def test_by_hand():
    """Precision 1/1 at the first positive, 2/3 at the second; reversed 1/2 and 2/4."""
    truth, evidence = np.array([[1], [0], [1], [0]], dtype=bool), np.array([[0.9], [0.8], [0.7], [0.1]])
    ranked = Ranked(truth, np.ones_like(truth), evidence)
    assert average_precisions(ranked) == pytest.approx([(1 + 2 / 3) / 2])
    assert average_precisions(ranked._replace(evidence=1 - evidence)) == pytest.approx([(1 / 2 + 2 / 4) / 2])


def test_one_label_is_each_class_against_the_rest():
    answers = Labels(np.array([0, 1, 2, 0]), np.full(4, -1), 4)
    evidence = np.random.default_rng(0).random((4, 4))
    ranked = of(answers, evidence)
    assert ranked.truth.tolist() == np.eye(4, dtype=bool)[[0, 1, 2, 0]].tolist()
    assert average_precisions(ranked) == pytest.approx(oracle(ranked), nan_ok=True)
    assert np.isnan(average_precisions(ranked)).tolist() == [False, False, False, True], "nobody is of class 3"


def test_what_is_not_annotated_or_has_no_evidence_is_not_ranked():
    truth = np.array([[1, 0], [0, 1]], dtype=bool)
    annotated = np.array([[1, 0], [1, 1]], dtype=bool)
    answers = Attributes(truth, annotated, np.zeros_like(truth), np.zeros(2, dtype=bool))
    ranked = of(answers, np.array([[0.5, 0.5], [np.nan, 0.5]]))
    assert ranked.mask.tolist() == [[True, False], [False, True]]
    assert mean_average_precision(ranked) is None


def simulated(n, labels=8, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.random((n, labels)) < rng.uniform(0.05, 0.5, labels)
    return Ranked(truth, rng.random((n, labels)) < 0.9, np.round(rng.random((n, labels)) * 0.7 + truth * 0.3, 2))


@given(rankings(), st.integers(0, 3))
@settings(max_examples=40)
def test_an_interval_holds_its_value(ranked, seed):
    estimate = mean_average_precision(ranked, resamples=200, seed=seed)
    assume(estimate is not None)
    assert estimate.value == pytest.approx(np.nanmean(oracle(ranked)))
    assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1


def test_an_interval_shrinks_with_the_root_of_n():
    small, large = mean_average_precision(simulated(300)), mean_average_precision(simulated(4800))
    assert 3 < (small.high - small.low) / (large.high - large.low) < 5.5


def test_an_interval_is_that_of_resampling_by_hand():
    """Drawing rows and asking scikit-learn 300 times gives the same interval but for chance."""
    ranked, rng = simulated(150, labels=3), np.random.default_rng(5)
    drawn = [rng.integers(0, 150, 150) for _ in range(300)]
    means = [np.nanmean(oracle(Ranked(*(column[rows] for column in ranked)))) for rows in drawn]
    estimate = mean_average_precision(ranked)
    assert (estimate.low, estimate.high) == pytest.approx(tuple(np.percentile(means, [2.5, 97.5])), abs=0.02)


def test_intervals_are_seeded():
    ranked = simulated(200)
    first = mean_average_precision(ranked, seed=1)
    assert first == mean_average_precision(ranked, seed=1) != mean_average_precision(ranked, seed=2)


def test_the_bootstrap_is_fast_and_its_memory_bounded():
    ranked = simulated(20_000, labels=2)
    start = time.process_time()
    tracemalloc.start()
    mean_average_precision(ranked)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # 0.5 s on an idle core; scikit-learn in a loop needs 10 s. All 1,000 resamples at once would be 160 MB and more.
    assert time.process_time() - start < 5
    assert peak < 120e6
