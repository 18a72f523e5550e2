import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from tasks.calibration import BINS, calibrate, of
from tasks.ranking import Ranked

QUICK = settings(deadline=None, max_examples=100)
shares = st.one_of(st.floats(0, 1), st.integers(0, BINS).map(lambda k: float(np.linspace(0, 1, BINS + 1)[k])))


@st.composite
def decisions(draw):
    evidence = draw(arrays.arrays(float, st.integers(1, 40), elements=shares))
    return evidence, draw(arrays.arrays(bool, len(evidence)))


def expected_error(evidence, holds):
    """In plain Python: bin by bin."""
    edges = [float(edge) for edge in np.linspace(0, 1, BINS + 1)]
    total = 0.0
    for place in range(BINS):
        inside = [
            (e, h)
            for e, h in zip(evidence, holds, strict=True)
            if edges[place] < e <= edges[place + 1] or (place == 0 and e == 0)
        ]
        if inside:
            total += abs(sum(e for e, _ in inside) - sum(h for _, h in inside))
    return total / len(evidence)


@QUICK
@given(decisions())
def test_it_is_that_of_scikit_learn_and_of_plain_python(found):
    evidence, holds = found
    calibration = calibrate(evidence, holds)
    rates, means = calibration_curve(holds, evidence, n_bins=BINS)
    assert [one.rate for one in calibration.bins] == pytest.approx(list(rates))
    assert [one.evidence for one in calibration.bins] == pytest.approx(list(means))
    assert sum(one.count for one in calibration.bins) == calibration.decisions == len(evidence)
    assert calibration.brier == pytest.approx(brier_score_loss(holds, evidence, labels=[False, True]))
    assert calibration.expected_error == pytest.approx(expected_error(evidence.tolist(), holds.tolist()))


@QUICK
@given(arrays.arrays(bool, st.integers(1, 20)))
def test_certainty_that_is_right_has_no_error_and_one_that_is_wrong_all(holds):
    right, wrong = calibrate(holds.astype(float), holds), calibrate(1.0 - holds, holds)
    assert (right.expected_error, right.brier) == (0, 0)
    assert (wrong.expected_error, wrong.brier) == (1, 1)


@QUICK
@given(decisions(), st.integers(0, 2**32))
def test_the_order_changes_nothing(found, seed):
    order = np.random.default_rng(seed).permutation(len(found[0]))
    one, other = calibrate(*found), calibrate(*(column[order] for column in found))
    assert other.expected_error == pytest.approx(one.expected_error)
    assert other.brier == pytest.approx(one.brier)


def test_of_one_label_the_likeliest_decides():
    truth = np.eye(3, dtype=bool)[[0, 1, 2, 0]]
    evidence = np.array([[0.9, 0.1, 0.0], [0.6, 0.4, 0.0], [np.nan, 0.2, 0.8], [np.nan] * 3])
    found = of(Ranked(truth, ~np.isnan(evidence), evidence), one_label=True)
    oracle = calibrate(np.array([0.9, 0.6, 0.8]), np.array([True, False, True]))
    assert found == oracle


def test_of_attributes_every_annotated_cell_is_a_decision():
    truth, mask = np.array([[True, False], [False, True]]), np.array([[True, True], [True, False]])
    evidence = np.array([[0.7, 0.2], [0.4, 0.9]])
    found = of(Ranked(truth, mask, evidence), one_label=False)
    assert found == calibrate(np.array([0.7, 0.2, 0.4]), np.array([True, False, False]))


def test_nothing_to_decide_is_no_calibration():
    assert calibrate(np.empty(0), np.empty(0, dtype=bool)) is None
    nothing = Ranked(np.ones((2, 2), dtype=bool), np.zeros((2, 2), dtype=bool), np.full((2, 2), np.nan))
    assert of(nothing, one_label=True) is of(nothing, one_label=False) is None
