"""Responses -> predictions -> one score per model and question. Pure: nothing here touches a model or a disk."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import DataError, StoreError
from harness.records import STATUSES, Evidence, Parsed, Prediction, Response, Sample, Score, Status
from tasks import calibration, metrics, ranking
from tasks.labels import LabelSpace, label_space
from tasks.metrics import Answers, Attributes, Bools, Floats, Labels
from tasks.parse import parse
from tasks.registry import Question

Pair = tuple[Sample, Prediction]


def predict(response: Response, space: LabelSpace) -> Prediction:
    """Turn a response into a prediction; a failed one is never parsed."""
    asked = {"key": response.key, "sample_id": response.sample_id}
    if response.finish == "failed":
        return Prediction(status="failed", **asked)
    if response.option_mass is not None and response.label_scores:
        said = decide(response.label_scores, space)
    else:
        said = parse(response.text, space, response.finish)
    evidence = {"label_scores": response.label_scores, "option_mass": response.option_mass}
    return Prediction(**vars(said), **asked, **evidence)


def decide(evidence: Evidence, space: LabelSpace) -> Parsed:
    """The likeliest label, or of attributes those that are likelier present than absent."""
    if space.kind != "attributes":
        return Parsed(status="parsed", label=max(evidence, key=evidence.__getitem__))
    yes = tuple(label for label in space.labels if evidence.get(label, 0.0) > 0.5)
    no = tuple(label for label in space.labels if evidence.get(label, 1.0) <= 0.5)
    clashes = tuple(pair for pair in space.exclusive if set(pair) <= set(yes))
    return Parsed(status="parsed", yes=yes, no=no, contradictions=clashes)


def score(question: Question, model: str, samples: Sequence[Sample], predictions: Sequence[Prediction]) -> Score:
    """Score one model on one question.

    What failed is not scored. What is not answered is scored as wrong; `answered` holds the metrics without it. Samples
    with evidence are ranked, label by label, whether or not their text could be read; nothing stands in for evidence
    that is not there, neither for a sample nor for a label of it.

    Raises:
        StoreError: predictions and samples are not one to one, or there is evidence for an unknown label.
        DataError: a gold label is not in the question's label space.
    """
    space = label_space(question.space)
    pairs = _pair(question, model, samples, predictions)
    scored = [pair for pair in pairs if pair[1].status != "failed"]
    answers = read_off(space, scored)
    return Score(
        model=model,
        question=question.name,
        n=len(pairs),
        scored=len(scored),
        counts=_counts(predictions),
        metrics=metrics.bootstrap(answers),
        answered=metrics.metrics(metrics.subset(answers, metrics.answered(answers))),
        baseline=metrics.baseline(answers),
        baseline_name=_baseline_name(space, answers),
        option_mass=_mean_of(prediction.option_mass for _, prediction in scored),
        **_attribute_rates(space, answers, scored),
        **_ranking(space, f"{model} on {question.name}", answers, scored),
    )


def is_answered(prediction: Prediction, space: LabelSpace) -> bool:
    """Whether the reply says something that can be right: a label, or at least one attribute named."""
    named = prediction.label is not None if space.kind != "attributes" else bool(prediction.yes or prediction.no)
    return named and prediction.status in ("parsed", "truncated")


def _counts(predictions: Sequence[Prediction]) -> dict[Status, int]:
    found = Counter(prediction.status for prediction in predictions)
    return {status: found[status] for status in STATUSES}


def _pair(question: Question, model: str, samples: Sequence[Sample], predictions: Sequence[Prediction]) -> list[Pair]:
    """Each sample with its prediction, in the order of the samples."""
    found = {prediction.sample_id: prediction for prediction in predictions}
    wanted = {sample.id for sample in samples}
    if len(found) != len(predictions) or len(wanted) != len(samples):
        raise StoreError(f"{model} on {question.name}: a sample is there twice. Remove the doubled rows.")
    if odd := sorted(wanted ^ set(found)):
        raise StoreError(
            f"{model} on {question.name}: {len(samples)} samples and {len(found)} predictions do not match, first at "
            f"'{odd[0]}'. Resume the run, then score it again."
        )
    return [(sample, found[sample.id]) for sample in samples]


def read_off(space: LabelSpace, scored: Sequence[Pair]) -> Answers:
    """What is true of samples and what was said of them, none of which failed.

    Raises:
        DataError: a gold label is not in the label space.
    """
    answered = np.array([is_answered(prediction, space) for _, prediction in scored], dtype=bool)
    position = {label: index for index, label in enumerate(space.labels)}
    if space.kind == "attributes":
        return _attributes(space, position, scored, answered)
    gold = [_known(space, position, sample, str(sample.gold)) for sample, _ in scored]
    said = [
        position[prediction.label] if told and prediction.label is not None else -1
        for (_, prediction), told in zip(scored, answered, strict=True)
    ]
    return Labels(np.array(gold, dtype=np.int64), np.array(said, dtype=np.int64), len(position))


def _attributes(space: LabelSpace, position: Mapping[str, int], scored: Sequence[Pair], answered: Bools) -> Attributes:
    golds = [_gold(space, position, sample) for sample, _ in scored]
    shape = len(golds), len(position)
    # One row after the other by map, which is the quickest way through so many cells.
    truth = np.array([list(map(gold.get, position)) for gold in golds], dtype=bool).reshape(shape)  # None is False
    mask = np.array([list(map(gold.__contains__, position)) for gold in golds], dtype=bool).reshape(shape)
    said = np.zeros(shape, dtype=bool)
    claims = [(row, position[label]) for row, (_, prediction) in enumerate(scored) for label in prediction.yes]
    said[tuple(np.array(claims, dtype=np.int64).reshape(-1, 2).T)] = True
    return Attributes(truth, mask, said, answered)


def _gold(space: LabelSpace, position: Mapping[str, int], sample: Sample) -> dict[str, bool]:
    if isinstance(sample.gold, str):
        raise DataError(f"sample {sample.id}: gold '{sample.gold}' is one label, {space.name} wants attributes.")
    if not sample.gold.keys() <= position.keys():
        for label in sample.gold:
            _known(space, position, sample, label)
    return sample.gold


def _known(space: LabelSpace, position: Mapping[str, int], sample: Sample, label: str) -> int:
    if label not in position:
        raise DataError(f"sample {sample.id}: gold '{label}' is no label of {space.name}: {', '.join(position)}.")
    return position[label]


def _baseline_name(space: LabelSpace, answers: Answers) -> str:
    if isinstance(answers, Attributes):
        return "all negative"
    if not len(answers.gold):
        return "majority label"
    return f"majority label ({space.labels[metrics.majority(answers.gold, answers.classes)]})"


def _attribute_rates(space: LabelSpace, answers: Answers, scored: Sequence[Pair]) -> dict[str, float | None]:
    """Coverage and contradiction rates, which only attribute spaces have."""
    if isinstance(answers, Labels) or not scored:
        return {}
    position = {label: index for index, label in enumerate(space.labels)}
    pairs = [(position[first], position[second]) for first, second in space.exclusive]
    contradicts = np.array([bool(prediction.contradictions) for _, prediction in scored], dtype=bool)
    return {
        "coverage": float(answers.mask.mean()),
        "contradiction_rate": _mean(contradicts[answers.answered]),
        "gold_contradiction_rate": metrics.contradiction_rate(answers.truth, pairs),
    }


def _ranking(space: LabelSpace, where: str, answers: Answers, scored: Sequence[Pair]) -> dict[str, Any]:
    """What a score says of evidence; empty where there is none."""
    shown = np.array([bool(prediction.label_scores) for _, prediction in scored], dtype=bool)
    if not shown.any():
        return {}
    evidence = _evidence(space, where, [prediction for _, prediction in scored if prediction.label_scores])
    ranked = ranking.of(metrics.subset(answers, shown), evidence)
    rates = _by_label(space, ranking.base_rates(ranked))
    return {
        "ranked": int(shown.sum()),
        "mean_average_precision": ranking.mean_average_precision(ranked),
        "mean_base_rate": float(np.mean(list(rates.values()))) if rates else None,
        "average_precision": _by_label(space, ranking.average_precisions(ranked)),
        "base_rates": rates,
        "calibration": calibration.of(ranked, one_label=isinstance(answers, Labels)),
    }


def _evidence(space: LabelSpace, where: str, predictions: Sequence[Prediction]) -> Floats:
    """(n, K) evidence; NaN where a prediction has none for a label."""
    position = {label: index for index, label in enumerate(space.labels)}
    evidence = np.full((len(predictions), len(position)), np.nan)
    for row, prediction in enumerate(predictions):
        scores = prediction.label_scores or {}
        if odd := sorted(set(scores) - set(position)):
            raise StoreError(
                f"{where}: sample {prediction.sample_id} has evidence for '{odd[0]}', which is no label of "
                f"{space.name}: {', '.join(position)}. Correct the label_scores of its adapter and ask again."
            )
        evidence[row, [position[label] for label in scores]] = list(scores.values())
    return evidence


def _by_label(space: LabelSpace, values: Floats) -> dict[str, float]:
    found = zip(space.labels, values, strict=True)
    return {label: float(value) for label, value in found if np.isfinite(value)}


def _mean_of(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _mean(values: npt.NDArray[np.bool_]) -> float | None:
    return float(values.mean()) if len(values) else None
