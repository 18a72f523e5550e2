"""What the answers cost: seconds, pictures a second and tokens, model by model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from reports import style
from reports.gallery import Asked, short
from reports.load import Cost, Run
from reports.tables import Cell

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class CostRow:
    """One model."""

    model: str
    colour: str
    device: str
    requests: int
    """Answered ones whose time is recorded."""
    median: Cell
    """Seconds a request."""
    slow: Cell
    """Its 95th percentile."""
    rate: Cell
    """Pictures a second, over all of them."""
    prompt_tokens: Cell
    """The median."""
    new_tokens: Cell
    """The median, with the sum."""


def table(run: Run, asked: Sequence[Asked]) -> tuple[CostRow, ...]:
    """A row for each model that has an answer with its time; put together from what was read of each question."""
    colours = style.model_colours(run.models)
    costs = {model: [cost for one in asked for cost in one.answers[model].costs.values()] for model in run.models}
    return tuple(_row(model, colours[model], _device(run, model), found) for model, found in costs.items() if found)


def bars(rows: Sequence[CostRow]) -> "Figure":
    """Seconds a request: a bar per model to the median, a line on to the 95th percentile."""
    from matplotlib.figure import Figure

    with style.look():
        figure = Figure(figsize=(7.4, 0.75 + 0.3 * len(rows)), layout="constrained")
        axes = figure.add_subplot()
        for place, row in enumerate(rows):
            median, slow = row.median.sort or 0.0, row.slow.sort or 0.0
            axes.barh(place, median, 0.62, color=row.colour).patches[0].set_gid(f"cost-{place}")
            axes.hlines([place], [median], [slow], colors=style.INK, lw=0.9)
            axes.plot([slow], [place], "|", color=style.INK, ms=5)
        axes.set_yticks(range(len(rows)), [style.visible(row.model) for row in rows])
        axes.set_ylim(len(rows) - 0.45, -0.55)
        axes.set_xlim(left=0)
        axes.set_xlabel("seconds a request")
        axes.grid(axis="x")
    return figure


def in_words(rows: Sequence[CostRow]) -> str:
    """The alternative text of `bars`."""
    said = (f"{row.model}: {row.median.text}, 95 of 100 under {row.slow.text}" for row in rows)
    return "Seconds a request. " + "; ".join(said) + "."


def _device(run: Run, model: str) -> str:
    fields = run.loaded(model)
    return short(", ".join(str(fields[name]) for name in ("engine", "device", "batch_size") if fields.get(name)))


def _row(model: str, colour: str, device: str, costs: Sequence[Cost]) -> CostRow:
    seconds = np.array([cost.seconds for cost in costs])
    median, slow = np.percentile(seconds, [50, 95]).tolist()
    total = float(seconds.sum())
    new = [cost.new_tokens for cost in costs if cost.new_tokens is not None]
    prompt = [cost.prompt_tokens for cost in costs if cost.prompt_tokens is not None]
    return CostRow(
        model=model,
        colour=colour,
        device=device or style.MISSING,
        requests=len(costs),
        median=_three(median),
        slow=_three(slow),
        rate=_three(len(costs) / total) if total else Cell(style.MISSING),
        prompt_tokens=_tokens(prompt),
        new_tokens=_tokens(new),
    )


def _three(value: float) -> Cell:
    """A number with three digits that count, and all before the point."""
    return Cell(f"{value:#.3g}" if value < 100 else f"{value:,.0f}", value)


def _tokens(counts: Sequence[int]) -> Cell:
    if not counts:
        return Cell(style.MISSING)
    middle = float(np.median(counts))
    return Cell(f"{middle:,.0f}", middle, notes=(f"{sum(counts):,} in all",))
