"""Leaderboards as plain rows: numbers formatted, the best marked. How they look is the templates' business."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from harness.records import METRICS, STATUSES, Estimate, Score, Status
from reports import style
from reports.load import Question, Run

MAP = "mAP"
"""Stands beside METRICS where the best of each column is kept."""


@dataclass(frozen=True)
class Cell:
    """One number of a table, ready to print."""

    text: str
    """In percent, such as "87.5"; a dash where there is none."""
    sort: float | None = None
    """The number itself, for sorting."""
    interval: str = ""
    """The 95 % interval, such as "81.2, 92.6"."""
    best: bool = False
    below: bool = False
    """Not above the constant answer."""
    notes: tuple[str, ...] = ()
    """What must be said beside the number."""


@dataclass(frozen=True)
class Share:
    """How many answers have a status."""

    status: str
    count: int
    percent: str
    width: float
    """Percent of the bar, 0 to 100."""


@dataclass(frozen=True)
class Row:
    """One model, or the constant answer, on one question."""

    name: str
    colour: str | None
    """None for the constant answer."""
    metrics: tuple[Cell, ...]
    n: int | None = None
    scored: int | None = None
    coverage: str = ""
    contradictions: str = ""
    shares: tuple[Share, ...] = ()
    answered: tuple[Cell, ...] = ()
    ranking: Cell = Cell(style.MISSING)
    """mAP, with its floor."""
    options: Cell = Cell(style.MISSING)
    """The probability that the first token was an option at all."""

    @property
    def is_model(self) -> bool:
        """False for the constant answer."""
        return self.colour is not None


@dataclass(frozen=True)
class Leaderboard:
    """One question: a row per model in the order of the run, the constant answer last."""

    question: Question
    rows: tuple[Row, ...]
    gold_contradictions: str
    """The rate of contradictions in the annotations themselves; empty where the question has no rules."""
    has_coverage: bool
    has_ranking: bool
    """Some model has evidence to rank by."""
    has_options: bool
    """Some model was asked for options."""
    majority: str
    missing: tuple[str, ...]
    """Models without a score."""


def leaderboard(run: Run, question: Question) -> Leaderboard:
    """The table of one question."""
    scores = scores_of(run, question.name)
    colours = style.model_colours(run.models)
    best = _best_texts(scores.values()) | _best_ranking(scores.values())
    rows = [_row(score, colours[model], best) for model, score in scores.items()]
    first = next(iter(scores.values()), None)
    return Leaderboard(
        question=question,
        rows=(*rows, _baseline_row(first)) if first else (),
        gold_contradictions=_rate(first.gold_contradiction_rate if first else None),
        has_coverage=any(score.coverage is not None for score in scores.values()),
        has_ranking=any(score.mean_average_precision for score in scores.values()),
        has_options=any(score.option_mass is not None for score in scores.values()),
        majority=first.baseline_name if first else "",
        missing=tuple(model for model in run.asked(question.name) if model not in scores),
    )


def colours_of(run: Run, *questions: str) -> dict[str, str]:
    """Model -> colour, of the models that were to be asked one of these questions, in the order of the run."""
    colours = style.model_colours(run.models)
    return {model: colours[model] for model in run.asked(*questions)}


def scores_of(run: Run, question: str) -> dict[str, Score]:
    """Model -> score, in the order of the run; models without a score are left out."""
    found = {model: run.scores.get((model, question)) for model in run.models}
    return {model: score for model, score in found.items() if score is not None}


def overview(run: Run, metric: str = "accuracy") -> list[Row]:
    """Models x questions in one metric, the best per question marked, the constant answers last; no paraphrases."""
    names = [question.name for question in run.main_questions()]
    best = {name: _best_texts(scores_of(run, name).values()) for name in names}
    colours = style.model_colours(run.models)
    rows = [
        Row(model, colours[model], tuple(_cell(run.scores.get((model, name)), metric, best[name]) for name in names))
        for model in run.models
    ]
    constants = (next(iter(scores_of(run, name).values()), None) for name in names)
    cells = tuple(number(score.baseline.get(metric) if score else None) for score in constants)
    return [*rows, Row("constant answer", None, cells)]


def counts(run: Run) -> dict[str, dict[Status, int]]:
    """Model -> answers by status, over all questions that are scored."""
    total: dict[str, Counter[Status]] = {model: Counter() for model in run.models}
    for question in run.questions():
        for model, score in scores_of(run, question.name).items():
            total[model].update(score.counts)
    return {model: {status: counted[status] for status in STATUSES} for model, counted in total.items()}


def shares(counted: Mapping[Status, int]) -> tuple[Share, ...]:
    """The parts of a stacked bar, one per status in the order of the records."""
    n = sum(counted.values()) or 1
    counts = [(status, counted.get(status, 0)) for status in STATUSES]
    return tuple(Share(status, count, style.percent(count / n), round(100 * count / n, 3)) for status, count in counts)


def number(value: float | None) -> Cell:
    """A cell without an interval."""
    return Cell(style.percent(value), value if value is not None and isfinite(value) else None)


def spanned(rates: Sequence[float]) -> Cell:
    """Rates that may differ between models, as one cell: "12.5", or "12.5–14.0"; a dash for none."""
    if not rates:
        return number(None)
    ends = dict.fromkeys(style.percent(rate) for rate in (min(rates), max(rates)))
    return Cell("–".join(ends), min(rates))


def _row(score: Score, colour: str, best: Mapping[str, str]) -> Row:
    return Row(
        name=score.model,
        colour=colour,
        metrics=tuple(_cell(score, metric, best) for metric in METRICS),
        n=score.n,
        scored=score.scored,
        coverage=_rate(score.coverage),
        contradictions=_rate(score.contradiction_rate),
        shares=tuple(share for share in shares(score.counts) if share.count),
        answered=tuple(number(score.answered.get(metric)) for metric in METRICS),
        ranking=_ranking(score, best.get(MAP)),
        options=number(score.option_mass),
    )


def _ranking(score: Score, best: str | None) -> Cell:
    """mAP beside its floor; where only some of the scored samples could be ranked, how many."""
    floor = score.mean_base_rate
    notes = [f"floor {style.percent(floor)}"]
    if score.ranked < score.scored:
        notes.append(f"{score.ranked:,} of {score.scored:,} ranked")
    return estimated(score.mean_average_precision, best, floor, tuple(notes))


def _baseline_row(score: Score) -> Row:
    return Row(score.baseline_name, None, tuple(number(score.baseline.get(metric)) for metric in METRICS))


def _best_texts(scores: Iterable[Score]) -> dict[str, str]:
    """Metric -> the highest number as printed: models that print the same share the first place.

    One model alone is the best of nothing.
    """
    found = list(scores)
    if len(found) < 2:
        return {}
    return {metric: _highest([score.metrics.get(metric) for score in found]) for metric in METRICS}


def _best_ranking(scores: Iterable[Score]) -> dict[str, str]:
    """The same for mAP, which only models with evidence have."""
    found = [score.mean_average_precision for score in scores if score.mean_average_precision]
    return {MAP: _highest(found)} if len(found) > 1 else {}


def _highest(estimates: Sequence[Estimate | None]) -> str:
    values = [estimate.value for estimate in estimates if estimate and isfinite(estimate.value)]
    return style.percent(max(values, default=None))


def _cell(score: Score | None, metric: str, best: Mapping[str, str]) -> Cell:
    if score is None:
        return Cell(style.MISSING)
    return estimated(score.metrics.get(metric), best.get(metric), score.baseline.get(metric))


def estimated(
    estimate: Estimate | None, best: str | None = None, floor: float | None = None, notes: tuple[str, ...] = ()
) -> Cell:
    """A cell with its interval; best where it prints as `best`, below where it is not above `floor`."""
    if estimate is None or not isfinite(estimate.value):
        return Cell(style.MISSING)
    text = style.percent(estimate.value)
    return Cell(
        text=text,
        sort=estimate.value,
        interval=f"{style.percent(estimate.low)}, {style.percent(estimate.high)}",
        best=text == best,
        below=floor is not None and estimate.value <= floor,
        notes=notes,
    )


def _rate(value: float | None) -> str:
    return "" if value is None else style.percent(value)
