"""Whether the evidence of models can be read as a probability: numbers, and a reliability diagram."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.records import Calibration
from reports import style
from reports.load import Question, Run
from reports.tables import Cell, scores_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LARGEST = 9.0
"""Points across the dot of a bin that holds all decisions."""


@dataclass(frozen=True)
class CalibrationRow:
    """One model."""

    model: str
    error: Cell
    brier: Cell
    decisions: int


def found(run: Run, question: Question) -> dict[str, Calibration]:
    """Model -> calibration, of the models with evidence."""
    scores = scores_of(run, question.name)
    return {model: score.calibration for model, score in scores.items() if score.calibration}


def rows(calibrations: Mapping[str, Calibration]) -> tuple[CalibrationRow, ...]:
    """The numbers, in the order of the run."""
    return tuple(
        CalibrationRow(
            model,
            Cell(style.percent(one.expected_error), one.expected_error),
            Cell(f"{one.brier:.3f}", one.brier),
            one.decisions,
        )
        for model, one in calibrations.items()
    )


def diagram(calibrations: Mapping[str, Calibration], models: Sequence[str]) -> "Figure":
    """How often decisions hold against their evidence, in percent: a line per model with a dot per bin.

    Args:
        calibrations: model -> calibration.
        models: all models of the run in order, which fixes the colour.
    """
    from matplotlib.figure import Figure

    colours = style.model_colours(models)
    with style.look():
        figure = Figure(figsize=(4.6, 4.4), layout="constrained")
        axes = figure.add_subplot()
        axes.plot([0, 100], [0, 100], "--", color=style.INK, lw=1, gid="perfect")
        for model, one in calibrations.items():
            _curve(axes, one, colours[model], f"curve-{list(models).index(model)}")
        axes.set_xticks(*style.percent_ticks())
        axes.set_yticks(*style.percent_ticks())
        axes.set_xlim(-3, 103)
        axes.set_ylim(-3, 103)
        axes.set_aspect("equal")
        axes.set_xlabel("evidence")
        axes.set_ylabel("decisions that hold")
        axes.grid()
    return figure


def in_words(calibrations: Mapping[str, Calibration]) -> str:
    """The alternative text of `diagram`."""
    said = [
        f"{model}: "
        + ", ".join(f"{style.percent(b.evidence, 0)} → {style.percent(b.rate, 0)} ({b.count:,})" for b in one.bins)
        for model, one in calibrations.items()
    ]
    return (
        "Evidence and how often decisions of about that evidence hold, in percent, with the number of decisions. "
        + "; ".join(said)
        + "."
    )


def _curve(axes: "Axes", one: Calibration, colour: str, gid: str) -> None:
    xs, ys = [100 * found.evidence for found in one.bins], [100 * found.rate for found in one.bins]
    axes.plot(xs, ys, "-", color=colour, lw=1.1, gid=gid)
    sizes = [(2 + _LARGEST * (found.count / one.decisions) ** 0.5) ** 2 for found in one.bins]
    axes.scatter(xs, ys, s=sizes, color=colour, linewidths=0, zorder=3)
