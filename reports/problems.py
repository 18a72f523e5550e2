"""What went wrong or is not done yet, gathered so that the page can say it first, and short."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.records import Response
from reports.gallery import Asked, short
from reports.load import Run

ROWS = 10
"""Reasons that are shown; a dataset without its images has thousands."""
FEW = 5
FORCED = 0.5
"""Less probability than this for all options together: the model wanted to say something else."""


@dataclass(frozen=True)
class Failure:
    """Requests that failed for the same reason."""

    reason: str
    count: int
    models: tuple[str, ...]
    questions: tuple[str, ...]
    samples: tuple[str, ...]
    """Some sample ids."""


@dataclass(frozen=True)
class Gap:
    """Questions that a model has not finished."""

    model: str
    what: str
    questions: tuple[str, ...]
    """Such as "expw (12 of 20)"."""


@dataclass(frozen=True)
class Problems:
    """All that a reader must know before the numbers."""

    notices: tuple[str, ...]
    gaps: tuple[Gap, ...]
    failures: tuple[Failure, ...]
    """The commonest reasons first."""
    failed: int
    """Failed requests in all."""
    more: int
    """Reasons beyond those shown."""

    @property
    def any(self) -> bool:
        """Whether there is anything to say."""
        return bool(self.notices or self.gaps or self.failures)

    @property
    def unfinished(self) -> int:
        """Pairs of model and question that are not finished."""
        return sum(len(gap.questions) for gap in self.gaps)


def find(run: Run, asked: Sequence[Asked]) -> Problems:
    """Look through what was read of each question; call it after everything is read."""
    failed = [
        (model, question.question.name, row)
        for question in asked
        for model in run.models
        for row in question.answers[model].failed.values()
    ]
    failures = _by_reason(failed)
    notices = (*map(short, run.notices), *_absent(asked), *_forced(run))
    return Problems(notices, _gaps(run, asked), failures[:ROWS], len(failed), max(0, len(failures) - ROWS))


def _by_reason(failed: Iterable[tuple[str, str, Response]]) -> tuple[Failure, ...]:
    reasons: dict[str, list[tuple[str, str, Response]]] = {}
    for entry in failed:
        reasons.setdefault(entry[2].error or "no reason given", []).append(entry)
    ranked = sorted(reasons.items(), key=lambda pair: -len(pair[1]))
    return tuple(_failure(reason, entries) for reason, entries in ranked)


def _failure(reason: str, entries: Sequence[tuple[str, str, Response]]) -> Failure:
    models, questions, rows = zip(*entries, strict=True)
    return Failure(
        short(reason), len(entries), _unique(models), _unique(questions), _few(_unique(row.sample_id for row in rows))
    )


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(short, names)))


def _few(names: tuple[str, ...]) -> tuple[str, ...]:
    return names if len(names) <= FEW else (*names[:FEW], f"and {len(names) - FEW:,} more")


def _absent(asked: Iterable[Asked]) -> list[str]:
    lacking = [short(question.question.name) for question in asked if not question.total]
    return [f"No samples on disk for {', '.join(lacking)}."] if lacking else []


def _forced(run: Run) -> list[str]:
    """Models that were made to choose between options, and wanted to say something else."""
    lowest: dict[str, float] = {}
    for (model, _), score in run.scores.items():
        if score.option_mass is not None and score.option_mass < FORCED:
            lowest[model] = min(score.option_mass, lowest.get(model, 1.0))
    return [
        f"{short(model)} gave the options as little as {mass:.1%} of the first token's probability: what it chose "
        "there was forced, and says little about it."
        for model, mass in lowest.items()
    ]


def _gaps(run: Run, asked: Sequence[Asked]) -> tuple[Gap, ...]:
    gaps: dict[tuple[str, str], list[str]] = {}
    for model in run.models:
        for question in asked:
            if what := _state(run, model, question):
                answered = len(question.answers[model].keys)
                said = f"{short(question.question.name)} ({answered:,} of {question.total:,})"
                gaps.setdefault((model, what), []).append(said)
    return tuple(Gap(model, what, tuple(questions)) for (model, what), questions in gaps.items())


def _state(run: Run, model: str, asked: Asked) -> str:
    """What is lacking, or nothing."""
    score = run.scores.get((model, asked.question.name))
    answered = len(asked.answers[model].keys)
    if not answered and not run.asks(model, asked.question.name):
        return ""
    if answered < asked.total:
        return "not finished" if answered else "not asked yet"
    if not asked.total:
        return ""
    if asked.parsed[model] < answered:
        return "answers not parsed yet: run `score`"
    if score is None:
        return "no score yet: run `score`"
    return "" if score.n == asked.rows else f"the score covers {score.n:,} samples only: run `score`"
