"""Prompt sensitivity as rows and as a figure: numbers formatted; how they look is the template's business."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.records import Estimate
from reports import style
from reports.load import Question, Run
from reports.sensitivity import Sensitivity, measure
from reports.tables import Cell, scores_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DODGE = 0.5
"""Part of a variant's place over which the models' dots are spread, so that their intervals do not hide each other."""


@dataclass(frozen=True)
class Line:
    """One model."""

    name: str
    colour: str
    scores: tuple[Cell, ...]
    """Accuracy under each variant, with the difference to the first one."""
    spread: Cell
    f1_spread: Cell
    changed: Cell
    kappa: str
    n: int


@dataclass(frozen=True)
class Block:
    """One question of which the run holds several variants."""

    plain: str
    variants: tuple[Question, ...]
    found: Mapping[str, Sensitivity]
    """Model -> what was measured; models that answered fewer than two variants are left out."""
    lines: tuple[Line, ...]
    missing: tuple[str, ...]
    """Models that cannot be compared yet."""
    constant: float | None
    """Accuracy of the constant answer."""
    units: str


def blocks(run: Run) -> list[Block]:
    """A block for each question that the run holds under several wordings, in the order of the page."""
    return [_block(run, plain, tuple(group)) for plain, group in run.wordings().items() if len(group) > 1]


def _block(run: Run, plain: str, variants: tuple[Question, ...]) -> Block:
    found = {model: one for model in run.models if (one := measure(run, model, variants)) is not None}
    colours = style.model_colours(run.models)
    names = [asked.variant for asked in variants]
    first = next(iter(scores_of(run, variants[0].name).values()), None)
    return Block(
        plain=plain,
        variants=variants,
        found=found,
        lines=tuple(_line(one, colours[model], names) for model, one in found.items()),
        missing=tuple(model for model in run.asked(variants[0].name) if model not in found),
        constant=first.baseline.get("accuracy") if first else None,
        units=next((one.units for one in found.values()), "images"),
    )


def _line(found: Sensitivity, colour: str, variants: Sequence[str]) -> Line:
    return Line(
        name=found.model,
        colour=colour,
        scores=tuple(_score(found, variant) for variant in variants),
        spread=_estimate(found.spread),
        f1_spread=_estimate(found.f1_spread),
        changed=Cell(style.percent(found.changed), found.changed),
        kappa=style.MISSING if found.kappa is None else f"{found.kappa:.2f}",
        n=found.n,
    )


def _score(found: Sensitivity, variant: str) -> Cell:
    if variant not in found.accuracy:
        return Cell(style.MISSING)
    change = found.against_first.get(variant)
    return _estimate(found.accuracy[variant], (signed(change),) if change else ())


def _estimate(found: Estimate, notes: tuple[str, ...] = ()) -> Cell:
    return Cell(style.percent(found.value), found.value, _ends(found), notes=notes)


def signed(change: Estimate) -> str:
    """A difference of percents with its interval, such as "−3.1 [−5.0, −1.2]"."""
    sign = "+" if change.value > 0 else ""
    return f"{sign}{_minus(change.value)} [{_ends(change)}]"


def _ends(found: Estimate) -> str:
    return f"{_minus(found.low)}, {_minus(found.high)}"


def _minus(value: float) -> str:
    return style.percent(value).replace("-", "−")


def dots(block: Block, models: Sequence[str], name: str) -> "Figure":
    """Accuracy in percent: a dot per variant with its 95 % interval, a line per model, the constant answer dashed.

    Args:
        block: the question.
        models: all models of the run in order, which fixes place and colour.
        name: the heading.
    """
    from matplotlib.figure import Figure

    variants = [asked.variant for asked in block.variants]
    colours = style.model_colours(models)
    with style.look():
        figure = Figure(figsize=(4.6, 2.5), layout="constrained")
        axes = figure.add_subplot()
        for model, found in block.found.items():
            shift = DODGE * ((models.index(model) + 0.5) / len(models) - 0.5)
            places = [place for place, variant in enumerate(variants) if variant in found.accuracy]
            shown = [found.accuracy[variants[place]] for place in places]
            values = [100 * one.value for one in shown]
            whiskers = [[100 * (one.value - one.low) for one in shown], [100 * (one.high - one.value) for one in shown]]
            axes.errorbar(
                [place + shift for place in places], values, yerr=whiskers, color=colours[model], marker="o",
                markersize=4.2, lw=1.2, elinewidth=0.7, capsize=1.4, gid=f"line-{models.index(model)}",
            )  # fmt: skip
        if block.constant is not None:
            axes.axhline(100 * block.constant, ls="--", color=style.INK, lw=1.1, gid="baseline")
        axes.set_ylim(0, 103)
        axes.set_yticks(*style.percent_ticks())
        axes.set_xticks(range(len(variants)), list(map(style.visible, variants)))
        axes.set_xlim(-0.5, len(variants) - 0.5)
        axes.grid(axis="y")
        axes.set_title(style.visible(name), loc="left", fontweight="bold", fontsize=9.5, pad=8)
    return figure


def dots_in_words(block: Block, name: str) -> str:
    """The alternative text of `dots`."""
    said = [
        f"{model} " + ", ".join(f"{variant} {style.percent(one.value)}" for variant, one in found.accuracy.items())
        for model, found in block.found.items()
    ]
    return f"{name}: accuracy in percent under each wording. {'; '.join(said) or 'No scores yet'}."
