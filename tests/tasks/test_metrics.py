import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

from harness.records import METRICS
from tasks.metrics import (
    Attributes,
    Labels,
    _label_statistic,
    answered,
    baseline,
    bootstrap,
    cells,
    confusion,
    contradiction_rate,
    majority,
    metrics,
    subset,
)

CLASSES = 5


def grid(rows, columns=6):
    return arrays.arrays(bool, (rows, columns))


@st.composite
def attribute_answers(draw, masked=True):
    rows = draw(st.integers(1, 12))
    truth, predicted = draw(grid(rows)), draw(grid(rows))
    mask = draw(grid(rows)) if masked else np.ones_like(truth)
    return Attributes(truth, mask, predicted, draw(arrays.arrays(bool, rows)))


@st.composite
def label_answers(draw, unanswered=True):
    pairs = draw(st.lists(st.tuples(st.integers(0, CLASSES - 1), st.integers(-unanswered, CLASSES - 1)), min_size=1))
    gold, predicted = np.array(pairs).T
    return Labels(gold, predicted, CLASSES)


def sklearn_labels(answers):
    occurring = np.unique(answers.gold)
    scores = precision_recall_fscore_support(
        answers.gold, answers.predicted, labels=occurring, average="macro", zero_division=0
    )
    return dict(zip(METRICS, [accuracy_score(answers.gold, answers.predicted), *scores[:3]], strict=True))


@given(label_answers())
def test_labels_agree_with_scikit_learn(answers):
    assert metrics(answers) == pytest.approx(sklearn_labels(answers))


@given(attribute_answers(masked=False))
def test_attributes_agree_with_scikit_learn(answers):
    """On images with something positive; the others say nothing about positives and are left out."""
    said = answers.predicted & answers.answered[:, None]
    counted = answers.truth.any(axis=1) | said.any(axis=1) | ~answers.answered
    found = metrics(answers)
    right = (said == answers.truth) & answers.answered[:, None]
    assert found["accuracy"] == pytest.approx(right.mean())
    if counted.any():
        oracle = precision_recall_fscore_support(
            answers.truth[counted], said[counted], average="samples", zero_division=0
        )
        assert [found[name] for name in METRICS[1:]] == pytest.approx(list(oracle[:3]))
    else:
        assert list(found) == ["accuracy"]


@given(attribute_answers())
def test_what_is_not_annotated_changes_nothing(answers):
    turned = answers._replace(
        truth=answers.truth ^ ~answers.mask,
        predicted=answers.predicted ^ ~answers.mask,
    )
    assert metrics(turned) == metrics(answers)


@given(attribute_answers())
def test_what_is_said_without_an_answer_changes_nothing(answers):
    turned = answers._replace(predicted=answers.predicted ^ ~answers.answered[:, None])
    assert metrics(turned) == metrics(answers)


@given(st.one_of(attribute_answers(), label_answers()))
def test_gold_against_gold_scores_one(answers):
    if isinstance(answers, Labels):
        perfect = answers._replace(predicted=answers.gold)
    else:
        perfect = answers._replace(predicted=answers.truth, answered=np.ones_like(answers.answered))
    assert set(metrics(perfect).values()) <= {1.0}


@given(label_answers(), st.integers(0, CLASSES - 1))
def test_a_constant_scores_the_base_rate(answers, constant):
    share = (answers.gold == constant).mean()
    found = metrics(answers._replace(predicted=np.full_like(answers.gold, constant)))
    assert found["accuracy"] == pytest.approx(share)
    assert found["recall"] == pytest.approx((share > 0) / len(np.unique(answers.gold)))


@given(attribute_answers(masked=False))
def test_all_negative_scores_the_rate_of_negatives(answers):
    found = baseline(answers)
    assert found["accuracy"] == pytest.approx((~answers.truth).mean())
    assert set(found.values()) - {found["accuracy"]} <= {0.0}


@given(label_answers())
def test_the_majority_is_the_best_constant(answers):
    constants = [
        metrics(answers._replace(predicted=np.full_like(answers.gold, label)))["accuracy"] for label in range(CLASSES)
    ]
    assert baseline(answers)["accuracy"] == pytest.approx(max(constants))
    assert (answers.gold == majority(answers.gold, CLASSES)).any()


@given(st.one_of(attribute_answers(), label_answers()), st.randoms(use_true_random=False))
def test_the_order_of_samples_does_not_matter(answers, random):
    order = list(range(len(answers[0])))
    random.shuffle(order)
    assert metrics(subset(answers, np.array(order))) == pytest.approx(metrics(answers))


@given(label_answers(), st.integers(0, 10**6))
def test_an_unanswered_sample_is_wrong_and_no_false_alarm(answers, index):
    index %= len(answers.gold)
    right = answers._replace(predicted=answers.gold)
    predicted = answers.gold.copy()
    predicted[index] = -1
    found = metrics(right._replace(predicted=predicted))
    assert found["accuracy"] == pytest.approx(1 - 1 / len(predicted))
    others = (answers.gold == answers.gold[index]).sum() > 1
    classes = len(np.unique(answers.gold))
    assert found["precision"] == pytest.approx(1 if others else 1 - 1 / classes)


@given(st.one_of(attribute_answers(), label_answers()))
@settings(max_examples=40)
def test_an_interval_holds_its_value(answers):
    estimates = bootstrap(answers, resamples=50)
    assert {name: estimate.value for name, estimate in estimates.items()} == metrics(answers)
    assert all(0 <= estimate.low <= estimate.value <= estimate.high <= 1 for estimate in estimates.values())


def simulated(n, seed=0, accuracy=0.7):
    rng = np.random.default_rng(seed)
    gold = rng.integers(0, CLASSES, n)
    predicted = np.where(rng.random(n) < accuracy, gold, rng.integers(-1, CLASSES, n))
    return Labels(gold, predicted, CLASSES)


@pytest.mark.parametrize("n", [100, 400])
def test_an_interval_shrinks_with_the_root_of_n(n):
    small, large = bootstrap(simulated(n)), bootstrap(simulated(16 * n))
    for name in METRICS:
        ratio = (small[name].high - small[name].low) / (large[name].high - large[name].low)
        assert 3 < ratio < 5.5


def test_an_interval_is_that_of_the_binomial():
    estimate = bootstrap(simulated(1000))["accuracy"]
    error = np.sqrt(estimate.value * (1 - estimate.value) / 1000)
    assert estimate.high - estimate.low == pytest.approx(2 * 1.96 * error, rel=0.1)


def test_resampling_equals_doing_it_by_hand():
    """The weighted confusion margins give what scikit-learn gives on the drawn samples."""
    answers = simulated(40)
    rng = np.random.default_rng(7)
    drawn = [rng.integers(0, 40, 40) for _ in range(60)]
    by_hand = [sklearn_labels(subset(answers, rows))["f1"] for rows in drawn]
    counts = np.stack([np.bincount(rows, minlength=40) for rows in drawn]).astype(float)
    assert _label_statistic(answers)(counts)[3] == pytest.approx(np.array(by_hand))


def test_intervals_are_seeded():
    answers = simulated(200)
    assert bootstrap(answers, seed=1) == bootstrap(answers, seed=1) != bootstrap(answers, seed=2)


def test_the_bootstrap_is_fast():
    answers = simulated(2000)
    start = time.process_time()
    bootstrap(answers)
    # 0.1 s on an idle core; the slack is for a busy machine, a loop over resamples would need many seconds.
    assert time.process_time() - start < 2


def test_nothing_to_score():
    empty = Labels(np.zeros(0, dtype=int), np.zeros(0, dtype=int), CLASSES)
    assert metrics(empty) == bootstrap(empty) == baseline(empty) == {}


def test_contradictions_of_the_gold():
    truth = np.array([[1, 1, 0], [1, 0, 1], [0, 1, 1], [0, 0, 0]], dtype=bool)
    assert contradiction_rate(truth, [(0, 1)]) == 0.25
    assert contradiction_rate(truth, [(0, 1), (1, 2)]) == 0.5
    assert contradiction_rate(truth, []) == 0


@given(label_answers())
def test_the_confusion_matrix_is_that_of_scikit_learn(answers):
    found = confusion(answers)
    said = np.where(answers.predicted < 0, CLASSES, answers.predicted)
    oracle = confusion_matrix(answers.gold, said, labels=range(CLASSES + 1))
    assert found.tolist() == oracle[:CLASSES].tolist()
    assert np.trace(found) / found.sum() == pytest.approx(metrics(answers)["accuracy"])


@given(st.one_of(label_answers(), attribute_answers()))
def test_accuracy_is_right_cells_by_scored_cells(answers):
    right, scored = cells(answers)
    assert ((right >= 0) & (right <= scored)).all()
    assert (right[~answered(answers)] == 0).all()
    if scored.any():
        assert right.sum() / scored.sum() == pytest.approx(metrics(answers)["accuracy"])
