"""Average precision label by label, for the models that have evidence."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import isfinite

from harness.records import Score
from reports import style
from reports.load import Question, Run
from reports.tables import Cell, number, scores_of, spanned


@dataclass(frozen=True)
class LabelRow:
    """One label: a cell per model, and the base rate."""

    label: str
    cells: tuple[Cell, ...]
    base: Cell
    """A range where models were ranked on different images."""


@dataclass(frozen=True)
class LabelTable:
    """The labels of a question in the order of its space, the models in the order of the run."""

    models: tuple[str, ...]
    rows: tuple[LabelRow, ...]


def label_table(run: Run, question: Question) -> LabelTable | None:
    """The average precisions of a question; None where no model has any."""
    scores = {model: score for model, score in scores_of(run, question.name).items() if score.average_precision}
    if not scores:
        return None
    labels = dict.fromkeys(label for score in scores.values() for label in score.average_precision)
    return LabelTable(tuple(scores), tuple(_row(label, scores) for label in labels))


def _row(label: str, scores: Mapping[str, Score]) -> LabelRow:
    found = [(score.average_precision.get(label), score.base_rates.get(label)) for score in scores.values()]
    values = _finite([value for value, _ in found])
    best = style.percent(max(values)) if len(values) > 1 else None
    cells = tuple(_cell(value, rate, best) for value, rate in found)
    return LabelRow(label, cells, spanned(_finite([rate for _, rate in found])))


def _cell(value: float | None, rate: float | None, best: str | None) -> Cell:
    shown = number(value)
    below = shown.sort is not None and rate is not None and shown.sort <= rate
    return replace(shown, best=shown.text == best, below=below)


def _finite(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None and isfinite(value)]
