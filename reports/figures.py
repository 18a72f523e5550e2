"""The charts. Each function returns a matplotlib Figure; none saves, none shows."""

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from typing import TYPE_CHECKING

from harness.records import METRICS, STATUSES, Estimate, Score, Status
from reports import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BAND = 0.84
"""Part of a metric's place that its bars fill."""


def bars(scores: Mapping[str, Score], colours: Mapping[str, str], name: str, legend: bool = True) -> "Figure":
    """Four metrics in percent, a bar per model with its 95 % interval, the constant answer dashed (figures 3-6).

    Args:
        scores: model -> score on one question; a model without one keeps an empty place.
        colours: model -> colour, of all that were to be asked, in their order, which fixes their places.
        name: the heading.
        legend: false where the page has a legend of its own.
    """
    from matplotlib.figure import Figure

    with style.look():
        figure = Figure(figsize=(4.6, 2.5 + (0.22 * -(-len(colours) // 3) if legend else 0)), layout="constrained")
        axes = figure.add_subplot()
        draw_bars(axes, scores, colours)
        axes.set_title(style.visible(name), loc="left", fontweight="bold", fontsize=9.5, pad=8)
        if legend and scores:
            figure.legend(loc="outside lower center", ncols=3, fontsize=7)
    return figure


def draw_bars(
    axes: "Axes", scores: Mapping[str, Score], colours: Mapping[str, str], metrics: Sequence[str] = METRICS
) -> None:
    """The bars of one question, see `bars`, into axes of any figure."""
    for model in colours:
        if model in scores:
            _model_bars(axes, model, colours, scores[model], metrics)
    _baseline(axes, next(iter(scores.values()), None), metrics)
    _percent_axis(axes, metrics)


def bar_centre(place: int, group: int, models: int) -> float:
    """Where the bar of a model stands in a group."""
    return group - BAND / 2 + (place + 0.5) * BAND / models


def bar_tips(scores: Mapping[str, Score], models: Sequence[str]) -> dict[str, str]:
    """Bar id (gid) -> what it says in words."""
    tips = {}
    for place, model in enumerate(models):
        measured = scores[model].metrics if model in scores else {}
        for metric, estimate in measured.items():
            value, low, high = (style.percent(x) for x in (estimate.value, estimate.low, estimate.high))
            tips[f"bar-{place}-{metric}"] = f"{model}: {style.title('metrics', metric)} {value} [{low}, {high}]"
    return tips


def bars_in_words(scores: Mapping[str, Score], name: str) -> str:
    """The alternative text of `bars`, built from the numbers."""
    said = [f"{model} {_four(score)}" for model, score in scores.items()]
    if not said:
        return f"{name}: no scores yet."
    first = next(iter(scores.values()))
    constant = ", ".join(style.percent(first.baseline.get(metric)) for metric in METRICS)
    return (
        f"{name}: accuracy, precision, recall and F1 in percent. {'; '.join(said)}; {first.baseline_name} {constant}."
    )


def status_bars(counted: Mapping[str, Mapping[Status, int]]) -> "Figure":
    """Answers by status in percent, a stacked bar per model.

    Args:
        counted: model -> status -> number of answers.
    """
    from matplotlib.figure import Figure

    with style.look():
        figure = Figure(figsize=(7.4, 0.75 + 0.3 * len(counted)), layout="constrained")
        axes = figure.add_subplot()
        for place, model in enumerate(counted):
            _status_bar(axes, place, counted[model])
        axes.set_yticks(range(len(counted)), list(map(style.visible, counted)))
        axes.set_ylim(len(counted) - 0.45, -0.55)
        axes.set_xlim(0, 100)
        axes.set_xticks(range(0, 101, 25), [f"{tick} %" for tick in range(0, 101, 25)])
        axes.spines["bottom"].set_visible(False)
        _status_legend(figure, axes)
    return figure


def statuses_in_words(counted: Mapping[str, Mapping[Status, int]]) -> str:
    """The alternative text of `status_bars`."""
    parts = [
        f"{model}: " + ", ".join(f"{count} {status}" for status, count in statuses.items() if count)
        for model, statuses in counted.items()
        if sum(statuses.values())
    ]
    return "Answers by status. " + ("; ".join(parts) or "No answers yet") + "."


def _four(score: Score) -> str:
    estimates = (score.metrics.get(metric) for metric in METRICS)
    return ", ".join(style.percent(estimate.value if estimate else None) for estimate in estimates)


def _model_bars(axes: "Axes", model: str, colours: Mapping[str, str], score: Score, metrics: Sequence[str]) -> None:
    """The bars of one model in all metrics; they carry ids "bar-<place>-<metric>"."""
    estimates = {metric: score.metrics.get(metric) for metric in metrics}
    found = {metric: estimate for metric, estimate in estimates.items() if estimate and isfinite(estimate.value)}
    if not found:
        return
    place = list(colours).index(model)
    xs = [bar_centre(place, list(metrics).index(metric), len(colours)) for metric in found]
    label = style.visible(model).lstrip("_")  # matplotlib hides labels with a leading underscore
    heights = [100 * estimate.value for estimate in found.values()]
    drawn = axes.bar(xs, heights, BAND / len(colours) * 0.86, color=colours[model], label=label)
    for patch, metric in zip(drawn.patches, found, strict=True):
        patch.set_gid(f"bar-{place}-{metric}")
    _whiskers(axes, zip(xs, found.values(), strict=True))


def _whiskers(axes: "Axes", found: Iterable[tuple[float, Estimate]]) -> None:
    """The intervals, with a cap at each end."""
    ends = [(x, 100 * e.low, 100 * e.high) for x, e in found if isfinite(e.low) and isfinite(e.high)]
    if ends:
        xs, lows, highs = zip(*ends, strict=True)
        axes.vlines(xs, lows, highs, colors=style.INK, lw=0.7)
        axes.plot([*xs, *xs], [*lows, *highs], "_", color=style.INK, ms=2.8, mew=0.7)


def _baseline(axes: "Axes", score: Score | None, metrics: Sequence[str]) -> None:
    """A dashed line over each group at what the constant answer scores."""
    values = score.baseline if score else {}
    label = style.visible(score.baseline_name) if score else ""
    for group, metric in enumerate(metrics):
        value = values.get(metric)
        if value is None or not isfinite(value):
            continue
        ends = [group - BAND / 2 - 0.04, group + BAND / 2 + 0.04]
        axes.plot(
            ends,
            [100 * value] * 2,
            "--",
            color=style.INK,
            lw=1.1,
            label=label,
            gid=f"baseline-{metric}",
            zorder=4,
            clip_on=False,
        )
        label = "_nolegend_"


def _percent_axis(axes: "Axes", metrics: Sequence[str]) -> None:
    axes.set_ylim(0, 103)
    axes.set_yticks(*style.percent_ticks())
    axes.set_xticks(range(len(metrics)), [style.title("metrics", metric) for metric in metrics])
    axes.set_xlim(-0.55, len(metrics) - 0.45)
    axes.grid(axis="y")


def _status_bar(axes: "Axes", place: int, statuses: Mapping[Status, int]) -> None:
    n = sum(statuses.values())
    left = 0.0
    for status in STATUSES:
        part = 100 * statuses.get(status, 0) / n if n else 0.0
        if part:
            colour = style.status_colours()[status]
            axes.barh(place, part, 0.62, left=left, color=colour, label=status, gid=f"status-{place}-{status}")
            if part >= 6:
                axes.text(
                    left + part / 2, place, f"{statuses[status]}", ha="center", va="center", color=style.ink_on(colour)
                )
        left += part


def _status_legend(figure: "Figure", axes: "Axes") -> None:
    handles, names = axes.get_legend_handles_labels()
    seen = dict(zip(names, handles, strict=True))
    shown = [status for status in STATUSES if status in seen]
    if shown:
        figure.legend([seen[status] for status in shown], shown, loc="outside upper left", ncols=6, fontsize=8)
