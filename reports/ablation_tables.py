"""The tables of an ablation as plain rows, printed on the page by a template and in Markdown here."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from statistics import fmean

from harness.trials import Trial
from reports import seeds, style
from reports.seeds import MEASURES, Condition, Gain, Spread
from reports.tables import Cell

DIGITS = 2
"""Of a percentage: the paper's parts differ by less than one point."""
EMPTY = Cell(style.MISSING)


@dataclass(frozen=True)
class Line:
    """One row: what it is about, and its numbers."""

    name: str
    colour: str | None
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Table:
    """A table with its heading and what a reader must know of it."""

    title: str
    note: str
    head: tuple[str, ...]
    lines: tuple[Line, ...]


def levels(condition: Condition) -> Table:
    """Each variant: seeds run, every measure with its interval, steps and time."""
    colours = style.variant_colours(condition.variants)
    lines = tuple(Line(variant, colours[variant], _level(condition, variant)) for variant in condition.variants)
    return Table(
        "Variants",
        "Percent, mean over seeds [95 % t-interval over seeds]. Impossible: the prediction breaks an exclusion; "
        "incomplete: it leaves a group without a member; both are shares of the test faces, and less is better.",
        ("Variant", "Seeds", *(measure.title for measure in MEASURES), "Steps", "Seconds"),
        lines,
    )


def differences(condition: Condition) -> Table:
    """What each part gives over the one before it, and all together, with the verdict of the interval."""
    found = seeds.gains(condition)
    planned = len(condition.seeds)
    pairs = dict.fromkeys((gain.before, gain.after) for gain in found)
    colours = style.variant_colours(condition.variants)
    lines = [
        Line(
            f"{before} → {after}",
            colours[after],
            _step([g for g in found if (g.before, g.after) == (before, after)], planned),
        )
        for before, after in pairs
    ]
    return Table(
        "What each part gives",
        "Differences in percentage points, seed by seed, mean [95 % t-interval over seeds]. Better or worse only where "
        "the whole interval lies on one side of zero. Each verdict stands alone: of twenty made where nothing differs, "
        "about one is wrong. The interval knows how training varies with the seed, not how another set of test faces "
        "would differ.",
        ("Step", "Seeds", *(measure.title for measure in MEASURES)),
        tuple(lines),
    )


def omegas(condition: Condition) -> Table:
    """The sweep of omega (figure 8b), a row per base and omega."""
    sweep = condition.sweep()
    colours = style.variant_colours(tuple(dict.fromkeys((*condition.variants, *sweep))))
    lines = [
        Line(
            f"{base}, ω = {omega:g}",
            colours[base],
            (*_measured(points.values(), len(condition.seeds)), _over_zero(at, omega)),
        )
        for base, at in sweep.items()
        for omega, points in at.items()
    ]
    return Table(
        "Sweep of ω",
        "Percent, mean over seeds [95 % t-interval over seeds]. At ω = 0 the graph passes nothing on: the same "
        "parameters without their neighbours, which is the control for what the graph gives. The last column is the "
        "difference in accuracy to it, seed by seed.",
        ("Variant", "Seeds", *(measure.title for measure in MEASURES), "Accuracy over ω = 0"),
        tuple(lines),
    )


def labels(condition: Condition) -> Table:
    """Each label that varies: the constant answer, each variant's accuracy, and what all parts together give."""
    lines = tuple(Line(name, None, _label(condition, name)) for name in condition.labels())
    differences = ("Difference", "Difference in AP") if condition.pairs else ()
    return Table(
        "By attribute",
        "Accuracy in percent, mean over seeds. Differences: what all parts together give, in accuracy and in average "
        "precision (AP), with 95 % t-intervals. With so many rows, some verdicts are chance.",
        ("Attribute", "Constant", *condition.variants, *differences),
        lines,
    )


def rules(condition: Condition) -> Table:
    """Share of test faces that break each rule, of the rules that some variant breaks."""
    names = sorted({rule for trial in condition.all() for rule, share in trial.broken.items() if share > 0})
    lines = [Line(rule, None, _each(condition, seeds.rule_share(rule))) for rule in names]
    return Table(
        "Broken rules",
        "Percent of the test faces whose prediction breaks the rule, mean over seeds. A rule that no variant breaks is "
        "not listed.",
        ("Rule", *condition.variants),
        tuple(lines),
    )


def tables(condition: Condition) -> list[Table]:
    """Those that have rows, the most important first."""
    made = (differences(condition), levels(condition), omegas(condition), labels(condition), rules(condition))
    return [table for table in made if table.lines]


def _level(condition: Condition, variant: str) -> tuple[Cell, ...]:
    trials = list(condition.trials.get(variant, {}).values())
    steps = sorted({f"{trial.steps:,}" for trial in trials})
    seconds = Cell(f"{fmean(trial.seconds for trial in trials):,.0f}") if trials else EMPTY
    return (*_measured(trials, len(condition.seeds)), Cell(" / ".join(steps)) if steps else EMPTY, seconds)


def _measured(trials: Collection[Trial], planned: int) -> tuple[Cell, ...]:
    """How many of the seeds are run, then every measure over them."""
    found = [seeds.spread(x for t in trials if (x := measure.read(t)) is not None) for measure in MEASURES]
    return (Cell(f"{len(trials)} of {planned}", len(trials)), *map(_number, found))


def _over_zero(at: Mapping[float, Mapping[int, Trial]], omega: float) -> Cell:
    control, own = at.get(0.0, {}), at[omega]
    if omega == 0:
        return EMPTY
    return _told(seeds.spread(own[seed].accuracy - control[seed].accuracy for seed in own if seed in control))


def _step(gains: Sequence[Gain], planned: int) -> tuple[Cell, ...]:
    counted = len(gains[0].spread.values) if gains[0].spread else 0
    return (
        Cell(f"{counted} of {planned}", counted),
        *(_told(gain.spread, gain.measure.lower_is_better) for gain in gains),
    )


def _told(found: Spread | None, lower_is_better: bool = False) -> Cell:
    """A difference with its sign and its verdict, which is bold where the seeds tell the two apart."""
    cell, word = _number(found), seeds.verdict(found, lower_is_better)
    plus = "+" if found and round(found.mean, DIGITS + 2) > 0 else ""
    return replace(cell, text=f"{plus}{cell.text} {word}", best=word in ("better", "worse"))


def _label(condition: Condition, name: str) -> tuple[Cell, ...]:
    constant = seeds.spread(x for trial in condition.all() if (x := seeds.constant(name)(trial)) is not None)
    reads = (seeds.label_accuracy(name), seeds.label_precision(name))
    told = (_told(seeds.difference(condition, *pair, read)) for pair in condition.pairs[-1:] for read in reads)
    fixed = Cell(style.percent(constant.mean, DIGITS), constant.mean) if constant else EMPTY
    return (fixed, *_each(condition, seeds.label_accuracy(name)), *told)


def _each(condition: Condition, read: seeds.Read) -> tuple[Cell, ...]:
    """The mean of every variant, without its interval: a table of many rows."""
    found = (condition.spread(variant, read) for variant in condition.variants)
    return tuple(Cell(style.percent(x.mean, DIGITS), x.mean) if x else EMPTY for x in found)


def _number(found: Spread | None) -> Cell:
    if found is None:
        return EMPTY
    mean, low, high = (style.percent(x, DIGITS) for x in (found.mean, found.low, found.high))
    return Cell(mean, found.mean, f"{low}, {high}" if found.low is not None else "")


def markdown(table: Table) -> str:
    """The table in Markdown, under a heading of the third level."""
    rows = [[line.name, *map(_in_brackets, line.cells)] for line in table.lines]
    rule = ["---", *("---:" for _ in table.head[1:])]
    printed = (map(plain, table.head), rule, *(map(plain, row) for row in rows))
    body = "\n".join(f"| {' | '.join(row)} |" for row in printed)
    return f"### {table.title}\n\n{table.note}\n\n{body}\n"


def _in_brackets(cell: Cell) -> str:
    return f"{cell.text} ({cell.interval.replace(', ', ' to ')})" if cell.interval else cell.text


def plain(text: str) -> str:
    """Text that Markdown prints as it stands, on one line."""
    shown = escape(" ".join(style.visible(text).split()), quote=False)
    return "".join(f"\\{char}" if char in "\\`*_|#[]<>~$" else char for char in shown)
