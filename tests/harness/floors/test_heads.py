"""Heads against scikit-learn's own pipeline on the same features."""

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from harness.floors.heads import SEARCH, fit_head


def cloud(classes, faces=90, seed=0):
    luck = np.random.default_rng(seed)
    codes = np.arange(faces) % classes
    centres = luck.normal(size=(classes, 6))
    features = (5 + 3 * (centres[codes] + luck.normal(size=(faces, 6)))).astype(np.float32)
    return features, codes.astype(np.int8)


def oracle(features, codes, cost):
    model = make_pipeline(StandardScaler(), LogisticRegression(C=cost, max_iter=1000))
    return model.fit(features, codes).predict_proba(features)


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_labels_have_scikit_learns_probabilities(classes):
    features, codes = cloud(classes)
    head = fit_head(features, codes, classes)
    (cost,) = head.costs
    assert cost in SEARCH.costs
    found = softmax(features @ head.weight.T + head.bias, axis=1)
    assert found == pytest.approx(oracle(features, codes, cost), abs=1e-4)


def test_attributes_are_fitted_each_to_those_who_say():
    features, codes = cloud(2)
    rows = np.stack([2 * codes - 1, np.where(np.arange(90) % 4 == 0, 0, 2 * codes - 1)], axis=1).astype(np.int8)
    head = fit_head(features, rows, 2)
    for place in (0, 1):
        said = rows[:, place] != 0
        found = expit(features[said] @ head.weight[place] + head.bias[place])
        wanted = oracle(features[said], rows[said, place] > 0, head.costs[place])[:, 1]
        assert found == pytest.approx(wanted, abs=1e-4)


def test_what_training_never_varies_is_said_for_certain():
    features, _ = cloud(2)
    rows = np.tile(np.array([1, -1, 0], dtype=np.int8), (90, 1))
    head = fit_head(features, rows, 3)
    assert head.costs == (None, None, None)
    assert expit(features @ head.weight.T + head.bias)[0].tolist() == [1.0, 0.0, 0.0]


def test_a_label_that_no_face_has_is_never_likely():
    features, codes = cloud(3)
    head = fit_head(features, codes + 1, 5)
    shares = softmax(features @ head.weight.T + head.bias, axis=1)
    assert (shares[:, [0, 4]] == 0).all()
    assert shares[:, 1:4] == pytest.approx(oracle(features, codes, head.costs[0]), abs=1e-4)


def test_a_label_too_rare_to_be_searched_with_gets_the_cost_that_is_written_down():
    features, codes = cloud(2, faces=20)
    codes[:] = 0
    codes[0] = 1
    assert fit_head(features, codes, 2).costs == (SEARCH.otherwise,)
