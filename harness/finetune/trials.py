"""The trials of a grid on disk: one rate each, trained once. No torch here.

OUT/settings.json                what all trials share; the folder belongs to it
OUT/trials/RATE/trial.json       one Trial, written as a whole; what exists is not run again
OUT/trials/RATE/learnt.safetensors, checkpoints/    of the best trial so far; of a trial under way
OUT/trials.csv, OUT/trials.md    the table
"""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from harness.errors import ConfigError, StoreError
from harness.records import Record
from harness.store import write_atomically
from harness.trials import Share, differences

COLUMNS = ("learning rate", "best", "validation accuracy", "at step", "steps", "minutes")


class Evaluation(Record):
    """One look at the validation faces."""

    step: int
    accuracy: Share
    loss: float | None = None
    """Mean training loss since the look before."""


class Trial(Record):
    """One rate of the grid."""

    rate: float = Field(gt=0)
    accuracy: Share
    """The best on the validation faces: the mean over the questions."""
    by_question: dict[str, Share]
    """At the same step."""
    best_step: int
    steps: int
    """Until training ended or stopped early."""
    seconds: float = Field(ge=0)
    """Of the last process that worked at it, from its start or resumption."""
    learning: int
    """Numbers that learn."""
    history: tuple[Evaluation, ...] = ()


class Grid:
    """The folder of one fine-tuning."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.model = out / "model"

    def claim(self, settings: Mapping[str, Any], first: bool) -> None:
        """Make the folder this fine-tuning's own.

        Raises:
            ConfigError: it holds one with other settings, whose trials would be taken for its own.
        """
        file, own = self.out / "settings.json", json.dumps(settings, indent=1, sort_keys=True) + "\n"
        if file.is_file() and (old := file.read_text(encoding="utf-8")) != own:
            raise ConfigError(
                f"{self.out} holds a fine-tuning with other settings ({differences(json.loads(old), json.loads(own))})"
                ": choose another folder with --out."
            )
        if first:
            self.out.mkdir(parents=True, exist_ok=True)
            write_atomically(file, own)

    def folder(self, rate: float) -> Path:
        """Of a trial."""
        return self.out / "trials" / f"{rate:g}"

    def find(self, rate: float) -> Trial | None:
        """The trial with this rate, if it is finished.

        Raises:
            StoreError: its file is damaged.
        """
        file = self.folder(rate) / "trial.json"
        if not file.is_file():
            return None
        try:
            return Trial.model_validate_json(file.read_bytes())
        except ValidationError as error:
            raise StoreError(
                f"{file} is damaged: {error.errors()[0]['msg']}. Remove it; the trial is run again."
            ) from error

    def write(self, trial: Trial) -> None:
        """Keep a finished trial."""
        self.folder(trial.rate).mkdir(parents=True, exist_ok=True)
        write_atomically(self.folder(trial.rate) / "trial.json", trial.model_dump_json(indent=1) + "\n")

    def all(self, rates: Sequence[float]) -> list[Trial]:
        """Those of these rates that are finished."""
        return [trial for rate in rates if (trial := self.find(rate))]

    def write_table(self, trials: Sequence[Trial]) -> None:
        """trials.csv and trials.md."""
        rows = table(trials)
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([COLUMNS, *rows])
        write_atomically(self.out / "trials.csv", text.getvalue())
        lines = [COLUMNS, ("---",) * len(COLUMNS), *rows]
        write_atomically(self.out / "trials.md", "".join(f"| {' | '.join(line)} |\n" for line in lines))


def best(trials: Sequence[Trial]) -> Trial:
    """The one with the highest validation accuracy; of equal ones the first of the grid."""
    return max(trials, key=lambda trial: trial.accuracy)


def table(trials: Sequence[Trial]) -> list[tuple[str, ...]]:
    """A row per trial, in the order of COLUMNS."""
    chosen = best(trials).rate if trials else None
    return [
        (
            f"{trial.rate:g}",
            "best" if trial.rate == chosen else "",
            f"{trial.accuracy:.4f}",
            str(trial.best_step),
            str(trial.steps),
            f"{trial.seconds / 60:.1f}",
        )
        for trial in trials
    ]
