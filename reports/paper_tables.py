"""Tables 1-5 of the paper from a run, as plain data: each measured number beside the published one of its setting.

How they are written is the business of paper_writers.py and of the templates.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import isfinite

from harness.records import Estimate, Score
from reports import style
from reports.load import Run, mapping
from reports.paper_marks import mark
from reports.published import Group, PaperTable, Place, Setting, paper
from tasks.registry import QUESTIONS

DIGITS = 2
"""Of a percentage, as in the paper."""
FULL = "full test set"
OTHER_LABELS = "none (other labels)"
IN_WORDS: dict[Setting, str] = {
    "fine-tuned": "fine-tuned or another checkpoint",
    "trained": "trained for these tasks",
    "training-free": "training-free",
    "floor": "floor, fitted to training labels",
}
NOTE = (
    "Percent. Bold: the highest of its column among the models of a dataset or attribute that are compared, measured "
    "and published each for itself; a training-free model is compared with training-free ones only. In brackets the "
    "95 % bootstrap interval over images. Difference: measured less published, in points. There is none where the run "
    "asked for other labels than those in which the published number is, or in which we read it to be (decision 0020)."
)


@dataclass(frozen=True)
class Cell:
    """One number in percent: what was measured, and what the paper prints of the same model in the same setting."""

    place: Place
    value: float | None = None
    low: float | None = None
    high: float | None = None
    scored: int | None = None
    best: bool = False
    published: float | None = None
    best_published: bool = False
    space: str = ""
    """The label space in which it was measured, where the published number is of another."""

    @property
    def difference(self) -> float | None:
        """Measured less published, in points; None where one of them is missing, or they are of different labels."""
        return None if self.value is None or self.published is None or self.space else self.value - self.published

    @property
    def measured_text(self) -> str:
        """The measured number as printed."""
        return digits(self.value)

    @property
    def published_text(self) -> str:
        """The published number as printed."""
        return digits(self.published)

    @property
    def difference_text(self) -> str:
        """The difference with its sign, or why there is none between two numbers."""
        return OTHER_LABELS if self.value is not None and self.space else signed(self.difference)

    @property
    def interval(self) -> str:
        """Such as "81.20, 92.60"; empty where there is none."""
        return "" if self.low is None or self.high is None else f"{digits(self.low)}, {digits(self.high)}"


@dataclass(frozen=True)
class Row:
    """One model in one group of a table."""

    group: str
    setting: Setting
    model: str
    """As the run calls it; empty where the paper alone has numbers."""
    printed: str
    """As the paper's table calls it; empty where the table has no such row."""
    cells: tuple[Cell, ...]
    measured_on: str
    """The mark that no measured number may be quoted without."""
    learnt: str = ""
    """What a fine-tuned checkpoint says it was fine-tuned on, such as "expr"; empty where it says nothing."""

    @property
    def name(self) -> str:
        """The model's name here, or else in the paper."""
        return self.model or self.printed

    @property
    def setting_text(self) -> str:
        """The setting in words."""
        return f"fine-tuned on {self.learnt}" if self.learnt else IN_WORDS[self.setting]

    @property
    def scored(self) -> str:
        """How many samples its numbers hold for, such as "24" or "24 / 20"."""
        return " / ".join(dict.fromkeys(f"{cell.scored:,}" for cell in self.cells if cell.scored is not None))


@dataclass(frozen=True)
class Table:
    """One table of the paper, drawn from a run."""

    paper: PaperTable
    mark: str
    rows: tuple[Row, ...]

    @property
    def title(self) -> str:
        """Such as "Table 1"."""
        return f"Table {self.paper.number}"

    @property
    def any(self) -> bool:
        """Whether the run has measured anything of it."""
        return any(cell.value is not None for row in self.rows for cell in row.cells)

    def groups(self) -> dict[str, list[Row]]:
        """Group -> its rows, in the order of the paper."""
        found: dict[str, list[Row]] = {group.name: [] for group in self.paper.groups}
        for row in self.rows:
            found[row.group].append(row)
        return found


def tables(run: Run) -> list[Table]:
    """Tables 1-5."""
    return [table(run, found) for found in paper().tables]


def table(run: Run, printed: PaperTable) -> Table:
    """One table: in each group the paper's rows in its order, then what else was trained, then what was not."""
    rows = [row for group in printed.groups for row in _rows(run, printed, group)]
    return Table(printed, mark(run), tuple(rows))


def digits(value: float | None) -> str:
    """A percentage as printed; a dash where there is none."""
    return style.percent(None if value is None else value / 100, DIGITS)


def signed(value: float | None) -> str:
    """A difference in points as printed, with its sign."""
    return style.signed(None if value is None else value / 100, DIGITS)


def _rows(run: Run, table: PaperTable, group: Group) -> list[Row]:
    known = {model: paper().printed(model) for model in run.models}
    beside = [model for model, name in known.items() if name in group.values]
    ours = {name: [one for one in beside if known[one] == name and _answered(run, group, one)] for name in group.values}
    row = partial(_row, run, _other_spaces(run, table), group)
    rows = [row(model, name) for name, models in ours.items() for model in models or [""]]
    others = [row(model) for model in run.models if model not in beside and _belongs(run, table, group, model)]
    trained, free = _split([*rows, *others], lambda row: row.setting != "training-free")
    return [*_marked(trained), *_marked(free)]


def _belongs(run: Run, table: PaperTable, group: Group, model: str) -> bool:
    """Whether a model without a row in the table is shown.

    A training-free one is where it was asked, a trained one where it has answered: specialists know few questions.
    """
    setting = paper().setting(model)
    if table.trained_only and setting not in ("trained", "floor"):
        return False
    if setting == "training-free":
        asked = {question.name for question in run.manifest.questions}
        return any(place.question in asked for place in group.cells)
    return _answered(run, group, model)


def _answered(run: Run, group: Group, model: str) -> bool:
    return any((model, place.question) in run.scores for place in group.cells)


def _learnt(run: Run, model: str) -> str:
    """The tasks that a fine-tuned checkpoint names; run.json may come from anywhere, so it may not be whole."""
    tasks = mapping(run.loaded(model).get("finetuned")).get("tasks")
    return ", ".join(map(str, tasks)) if isinstance(tasks, list) else ""


def _other_spaces(run: Run, table: PaperTable) -> dict[str, str]:
    """Question -> the label space it was asked in, of those whose published numbers are of another."""
    asked = {question.name: question.space for question in run.manifest.questions if question.name in QUESTIONS}
    return {name: space for name, space in asked.items() if space and space != table.space(name)}


def _row(run: Run, others: Mapping[str, str], group: Group, model: str, printed: str = "") -> Row:
    published: Sequence[float | None] = group.values.get(printed, (None,) * len(group.cells))
    cells = [
        replace(
            _measured(place, run.scores.get((model, place.question))),
            published=value,
            space="" if value is None else others.get(place.question, ""),
        )
        for place, value in zip(group.cells, published, strict=True)
    ]
    setting = paper().setting(model) if model else paper().models[printed].setting
    measured = any(cell.value is not None for cell in cells)
    return Row(
        group=group.name,
        setting=setting,
        model=model,
        printed=printed,
        cells=tuple(cells),
        measured_on=(mark(run) or FULL) if measured else style.MISSING,
        learnt=_learnt(run, model) if setting == "fine-tuned" else "",
    )


def _measured(place: Place, score: Score | None) -> Cell:
    estimate = score.metrics.get(place.metric) if score else None
    if score is None or estimate is None or not isfinite(estimate.value):
        return Cell(place)
    return Cell(place, 100 * estimate.value, *_ends(estimate), scored=score.scored)


def _ends(estimate: Estimate) -> tuple[float | None, float | None]:
    known = isfinite(estimate.low) and isfinite(estimate.high)
    return (100 * estimate.low, 100 * estimate.high) if known else (None, None)


def _split(rows: Iterable[Row], holds: Callable[[Row], bool]) -> tuple[list[Row], list[Row]]:
    found = list(rows)
    return [row for row in found if holds(row)], [row for row in found if not holds(row)]


def _marked(rows: Sequence[Row]) -> list[Row]:
    """The rows with the best of each column marked."""
    if not rows:
        return []
    columns = list(zip(*(row.cells for row in rows), strict=True))
    measured = [_highest(cell.value for cell in column) for column in columns]
    published = [_highest(cell.published for cell in column) for column in columns]
    return [
        replace(
            row,
            cells=tuple(
                replace(cell, best=cell.measured_text == here, best_published=cell.published_text == there)
                for cell, here, there in zip(row.cells, measured, published, strict=True)
            ),
        )
        for row in rows
    ]


def _highest(values: Iterable[float | None]) -> str | None:
    """The highest as printed: what prints the same shares the first place, and one alone is the best of nothing."""
    found = [value for value in values if value is not None]
    return digits(max(found)) if len(found) > 1 else None
