"""What the answers to one question say beyond the scores: models side by side, mistakes, groups, rules. Pure.

Made when a report is written, from the predictions that it reads anyway; nothing of it is stored.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from pydantic import Field

from harness.records import Case, Prediction, Record, Sample
from harness.score import read_off
from tasks import groups, metrics, pairs
from tasks.groups import Split
from tasks.labels import LabelSpace
from tasks.metrics import Answers, Attributes, Bools, Ints, Labels
from tasks.pairs import Difference


class Confusion(Record):
    """What one model takes for what, in a question of one label."""

    model: str
    counts: tuple[tuple[int, ...], ...]
    """A row per label of the space: how many of its samples are said to be of each label; last: no answer."""


class Rule(Record):
    """Two attributes that exclude each other, and how often both are claimed; of answered replies only."""

    labels: tuple[str, str]
    """Twice the same: an attribute that is both said and denied."""
    broken: dict[str, int]
    """Model -> replies that claim both."""
    gold: dict[str, int]
    """Model -> those of its answered samples whose annotation has both."""


class Findings(Record):
    """One question; models without a prediction are left out."""

    question: str
    labels: tuple[str, ...]
    answered: dict[str, int]
    """Model -> answered samples."""
    one_label: bool
    differences: tuple[Difference, ...]
    confusions: tuple[Confusion, ...] = ()
    splits: dict[str, tuple[Split, ...]] = Field(default_factory=dict)
    """Model -> accuracy by group, for questions of one label whose samples have group columns."""
    rules: tuple[Rule, ...] = ()


class _Read(NamedTuple):
    """The answers of one model that did not fail."""

    rows: Ints
    """(m,) places of the samples."""
    predictions: Sequence[Prediction]
    """m of them."""
    answers: Answers


def find(
    question: str, space: LabelSpace, cases: Sequence[Case], predictions: Mapping[str, Mapping[str, Prediction]]
) -> Findings:
    """Look through the answers to a question, finished or not.

    Args:
        question: its name.
        space: its label space.
        cases: its samples.
        predictions: model -> key -> prediction; a case without one was not asked yet.

    Raises:
        DataError: a gold label is not in the label space.
    """
    samples = [case.sample() for case in cases]
    read = {model: _read(space, cases, samples, found) for model, found in predictions.items() if found}
    one_label = space.kind != "attributes"
    return Findings(
        question=question,
        labels=space.labels,
        answered={model: int(metrics.answered(one.answers).sum()) for model, one in read.items()},
        one_label=one_label,
        differences=tuple(_differences(len(cases), read)),
        confusions=tuple(_confusions(read)),
        splits=_splits(samples, read) if one_label else {},
        rules=() if one_label else tuple(_rules(space, read)),
    )


def _read(
    space: LabelSpace, cases: Sequence[Case], samples: Sequence[Sample], found: Mapping[str, Prediction]
) -> _Read:
    rows = [row for row, case in enumerate(cases) if case.key in found and found[case.key].status != "failed"]
    said = [found[cases[row].key] for row in rows]
    answers = read_off(space, [(samples[row], one) for row, one in zip(rows, said, strict=True)])
    return _Read(np.array(rows, dtype=np.int64), said, answers)


def _differences(n: int, read: Mapping[str, _Read]) -> list[Difference]:
    right, there = np.zeros((len(read), n), dtype=np.int64), np.zeros((len(read), n), dtype=bool)
    cells = np.zeros(n, dtype=np.int64)
    for place, one in enumerate(read.values()):
        right[place, one.rows], cells[one.rows] = metrics.cells(one.answers)
        there[place, one.rows] = True
    return pairs.compare(tuple(read), right, there, cells)


def _confusions(read: Mapping[str, _Read]) -> list[Confusion]:
    return [
        Confusion(model=model, counts=tuple(map(tuple, metrics.confusion(one.answers).tolist())))
        for model, one in read.items()
        if isinstance(one.answers, Labels)
    ]


def _splits(samples: Sequence[Sample], read: Mapping[str, _Read]) -> dict[str, tuple[Split, ...]]:
    made = groups.groupings([sample.group for sample in samples])
    found = {}
    for model, one in read.items():
        scored, right = np.zeros(len(samples), dtype=bool), np.zeros(len(samples), dtype=bool)
        scored[one.rows], right[one.rows] = True, metrics.cells(one.answers)[0] > 0
        found[model] = tuple(groups.split(grouping, right, scored) for grouping in made)
    return found if made else {}


def _rules(space: LabelSpace, read: Mapping[str, _Read]) -> list[Rule]:
    """Every pair that excludes each other; then those attributes that some reply both says and denies."""
    broken = {model: _claimed(one) for model, one in read.items()}
    present = {model: _truth(one.answers) for model, one in read.items()}
    place = {label: index for index, label in enumerate(space.labels)}
    found = []
    for pair in space.exclusive:
        sides = [place[label] for label in pair]
        gold = {model: int(truth[:, sides].all(axis=1).sum()) for model, truth in present.items()}
        found.append(Rule(labels=pair, broken=_of(pair, broken), gold=gold))
    torn = [(label, label) for label in space.labels if any(frozenset([label]) in counts for counts in broken.values())]
    return found + [Rule(labels=pair, broken=_of(pair, broken), gold=dict.fromkeys(read, 0)) for pair in torn]


def _of(pair: tuple[str, str], counts: Mapping[str, Counter[frozenset[str]]]) -> dict[str, int]:
    return {model: found[frozenset(pair)] for model, found in counts.items()}


def _claimed(one: _Read) -> Counter[frozenset[str]]:
    """How many answered replies make each contradiction; one label alone is both said and denied."""
    told = zip(one.predictions, metrics.answered(one.answers), strict=True)
    return Counter(
        pair for prediction, answered in told if answered for pair in set(map(frozenset, prediction.contradictions))
    )


def _truth(answers: Answers) -> Bools:
    """(a, K) what is annotated as present in the answered samples."""
    return answers.truth[answers.answered] if isinstance(answers, Attributes) else np.empty((0, 0), dtype=bool)
