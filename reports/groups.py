"""Accuracy by group of faces: a chart of each column, tables of columns together, and the largest gaps."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.findings import Findings
from reports import style
from reports.gallery import short
from reports.pairs import chance
from reports.tables import Cell
from tasks.groups import Gap, Group, Split

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SMALL = 12
"""Rows of groups too small to compare that are shown; gender x race x age has a hundred."""
_ROW, _BAND = 0.42, 0.72
"""Inches of a group's row, and the part of it that the models' dots fill."""
_WIDTH, _FOOT, _LETTER = 9.2, 0.3, 0.075
"""Inches of the chart, of what is below its rows, and of a letter before them."""
_LONGEST = 30
"""Characters of a name that the chart has room for."""


@dataclass(frozen=True)
class GroupRow:
    """One group: a cell per model."""

    name: str
    n: int
    """Scored faces, of the model that has most."""
    cells: tuple[Cell, ...]
    compared: bool


@dataclass(frozen=True)
class GroupTable:
    """The groups by one or more columns; those large enough to compare come first."""

    name: str
    models: tuple[str, ...]
    rows: tuple[GroupRow, ...]
    gaps: tuple[Cell, ...]
    """A cell per model."""
    compared: int
    small: int
    """Groups too small to compare."""
    more: int
    """Those of them that are not shown."""


def tables(found: Findings) -> tuple[GroupTable, ...]:
    """A table for every way of grouping; none where samples have no group columns."""
    return tuple(_table(columns, splits) for columns, splits in _by_columns(found).items())


def named(values: Sequence[str]) -> str:
    """Several columns' values on one line."""
    return " · ".join(value.replace("_", " ") for value in values)


def singles(found: Findings) -> list[dict[str, Split]]:
    """Model -> split by one column, for each column."""
    return [splits for columns, splits in _by_columns(found).items() if len(columns) == 1]


def dots(by_column: Sequence[Mapping[str, Split]], colours: Mapping[str, str]) -> "Figure":
    """Accuracy in percent: a row per group, a dot per model with its 95 % interval; small groups are hollow.

    Args:
        by_column: model -> split, for each column.
        colours: model -> colour, of all that were to be asked, in their order, which fixes their places.
    """
    from matplotlib.figure import Figure

    rows = _rows(by_column)
    with style.look():
        height = _FOOT + _ROW * len(rows)
        figure = Figure(figsize=(_WIDTH, height))
        # Not layout="constrained", which measures every name several times and takes as long as the drawing.
        left = (0.15 + _LETTER * max(map(len, rows.values()))) / _WIDTH
        axes = figure.add_axes((left, _FOOT / height, 0.985 - left, 1 - _FOOT / height))
        _marks(axes, [*_dots(by_column, rows, colours)])
        axes.set_yticks(range(len(rows)), list(rows.values()))
        for tick, (_, values) in zip(axes.get_yticklabels(), rows, strict=True):
            tick.set_fontweight("normal" if values else "bold")
        for row, (_, values) in enumerate(rows):
            axes.axhspan(row - 0.5, row + 0.5, color=style.INK, alpha=0.045 if values and row % 2 else 0, lw=0)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xticks(*style.percent_ticks())
        axes.set_xlim(-2, 102)
        axes.grid(axis="x")
        axes.spines["bottom"].set_visible(False)
    return figure


def dots_in_words(by_column: Sequence[Mapping[str, Split]]) -> str:
    """The alternative text of `dots`."""
    said = []
    for splits in by_column:
        for model, split in splits.items():
            shares = ", ".join(f"{named(group.values)} {style.percent(group.accuracy.value)}" for group in split.groups)
            said.append(f"{model} by {named(split.columns)}: {shares}")
    return "Accuracy by group in percent. " + "; ".join(said) + "."


def _by_columns(found: Findings) -> dict[tuple[str, ...], dict[str, Split]]:
    """Columns -> model -> split; a model all of whose requests failed has no groups, and is left out."""
    by_columns: dict[tuple[str, ...], dict[str, Split]] = {}
    for model, splits in found.splits.items():
        for split in (one for one in splits if one.groups):
            by_columns.setdefault(split.columns, {})[model] = split
    return by_columns


def _values(splits: Mapping[str, Split]) -> tuple[tuple[str, ...], ...]:
    """The groups that some model has, in the order of the findings."""
    longest = sorted(splits.values(), key=lambda split: -len(split.groups))
    return tuple(dict.fromkeys(group.values for split in longest for group in split.groups))


def _table(columns: Sequence[str], splits: Mapping[str, Split]) -> GroupTable:
    own = {model: {group.values: group for group in split.groups} for model, split in splits.items()}
    rows = [_row(values, [groups.get(values) for groups in own.values()]) for values in _values(splits)]
    large, small = [row for row in rows if row.compared], [row for row in rows if not row.compared]
    return GroupTable(
        name=" × ".join(column.replace("_", " ") for column in columns),
        models=tuple(splits),
        rows=(*large, *small[:SMALL]),
        gaps=tuple(_gap(split.gap) for split in splits.values()),
        compared=len(large),
        small=len(small),
        more=max(0, len(small) - SMALL),
    )


def _row(values: Sequence[str], groups: Sequence[Group | None]) -> GroupRow:
    there = [group for group in groups if group]
    n = max(group.n for group in there)
    return GroupRow(named(values), n, tuple(map(_share, groups)), any(group.compared for group in there))


def _share(group: Group | None) -> Cell:
    if group is None:
        return Cell(style.MISSING)
    value, low, high = (style.percent(x) for x in (group.accuracy.value, group.accuracy.low, group.accuracy.high))
    return Cell(value, group.accuracy.value, f"{low}, {high}")


def _gap(gap: Gap | None) -> Cell:
    if gap is None:
        return Cell(style.MISSING)
    size, low, high = (style.percent(x) for x in (gap.size.value, gap.size.low, gap.size.high))
    ends = short(f"{named(gap.highest)} over {named(gap.lowest)}") if gap.size.value else "all alike"
    return Cell(
        size,
        gap.size.value,
        f"{low}, {high}",
        notes=(ends, f"chance {style.percent(gap.chance)}", f"p {chance(gap.p).text}"),
    )


def _rows(by_column: Sequence[Mapping[str, Split]]) -> dict[tuple[int, tuple[str, ...]], str]:
    """(place of a column, values of a group) -> what stands before its row; no values: the heading of the column."""
    rows: dict[tuple[int, tuple[str, ...]], str] = {}
    for column, splits in enumerate(by_column):
        title = named(next(iter(splits.values())).columns)
        rows[column, ()] = f"{style.visible(title)[:_LONGEST]} (faces)"
        every = sorted((group for split in splits.values() for group in split.groups), key=lambda group: group.n)
        sizes = {group.values: group.n for group in every}  # of the model that has most
        rows |= {
            (column, values): f"{style.visible(named(values))[:_LONGEST]} ({sizes[values]:,})"
            for values in _values(splits)
        }
    return rows


def _dots(
    by_column: Sequence[Mapping[str, Split]], rows: Iterable[tuple[int, tuple[str, ...]]], colours: Mapping[str, str]
) -> Iterator[tuple[float, str, Group]]:
    """Height, colour and group of every dot."""
    place = {row: height for height, row in enumerate(rows)}
    for number, model in enumerate(colours):
        shift = _BAND * ((number + 0.5) / len(colours) - 0.5)
        for column, splits in enumerate(by_column):
            for group in splits[model].groups if model in splits else ():
                yield place[column, group.values] + shift, colours[model], group


def _marks(axes: "Axes", dots: Sequence[tuple[float, str, Group]]) -> None:
    """All dots as one collection and all intervals as another: an artist each would take seconds."""
    from matplotlib.colors import to_rgba

    ys, colours, groups = zip(*dots, strict=True)
    shares = [group.accuracy for group in groups]
    pairs = list(zip(colours, groups, strict=True))
    edges = [to_rgba(colour, 1.0 if group.compared else 0.4) for colour, group in pairs]
    faces = [to_rgba(colour, 1.0 if group.compared else 0.0) for colour, group in pairs]
    axes.hlines(ys, [100 * one.low for one in shares], [100 * one.high for one in shares], colors=edges, lw=0.9)
    axes.scatter([100 * one.value for one in shares], ys, s=12, c=faces, edgecolors=edges, linewidths=0.8, zorder=3)
