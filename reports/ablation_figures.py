"""The charts of an ablation (figure 8). Each function returns a matplotlib Figure; none saves, none shows.

Differences between variants are a few points, so figures 8(a) and 8(b) show dots on an axis that fits them: a bar
would have to start at zero and hide what matters.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from harness.trials import Trial
from reports import ablation_rows, seeds, style
from reports.ablation_rows import Line, limits
from reports.seeds import Condition, Spread

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 9.2
"""Inches: the same for all, so that the page shows their text in one size."""
ROW = 0.33
"""Inches that the row of one attribute takes."""
BAND = 0.62
"""Part of a row, or of a group of bars, that its variants fill."""
LONGEST = 40
"""Characters of a name that a figure has room for."""
CONSTANT, ONE_SEED = "constant answer", "one seed"


@dataclass(frozen=True)
class Look:
    """How a variant is drawn."""

    variant: str
    name: str
    """As the legend shows it."""
    colour: str
    place: int
    """Among the variants, for positions and ids."""


def figure_8a(condition: Condition) -> "Figure":
    """Mean accuracy and mAP, and accuracy by attribute, each variant with its 95 % interval over seeds."""
    from matplotlib.figure import Figure

    means, columns = ablation_rows.means(condition), ablation_rows.columns(condition)
    depth = max(1, len(columns[0]))
    with style.look():
        figure = Figure(figsize=(WIDTH, 2.0 + ROW * (depth + 2)), layout="constrained")
        grid = figure.add_gridspec(2, len(columns), height_ratios=(2.6, depth))
        _rows(figure.add_subplot(grid[0, :]), means, condition, "mean")
        _titled(figure.axes[0], f"{short(condition.name)}: over all attributes, in percent", limits(means))
        for place, lines in enumerate(columns):
            axes = figure.add_subplot(grid[1, place])
            _rows(axes, lines, condition, f"label{place}", depth)
            _titled(axes, "" if place else "Accuracy by attribute, in percent", limits([*chain(*columns)]))
        _legend(figure)
    return figure


def figure_8b(condition: Condition) -> "Figure":
    """Accuracy and mAP against omega of eq. 7: means with 95 % intervals over seeds, every seed a small dot."""
    from matplotlib.figure import Figure

    sweep = condition.sweep()
    names = tuple(dict.fromkeys((*condition.variants, *sweep)))
    looks = [look for look in _looks(names) if look.variant in sweep]
    omegas = sorted({omega for points in sweep.values() for omega in points})
    with style.look():
        figure = Figure(figsize=(WIDTH, 3.3), layout="constrained")
        for axes, measure in zip(figure.subplots(1, 2), (seeds.ACCURACY, seeds.PRECISION), strict=True):
            for look in looks:
                _curve(axes, sweep[look.variant], measure, look)
            axes.set_xticks(omegas, [f"{omega:g}" for omega in omegas])
            axes.set_xlabel("ω (share of the neighbours, eq. 7)")
            _titled(axes, f"{short(condition.name)}: {measure.title}, in percent")
            axes.grid(axis="y")
        _legend(figure)
    return figure


def violations(condition: Condition) -> "Figure":
    """Test faces whose prediction breaks an exclusion, or leaves a group empty: a bar per variant, dots are seeds."""
    from matplotlib.figure import Figure

    measures = (seeds.IMPOSSIBLE, seeds.INCOMPLETE)
    with style.look():
        figure = Figure(figsize=(WIDTH, 3.0), layout="constrained")
        axes = figure.add_subplot()
        for group, measure in enumerate(measures):
            _group(axes, group, measure, condition)
        axes.set_xticks(range(len(measures)), [measure.title for measure in measures])
        axes.set_xlim(-0.5, len(measures) - 0.5)
        axes.set_ylim(bottom=0)
        _titled(axes, f"{short(condition.name)}: test faces that break a rule, in percent")
        axes.grid(axis="y")
        _legend(figure)
    return figure


def _rows(axes: "Axes", lines: Sequence[Line], condition: Condition, part: str, depth: int = 0) -> None:
    """Names on the left, a dot per variant with id "dot-<part>-<row>-<place>", whiskers "whiskers-<part>-<place>"."""
    for row, line in enumerate(lines):
        if row % 2 == 0:
            axes.axhspan(row - 0.5, row + 0.5, color=style.INK, alpha=0.045, lw=0)
        if line.constant is not None:
            x = 100 * line.constant
            axes.plot([x, x], [row - 0.42, row + 0.42], ":", color=style.INK, lw=1.1, label=CONSTANT)
    for look in _looks(condition.variants):
        _dots(axes, lines, look, BAND * ((look.place + 0.5) / len(condition.variants) - 0.5), part)
    axes.set_yticks(range(len(lines)), [short(line.name) for line in lines])
    axes.set_ylim(max(len(lines), depth) - 0.5, -0.5)
    axes.grid(axis="x")


def _dots(axes: "Axes", lines: Sequence[Line], look: Look, shift: float, part: str) -> None:
    found = [(row, mean) for row, line in enumerate(lines) if (mean := line.spreads[look.variant])]
    for row, mean in found:
        x, y, gid = 100 * mean.mean, row + shift, f"dot-{part}-{row}-{look.place}"
        axes.plot([x], [y], "o", ms=3.6, color=look.colour, gid=gid, label=look.name)
    whiskers = [
        (row + shift, 100 * x.low, 100 * x.high) for row, x in found if x.low is not None and x.high is not None
    ]
    if whiskers:
        ys, lows, highs = zip(*whiskers, strict=True)
        axes.hlines(ys, lows, highs, colors=look.colour, lw=1.1, gid=f"whiskers-{part}-{look.place}")


def _curve(axes: "Axes", points: Mapping[float, Mapping[int, Trial]], measure: seeds.Measure, look: Look) -> None:
    """The mean line "curve-<measure>-<place>", its whiskers, and a faint dot per seed."""
    values = {omega: (measure.read(trial) for trial in by_seed.values()) for omega, by_seed in points.items()}
    spreads = {omega: seeds.spread(x for x in found if x is not None) for omega, found in values.items()}
    drawn = [(omega, found) for omega, found in spreads.items() if found]
    gid = f"{measure.name}-{look.place}"
    axes.plot(
        [omega for omega, _ in drawn],
        [100 * found.mean for _, found in drawn],
        "-o",
        ms=5,
        lw=1.3,
        color=look.colour,
        label=look.name,
        gid=f"curve-{gid}",
    )
    for omega, found in drawn:
        _seeds(axes, omega + 0.018, found, look.colour, f"seeds-{gid}-{omega:g}")
        _whisker(axes, omega, found, look.colour)


def _group(axes: "Axes", group: int, measure: seeds.Measure, condition: Condition) -> None:
    """The bars "bar-<measure>-<place>" of one measure, their whiskers, and a dot per seed."""
    looks = _looks(condition.variants)
    width = 0.8 / max(1, len(looks))
    for look in looks:
        found = condition.spread(look.variant, measure.read)
        if found is None:
            continue
        x = group - 0.4 + (look.place + 0.5) * width
        bar = axes.bar(x, 100 * found.mean, width * 0.86, color=look.colour, label=look.name)
        bar.patches[0].set_gid(f"bar-{measure.name}-{look.place}")
        _seeds(axes, x + width * 0.2, found, style.INK, f"seeds-{measure.name}-{look.place}")
        _whisker(axes, x, found, style.INK)


def _seeds(axes: "Axes", x: float, found: Spread, colour: str, gid: str) -> None:
    ys = [100 * value for value in found.values]
    axes.plot([x] * len(ys), ys, "o", ms=2.8, mfc="none", mec=colour, mew=0.8, lw=0, label=ONE_SEED, gid=gid)


def _whisker(axes: "Axes", x: float, found: Spread, colour: str) -> None:
    if found.low is not None and found.high is not None:
        axes.vlines([x], [100 * found.low], [100 * found.high], colors=colour, lw=1.1)


def _titled(axes: "Axes", name: str, ends: tuple[float, float] | None = None) -> None:
    axes.set_title(name, loc="left", fontweight="bold", fontsize=9.5)
    if ends:
        axes.set_xlim(*ends)


def _looks(variants: Sequence[str]) -> list[Look]:
    colours = style.variant_colours(variants)
    # matplotlib hides labels with a leading underscore
    return [Look(name, short(name).lstrip("_"), colours[name], i) for i, name in enumerate(variants)]


def short(name: str, most: int = LONGEST) -> str:
    """A name made visible on one line, and cut where it would push the chart off its page."""
    shown = style.visible(name).replace("\n", " ")
    return shown if len(shown) <= most else shown[: most - 1] + "…"


def _legend(figure: "Figure") -> None:
    """Every name once, at the foot: the variants, then what else is drawn."""
    pairs = [pair for axes in figure.axes for pair in zip(*axes.get_legend_handles_labels(), strict=True)]
    shown = {name: handle for handle, name in pairs}
    names = sorted(shown, key=lambda name: name in (CONSTANT, ONE_SEED))
    if names:
        figure.legend([shown[name] for name in names], names, loc="outside lower center", ncols=5, fontsize=8)
