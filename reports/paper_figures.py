"""Figures 1 (right) and 3-6 of the paper, redrawn from a run. Each function returns a matplotlib Figure; none saves.

Every figure bears the mark of its run. No model is told by its colour alone: the radar has shapes, the bars numbers.
"""

from collections.abc import Mapping, Sequence
from itertools import chain
from math import isfinite, nan, pi, sin
from typing import TYPE_CHECKING, cast

from harness.records import Score
from reports import figures, style
from reports.ablation_figures import short
from reports.load import Run
from reports.paper_marks import mark
from reports.published import Panels, paper
from reports.tables import colours_of, scores_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.projections.polar import PolarAxes

COLUMN, PAGE = 3.35, 7.0
"""Inches: one column of the paper, and both."""
ORDER = ("accuracy", "recall", "f1", "precision")
"""The metrics in the order of the paper's tables."""
RINGS = (25, 50, 75, 100)


def radar(run: Run) -> "Figure":
    """Figure 1, right: accuracy in percent, an axis per task clockwise from the top, a line per model with its shape.

    The line of a model "radar-<place>" breaks where it has no number; an axis that nobody was asked stays empty.
    """
    from matplotlib.figure import Figure

    axes_of, colours = paper().radar, _widely_asked(run)
    angles = [2 * pi * place / len(axes_of) for place in range(len(axes_of))]
    with style.look():
        columns = _columns(list(colours), 2)
        figure = Figure(figsize=(COLUMN, COLUMN - 0.2 + 0.155 * -(-len(colours) // columns)), layout="constrained")
        axes = cast("PolarAxes", figure.add_subplot(projection="polar"))
        for model, colour in colours.items():
            _line(axes, run, model, angles, colour)
        _web(axes, angles, tuple(axes_of))
        stamp(figure, mark(run))
        if colours:
            figure.legend(loc="outside lower center", ncols=columns, fontsize=6.5, handlelength=2.2, columnspacing=1.2)
    return figure


def radar_points(run: Run, model: str) -> list[float]:
    """The accuracy of a model on each axis in percent; NaN where there is none."""
    found = [run.scores.get((model, question)) for question in paper().radar.values()]
    estimates = [score.metrics.get("accuracy") if score else None for score in found]
    return [100 * e.value if e and isfinite(e.value) else nan for e in estimates]


def radar_in_words(run: Run) -> str:
    """The alternative text of `radar`."""
    said = [
        f"{model} {', '.join(style.percent(x / 100) for x in radar_points(run, model))}" for model in _widely_asked(run)
    ]
    return f"Accuracy in percent on {', '.join(paper().radar)}. {'; '.join(said)}."


def _widely_asked(run: Run) -> dict[str, str]:
    """Model -> colour, of those that were to be asked on every axis that anybody was: a line of two points is none."""
    questions = {question.name for question in run.questions()}
    axes = [name for name in paper().radar.values() if name in questions]
    return {model: colour for model, colour in colours_of(run).items() if all(run.asks(model, name) for name in axes)}


def grouped_bars(run: Run, asked: Panels) -> "Figure":
    """One of figures 3-6: a panel per question, four groups of bars, a bar per model with its interval and number."""
    from matplotlib.figure import Figure

    colours = colours_of(run, *asked.panels.values())
    with style.look():
        rows = -(-(len(colours) + 1) // _columns(list(colours), 4))
        figure = Figure(figsize=(PAGE, 1.62 * len(asked.panels) + 0.25 + 0.16 * rows), layout="constrained")
        panels = figure.subplots(len(asked.panels), 1, squeeze=False)[:, 0].tolist()
        for axes, (title, question) in zip(panels, asked.panels.items(), strict=True):
            _panel(axes, scores_of(run, question), title, colours)
        stamp(figure, mark(run))
        _numbered_legend(figure, panels, list(colours))
    return figure


def stamp(figure: "Figure", said: str) -> None:
    """What the run is, at the head of the figure, so that it is never shown without."""
    if said:
        figure.suptitle(said, x=0.995, ha="right", fontsize=6.5, fontweight="bold")


def _columns(models: Sequence[str], most: int) -> int:
    """Of the legend: half as many where a name is long, such as that of a checkpoint."""
    return most if all(len(model) <= 24 for model in models) else most // 2


def _line(axes: "PolarAxes", run: Run, model: str, angles: Sequence[float], colour: str) -> None:
    values = radar_points(run, model)
    axes.plot(
        [*angles, angles[0]],
        [*values, values[0]],
        marker=style.model_markers(run.models)[model],
        color=colour,
        label=short(model).lstrip("_"),
        gid=f"radar-{run.models.index(model)}",
        lw=1.0,
        ms=4.2,
        mew=0.8,
        mfc="none",
        clip_on=False,
    )


def _web(axes: "PolarAxes", angles: Sequence[float], names: Sequence[str]) -> None:
    axes.set_theta_zero_location("N")
    axes.set_theta_direction(-1)
    axes.set_xticks(angles, names, fontsize=7.5)
    axes.tick_params(axis="x", pad=0)
    for angle, label in zip(angles, axes.get_xticklabels(), strict=True):  # away from the circle on either side
        side = sin(angle)
        label.set_horizontalalignment("center" if abs(side) < 0.1 else "left" if side > 0 else "right")
    axes.set_ylim(0, 100)
    axes.set_yticks(RINGS, [f"{ring} %" if ring == RINGS[-1] else str(ring) for ring in RINGS], fontsize=6)
    axes.set_rlabel_position(180 / len(angles))
    axes.grid(alpha=0.28)
    axes.spines["polar"].set_visible(False)


def _panel(axes: "Axes", scores: Mapping[str, Score], title: str, colours: Mapping[str, str]) -> None:
    """Bars, and under each the number of its model in the legend."""
    models = len(colours)
    figures.draw_bars(axes, scores, colours, ORDER)
    axes.set_title(title, loc="left", fontweight="bold", fontsize=9, pad=5)
    axes.tick_params(axis="x", pad=9)
    size = min(5.5, 60 / max(1, models))  # numbers of two digits stay apart
    for group in range(len(ORDER)):
        for place in range(models):
            x = figures.bar_centre(place, group, models)
            axes.text(x, -2.5, str(place + 1), ha="center", va="top", fontsize=size, gid=f"number-{group}-{place}")


def _numbered_legend(figure: "Figure", panels: Sequence["Axes"], models: Sequence[str]) -> None:
    """Each model once with its number, and what the dashed lines are; models without a single bar are left out."""
    drawn = chain.from_iterable(zip(*axes.get_legend_handles_labels(), strict=True) for axes in panels)
    handles = {name: handle for handle, name in drawn}
    numbers = {style.visible(model).lstrip("_"): place + 1 for place, model in enumerate(models)}
    names = [name for name in numbers if name in handles]
    dashed = [handle for name, handle in handles.items() if name not in numbers][:1]
    shown = [*(f"{numbers[name]}  {short(name)}" for name in names), *["constant answer"] * len(dashed)]
    if shown:
        lines = [*(handles[name] for name in names), *dashed]
        figure.legend(lines, shown, loc="outside lower center", ncols=_columns(models, 4), fontsize=7)
