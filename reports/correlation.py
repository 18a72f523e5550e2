"""The picture of a correlation map: which characteristics are expected to go together.

Shapes: K characteristics, of which D are drawn: those that are present on some face.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from reports import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_CELL = 0.145
"""Inches: six-point letters fit."""
_ROOM = 2.3
"""Inches for names and the scale."""
_BARS = 1.1
"""Inches for the bars."""
Floats = npt.NDArray[np.floating[Any]]
Bools = npt.NDArray[np.bool_]


def drawn(probability_KK: Floats) -> npt.NDArray[np.int64]:
    """The places [D] of the characteristics that are present on some face: only those have a p(y_i | y_i)."""
    return np.flatnonzero(np.isfinite(np.diagonal(probability_KK)))


def heat_map(probability_KK: Floats, edges_KK: Bools, names: Sequence[str], tau: float) -> "Figure":
    """p(y_j | y_i) in row i and column j, a dot on each edge i -> j, and above each column how many edges come in.

    Args:
        probability_KK: [K, K] in [0, 1], NaN where nothing is known.
        edges_KK: [K, K], true where there is an edge.
        names: the K names.
        tau: the threshold of the edges, for the heading.
    """
    from matplotlib.figure import Figure

    places = drawn(probability_KK)
    chosen = np.ix_(places, places)
    labels = [style.visible(names[place]).replace("_", " ") for place in places]
    side = max(1.0, _CELL * len(places))
    with style.look():
        figure = Figure(figsize=(side + _ROOM, side + _ROOM + _BARS), layout="constrained")
        bars, cells = figure.subplots(2, 1, height_ratios=[_BARS, side], sharex=True)
        _bars(bars, edges_KK[:, places].sum(0))
        _cells(cells, probability_KK[chosen], edges_KK[chosen], labels)
        if len(places):
            _scale(figure, cells)
        bars.set_title(f"Edges where p(column | row) ≥ {tau:g}", loc="left", fontweight="bold", fontsize=9.5, pad=8)
    return figure


def _bars(axes: "Axes", incoming: npt.NDArray[np.int64]) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.bar(range(len(incoming)), incoming, 0.8, color=style.shades()(1.0))
    axes.set_ylabel("edges in")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y")
    axes.tick_params(labelbottom=False)


def _cells(axes: "Axes", probability_DD: Floats, edges_DD: Bools, labels: Sequence[str]) -> None:
    if labels:
        axes.imshow(probability_DD, cmap=style.shades(), vmin=0, vmax=1, interpolation="nearest", aspect="auto")
    rows, columns = np.nonzero(edges_DD)
    axes.scatter(columns, rows, s=4, color=style.INK, linewidths=0, gid="edges")
    axes.set_xticks(range(len(labels)), labels, rotation=90, fontsize=6)
    axes.set_yticks(range(len(labels)), labels, fontsize=6)
    axes.set_xlabel("then (y_j)")
    axes.set_ylabel("given (y_i)")


def _scale(figure: "Figure", axes: "Axes") -> None:
    from matplotlib.patches import Patch

    scale = figure.colorbar(axes.images[0], ax=axes, location="right", aspect=40, shrink=0.6, pad=0.01)
    scale.set_label("p(column | row)")
    scale.ax.spines["outline"].set_visible(False)
    figure.legend(
        handles=[Patch(color=style.UNKNOWN, label="unknown: row never present where column is annotated")],
        loc="outside lower right",
        fontsize=7,
    )
