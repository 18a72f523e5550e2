"""Logistic regression on features, by scikit-learn: the heads of a probe.

Shapes: N faces, D features, L labels.
"""

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.preprocessing import StandardScaler

from adapters.clip_probe import Search
from tasks.datasets.faces import Codes
from tasks.metrics import Floats

SEARCH = Search(costs=(0.001, 0.01, 0.1, 1.0, 10.0), folds=3, faces=20_000, otherwise=0.1)
STEPS = 1000
"""Of L-BFGS, at most."""


class HeadWeights(NamedTuple):
    """A linear layer, and the C of what it was fitted with."""

    weight: npt.NDArray[np.float32]
    """[L, D]"""
    bias: npt.NDArray[np.float32]
    """[L]"""
    costs: tuple[float | None, ...]
    """One of all labels, or one of each attribute; None where training knows one answer alone."""


def fit_head(features: npt.NDArray[np.float32], codes: Codes, labels: int, seed: int = 0) -> HeadWeights:
    """The head of one label space.

    Args:
        features: [N, D].
        codes: [N] places of the label that holds, or [N, L] 1, -1 or 0 of attributes; a 0 is no example.
        labels: L.
        seed: of the folds.
    """
    if codes.ndim == 1:
        weight, bias, cost = _fit(features, codes, range(labels), seed)
        return HeadWeights(weight.astype(np.float32), bias.astype(np.float32), (cost,))
    fitted = [_attribute(features, column, seed) for column in codes.T]
    weights, biases, costs = zip(*fitted, strict=True)
    return HeadWeights(np.stack(weights).astype(np.float32), np.array(biases, dtype=np.float32), costs)


def _attribute(features: npt.NDArray[np.float32], column: Codes, seed: int) -> tuple[Floats, float, float | None]:
    """Weights [D], bias and C of one attribute, of the faces that say whether they have it."""
    said = column != 0
    if not said.any():  # then nobody is said to have it
        return np.zeros(features.shape[1]), -np.inf, None
    weight, bias, cost = _fit(features[said], (column[said] > 0).astype(np.int8), range(2), seed)
    if cost is None:
        return weight[1], np.inf if np.isfinite(bias[1]) else -np.inf, None
    return weight[1] - weight[0], float(bias[1] - bias[0]), cost


def _fit(
    features: npt.NDArray[np.float32], codes: Codes, labels: Sequence[int], seed: int
) -> tuple[Floats, Floats, float | None]:
    """Weights [L, D], biases [L] and C; a label that no face has gets the bias -inf, so that it is never likely."""
    scaler = StandardScaler().fit(features)
    scaled = scaler.transform(features)
    weight, bias = np.zeros((len(labels), features.shape[1])), np.full(len(labels), -np.inf)
    known = np.unique(codes)
    if len(known) == 1:
        bias[known] = 0.0
        return weight, bias, None
    cost = _cost(scaled, codes, seed)
    model = _fitted(LogisticRegression(C=cost, max_iter=STEPS), scaled, codes)
    # Of two labels scikit-learn fits the log-odds of the second; the first then has zeros.
    own, offset = (model.coef_, model.intercept_) if len(known) > 2 else _of_two(model)
    weight[known] = own / scaler.scale_
    bias[known] = offset - weight[known] @ scaler.mean_
    return weight, bias, cost


def _of_two(model: Any) -> tuple[Floats, Floats]:
    return np.vstack([np.zeros_like(model.coef_), model.coef_]), np.append(0.0, model.intercept_)


def _cost(scaled: Floats, codes: Codes, seed: int) -> float:
    """The C of the highest cross-validated log-likelihood."""
    if len(codes) > SEARCH.faces:
        chosen = np.random.default_rng(seed).choice(len(codes), SEARCH.faces, replace=False)
        scaled, codes = scaled[chosen], codes[chosen]
    if np.unique(codes, return_counts=True)[1].min() < SEARCH.folds:
        return SEARCH.otherwise
    folds = StratifiedKFold(SEARCH.folds, shuffle=True, random_state=seed)
    grid = {"C": SEARCH.costs}
    search = GridSearchCV(LogisticRegression(max_iter=STEPS), grid, scoring="neg_log_loss", cv=folds, refit=False)
    return float(_fitted(search, scaled, codes).best_params_["C"])


def _fitted(model: Any, scaled: Floats, codes: Codes) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # weak penalties on few faces, which the search rejects
        return model.fit(scaled, codes)
