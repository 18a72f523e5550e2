"""What a reader of an ablation must know beside its numbers: what is lacking, and what was set."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from harness.trials import Trial
from reports import gallery
from reports.seeds import Condition

_ALIKE: dict[str, Callable[[Trial], str]] = {
    "test faces": lambda trial: f"{trial.faces:,}",
    "questions": lambda trial: " and ".join(trial.questions),
    "steps": lambda trial: f"{trial.steps:,}",
}
"""What all trials of a condition must share for their numbers to be comparable."""


def unfinished(condition: Condition) -> list[str]:
    """Sentences on what is lacking, and on trials that should not be compared."""
    planned = len(condition.seeds)
    ran = {variant: len(condition.trials.get(variant, {})) for variant in condition.variants}
    for base, at in condition.sweep().items():
        ran |= {f"{base} at ω = {omega:g}": len(at.get(omega, {})) for omega in sorted({*condition.asked.omegas, *at})}
    found = [f"{condition.name}: {name} has {n} of {planned} seeds." for name, n in ran.items() if n < planned]
    for name, read_one in _ALIKE.items():
        seen = sorted({read_one(trial) for trial in condition.all()})
        if len(seen) > 1:
            found.append(f"{condition.name}: trials differ in {name} ({', '.join(seen)}); do not compare them.")
    if condition.asked.omegas and not condition.sweep():
        found.append(f"{condition.name}: there is no sweep of ω yet.")
    return found


def settings(condition: Condition) -> dict[str, str]:
    """What was set: once where all trials agree, else by variant."""
    trials = sorted(condition.all(), key=lambda trial: trial.variant)
    first = trials[0]
    said = {"test faces": f"{first.faces:,}", "questions": ", ".join(first.questions)}
    for name in dict.fromkeys(name for trial in trials for name in trial.config):
        by_value: dict[str, list[Trial]] = {}
        for trial in trials:
            by_value.setdefault(_value(trial.config.get(name)), []).append(trial)
        said[name] = next(iter(by_value)) if len(by_value) == 1 else _by_variant(by_value)
    return {gallery.short(name): gallery.short(value, gallery.CUT) for name, value in said.items()}


def _by_variant(by_value: Mapping[str, Sequence[Trial]]) -> str:
    """Such as "0.8 (org+seg+corr), none (org, org+seg)"."""
    names = {value: ", ".join(sorted({trial.variant for trial in trials})) for value, trials in by_value.items()}
    return "; ".join(f"{value} ({name})" for value, name in names.items())


def _value(value: Any) -> str:
    if value is None:
        return "none"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
