"""What each model saw: how its pictures were prepared, and how many image tokens came of a request."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median_low
from typing import Any

from reports import style
from reports.gallery import Asked, short
from reports.load import Run, mapping

UNEVEN = 2
"""So many times as many image tokens on one dataset as on another are worth a sentence."""
UNRECORDED = "not recorded"


@dataclass(frozen=True)
class Spread:
    """Image tokens of several requests."""

    low: int
    middle: int
    """The median; of an even number of requests the lower of the two in the middle."""
    high: int

    @property
    def text(self) -> str:
        """Such as "64 / 256 / 1,296", or one number where all requests had as many."""
        numbers = (self.low, self.middle, self.high)
        return f"{self.low:,}" if self.low == self.high else " / ".join(f"{number:,}" for number in numbers)


@dataclass(frozen=True)
class Row:
    """One model."""

    model: str
    colour: str
    policy: str
    chosen: str
    """What was chosen in place of the model list's values; empty where nothing was."""
    all: Spread | None
    """None where no count is stored: a run of before there was one, or a model that looks at nothing."""
    requests: int
    """With a count."""
    datasets: tuple[Spread | None, ...]


@dataclass(frozen=True)
class Seen:
    """The table, and what must be said of it."""

    datasets: tuple[str, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]

    @property
    def any(self) -> bool:
        """Whether the run recorded anything of it."""
        return any(row.all or row.policy != UNRECORDED for row in self.rows)


def table(run: Run, asked: Sequence[Asked]) -> Seen:
    """Put together what was read of each question; a dataset's questions are counted together."""
    datasets = tuple(dict.fromkeys(one.question.dataset or one.question.name for one in asked))
    colours = style.model_colours(run.models)
    rows = tuple(_row(run, model, colours[model], datasets, asked) for model in run.models)
    return Seen(datasets, rows, (*_chosen_notes(rows), *_same_network(run), *_uneven(rows, datasets), *_unequal(rows)))


def spread(counts: Iterable[int]) -> Spread | None:
    """Lowest, middle and highest; None of nothing."""
    found = sorted(counts)
    return Spread(found[0], median_low(found), found[-1]) if found else None


def _row(run: Run, model: str, colour: str, datasets: Sequence[str], asked: Sequence[Asked]) -> Row:
    counts: dict[str, list[int]] = {name: [] for name in datasets}
    for one in asked:
        counts[one.question.dataset or one.question.name] += one.answers[model].image_tokens.values()
    every = [count for found in counts.values() for count in found]
    return Row(
        model=model,
        colour=colour,
        policy=_policy(run, model),
        chosen=_fields(mapping(run.manifest.policies.get(model))),
        all=spread(every),
        requests=len(every),
        datasets=tuple(map(spread, counts.values())),
    )


def _policy(run: Run, model: str) -> str:
    loaded = run.loaded(model)
    words = loaded.get("policy")
    return short(str(words), 600) if words else _fields(mapping(loaded.get("protocol"))) or UNRECORDED


def _chosen_notes(rows: Sequence[Row]) -> list[str]:
    return [
        f"{short(row.model)} was run with {row.chosen}, in place of what the model list or its checkpoint says: its "
        "numbers do not compare with those of runs without that choice."
        for row in rows
        if row.chosen
    ]


def _same_network(run: Run) -> list[str]:
    """A model and another checkpoint of it whose pictures were prepared differently."""
    notes, first = [], dict[str, str]()
    for model in run.models:
        other = first.setdefault(model.partition("@")[0], model)
        one, two = (mapping(run.loaded(name).get("protocol")) for name in (other, model))
        differ = [name for name in one if name in two and one[name] != two[name]]
        if differ:
            changes = ", ".join(f"{short(name)} {short(f'{one[name]} / {two[name]}')}" for name in differ)
            notes.append(f"{short(other)} and {short(model)} are one architecture under two policies: {changes}.")
    return notes


def _uneven(rows: Sequence[Row], datasets: Sequence[str]) -> list[str]:
    """Models whose typical request depends on the dataset: its pictures have another shape or size."""
    notes = []
    for row in rows:
        counted = [(found.middle, name) for found, name in zip(row.datasets, datasets, strict=True) if found]
        if not counted:
            continue
        (low, least), (high, most) = (pick(counted, key=lambda pair: pair[0]) for pick in (min, max))
        if high >= UNEVEN * low:
            first, last = (short(style.title("datasets", name)) for name in (least, most))
            notes.append(
                f"{short(row.model)} does not see all datasets alike: {low:,} image tokens of a typical {first} "
                f"request, {high:,} of one of {last}."
            )
    return notes


def _unequal(rows: Sequence[Row]) -> list[str]:
    """How far apart the typical requests are, where they are apart."""
    counted = [(row.all.middle, row.model) for row in rows if row.all]
    if len({count for count, _ in counted}) < 2:
        return []
    (low, least), (high, most) = (pick(counted, key=lambda pair: pair[0]) for pick in (min, max))
    return [
        f"The models do not see alike: the typical request comes with {low:,} image tokens to {short(least)} and with "
        f"{high:,} to {short(most)}. A difference in accuracy may be one in resolution."
    ]


def _fields(values: Mapping[str, Any]) -> str:
    return short(", ".join(f"{name} {value}" for name, value in values.items()), 600)
