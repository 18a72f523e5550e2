"""Several runs side by side: their scores, what differs in their settings, and what makes them incomparable."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from harness.records import METRICS, Estimate, Score
from harness.store import write_atomically
from reports import assets, page, style
from reports.gallery import short
from reports.load import Question, Run, read
from reports.tables import MAP, Cell, estimated

NAME = "comparison.html"
UNSET = "not set"
SETTINGS = ("profile", "limit", "seed", "data_root", "decoding", "policies", "engines", "versions")
"""Fields of run.json that can change a score, beside the protocol; what is nested in them is compared leaf by leaf."""


@dataclass(frozen=True)
class Line:
    """One metric of one model on one question, in every run."""

    model: str
    colour: str
    metric: str
    cells: tuple[Cell, ...]
    changes: tuple[Cell, ...]
    """Points more than in the first run; one fewer than there are cells."""


@dataclass(frozen=True)
class Board:
    """One question."""

    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Setting:
    """A setting that is not the same in all runs."""

    name: str
    values: tuple[str, ...]


def write(folders: Sequence[Path], out: Path | None = None) -> Path:
    """Write the comparison of several runs.

    Args:
        folders: the runs; the first is what the others are compared with.
        out: the file to write; comparison.html beside the report of the first run if None.

    Returns:
        The file written.

    Raises:
        StoreError: a folder holds no run.
    """
    target = out or folders[0] / "report" / NAME
    write_atomically(target, render([read(folder) for folder in folders]))
    return target


def render(runs: Sequence[Run]) -> str:
    """The page as text: the same runs give the same bytes."""
    template = assets.environment().get_template("compare.html.j2")
    return template.render(
        names=names(runs),
        runs=runs,
        warnings=warnings(runs),
        settings=settings(runs),
        boards=[_board(runs, question) for question in _questions(runs)],
        **assets.own(),
    )


def names(runs: Sequence[Run]) -> list[str]:
    """A letter for each run, and what its folder is called."""
    return [
        f"{chr(ord('A') + place % 26)}{place // 26 or ''}: {short(run.folder.name)}" for place, run in enumerate(runs)
    ]


def warnings(runs: Sequence[Run]) -> list[str]:
    """Why a difference may be none of the models'."""
    said = []
    profiles = [short(run.manifest.profile or UNSET) for run in runs]
    if len(set(profiles)) > 1:
        said.append(f"The profiles differ ({', '.join(profiles)}): the models of one are not those of the other.")
    apart: dict[str, list[str]] = {}
    for question in _questions(runs):
        if found := _other_samples(runs, question.name):
            apart.setdefault(found, []).append(short(question.name))
    said += [f"{', '.join(questions)}: {found}" for found, questions in apart.items()]
    said += [f"{name}: {short(notice)}" for name, run in zip(names(runs), runs, strict=True) for notice in run.notices]
    return said


def settings(runs: Sequence[Run]) -> list[Setting]:
    """The settings that differ, with the value in each run."""
    # The protocol repeats some of the fields.
    found = [_leaves({n: getattr(run.manifest, n) for n in SETTINGS} | run.manifest.protocol) for run in runs]
    keys = dict.fromkeys(key for leaves in found for key in leaves)
    rows = [(key, tuple(leaves.get(key, UNSET) for leaves in found)) for key in keys]
    return [Setting(short(key), tuple(map(short, values))) for key, values in rows if len(set(values)) > 1]


def _questions(runs: Iterable[Run]) -> list[Question]:
    """Every question of some run, in the order in which they are met."""
    return list(
        {question.name: question for run in reversed([*runs]) for question in reversed(run.questions())}.values()
    )[::-1]


def _other_samples(runs: Sequence[Run], question: str) -> str:
    """Says that runs were not asked about the same samples; nothing where they were, or where only one was asked."""
    ids = [{case.sample_id for case in run.cases(question)} for run in runs]
    asked = [found for found in ids if found]
    if all(found == asked[0] for found in asked):
        return ""
    counts = " and ".join(f"{len(found):,}" for found in asked)
    common = len(set.intersection(*asked))
    return f"the samples are not the same ({counts}, {common:,} in common); scores do not compare."


def _leaves(value: Any, path: str = "") -> dict[str, str]:
    """Nested settings as "decoding.seed" -> "0"."""
    if not isinstance(value, Mapping):
        return {} if value is None else {path: str(value)}
    return {
        key: leaf
        for name, part in value.items()
        for key, leaf in _leaves(part, f"{path}.{name}" if path else name).items()
    }


def _board(runs: Sequence[Run], question: Question) -> Board:
    models = list(dict.fromkeys(model for run in runs for model in run.models))
    colours = style.model_colours(models)
    lines = []
    for model in models:
        scores = [run.scores.get((model, question.name)) for run in runs]
        for metric in (*METRICS, MAP):
            estimates = [_estimate(score, metric) for score in scores]
            if any(estimates):
                title = style.title("metrics", metric)
                lines.append(Line(model, colours[model], title, tuple(map(estimated, estimates)), _changes(estimates)))
    return Board(page.question_title(question), tuple(lines))


def _estimate(score: Score | None, metric: str) -> Estimate | None:
    if score is None:
        return None
    found = score.mean_average_precision if metric == MAP else score.metrics.get(metric)
    return found if found and isfinite(found.value) else None


def _changes(estimates: Sequence[Estimate | None]) -> tuple[Cell, ...]:
    """How much more than the first; bold where the intervals are apart."""
    first, *others = estimates
    return tuple(_change(first, other) if first and other else Cell(style.MISSING) for other in others)


def _change(first: Estimate, other: Estimate) -> Cell:
    points = other.value - first.value
    apart = other.low > first.high or other.high < first.low
    return Cell(f"{round(100 * points, 1) + 0.0:+.1f}", points, best=apart)
