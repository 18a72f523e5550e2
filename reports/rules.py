"""Which rules the replies break: pairs of attributes that exclude each other, beside the annotations' own rate."""

from dataclasses import dataclass

from harness.findings import Findings, Rule
from reports.tables import Cell, number, spanned


@dataclass(frozen=True)
class RuleRow:
    """One rule: a rate per model, and that of the annotations of the samples which they answered."""

    name: str
    cells: tuple[Cell, ...]
    gold: Cell
    """A range where models answered different samples; a dash where annotations cannot break it."""


@dataclass(frozen=True)
class RuleTable:
    """The most broken rules first."""

    models: tuple[str, ...]
    answered: tuple[int, ...]
    rows: tuple[RuleRow, ...]
    broken: int
    """Rules that some reply breaks."""
    rules: int


def table(found: Findings) -> RuleTable | None:
    """The rules of a question; None where it has none, or no reply answers it."""
    models = tuple(model for model, answered in found.answered.items() if answered)
    if not found.rules or not models:
        return None
    rules = sorted(found.rules, key=lambda rule: -max(rule.broken[model] / found.answered[model] for model in models))
    return RuleTable(
        models=models,
        answered=tuple(found.answered[model] for model in models),
        rows=tuple(_row(rule, models, found) for rule in rules),
        broken=sum(any(rule.broken.values()) for rule in rules),
        rules=len(rules),
    )


def _row(rule: Rule, models: tuple[str, ...], found: Findings) -> RuleRow:
    first, second = (label.replace("_", " ") for label in rule.labels)
    cells = tuple(number(rule.broken[model] / found.answered[model]) for model in models)
    if first == second:
        return RuleRow(f"{first}: said and denied", cells, number(None))
    rates = [rule.gold[model] / found.answered[model] for model in models]
    return RuleRow(f"{first} + {second}", cells, spanned(rates))
