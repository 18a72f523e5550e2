"""The trials of an ablation on disk: one variant of the model, trained on one seed and scored.

FOLDER/ablation.json                                 profile, title, command, versions, seeds, conditions
FOLDER/trials/<condition>.<variant>.s<seed>.json     one Trial each, written as a whole; what exists is not run again
FOLDER/report/                                       derived
"""

import json
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, field_validator

from harness.errors import StoreError
from harness.records import Record
from harness.store import quoted, write_atomically

VARIANTS = ("org", "org+seg", "org+seg+corr", "org+seg+corr+lgc")
"""The parts of section 4.5, each added to the one before."""
OMEGAS = (0.0, 0.2, 0.5, 0.8, 1.0)
"""The sweep of section 4.5 (figure 8b)."""
STANDARD = "standard"

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Asked(Record):
    """What an ablation is to run under one condition; by default all that the paper did."""

    variants: tuple[str, ...] = VARIANTS
    omegas: tuple[float, ...] = OMEGAS
    """Of the sweep; that of the full model itself may be among them or not."""


class Trial(Record):
    """One variant, trained on one seed and scored on the test faces. Shares are in [0, 1]."""

    variant: str = Field(min_length=1)
    """One of VARIANTS, `at_omega(...)` of one, or a name of your own."""
    condition: str = Field(default=STANDARD, min_length=1)
    """What makes the task hard, such as "few labels"; variants are compared within a condition only."""
    seed: int
    omega: float | None = Field(default=None, ge=0, le=1)
    """Of eq. 7; None where there is no graph."""
    questions: tuple[str, ...]
    faces: int = Field(ge=1)
    """Test faces."""
    accuracy: Share
    """Over all annotated (face, label) cells."""
    mean_average_precision: Share | None = None
    """Mean over the labels whose average precision is defined."""
    accuracy_by_label: dict[str, Share]
    precision_by_label: dict[str, Share] = Field(default_factory=dict)
    """Average precision; a label without a positive has none and is left out."""
    present_by_label: dict[str, Share] = Field(default_factory=dict)
    """Share of the annotated test faces that show the label: 0 or 1 is a label that does not vary."""
    impossible: Share
    """Share of test faces whose thresholded prediction breaks an exclusion."""
    incomplete: Share
    """Share of test faces whose thresholded prediction leaves a group without a member."""
    broken: dict[str, Share] = Field(default_factory=dict)
    """Rule -> share of test faces that break it."""
    steps: int = Field(ge=0)
    seconds: float = Field(ge=0, allow_inf_nan=False)
    config: dict[str, Any] = Field(default_factory=dict)
    """What was set, in JSON's types."""

    @field_validator("accuracy_by_label", "precision_by_label", mode="before")
    @classmethod
    def _defined(cls, values: Any) -> Any:
        """Leave out what is not a number: scikit-learn's average precision of a label without a positive."""
        if not isinstance(values, Mapping):
            return values
        return {name: x for name, x in values.items() if not isinstance(x, float) or isfinite(x)}

    @property
    def base(self) -> str:
        """The variant without its omega: "org+seg+corr" of "org+seg+corr@0.2"."""
        return self.variant.partition("@")[0]


def at_omega(variant: str, omega: float) -> str:
    """What a variant is called in the sweep of omega (figure 8b): "org+seg+corr+lgc@0.2"."""
    return f"{variant}@{omega:g}"


class Trials:
    """The trials of one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "trials"

    def file(self, condition: str, variant: str, seed: int) -> Path:
        """Where a trial lies. Dots within a name are quoted too, so two trials never share a file."""
        names = (quoted(name).replace(".", "%2E") for name in (condition, variant))
        return self.folder / f"{'.'.join(names)}.s{seed}.json"

    def find(self, condition: str, variant: str, seed: int, config: Mapping[str, Any] | None = None) -> Trial | None:
        """The trial if it was run before, else None.

        Args:
            condition: see Trial.
            variant: see Trial.
            seed: see Trial.
            config: what would be set now; None does not ask.

        Raises:
            StoreError: the file is damaged, or the trial was run with another config.
        """
        file = self.file(condition, variant, seed)
        if not file.exists():
            return None
        trial = self._read(file)
        if config is not None and (other := differences(trial.config, config)):
            raise StoreError(
                f"{file} was run with other settings ({other}). Remove it, or choose another folder for the new ones."
            )
        return trial

    def write(self, trial: Trial) -> Path:
        """Keep a finished trial; a crash leaves the whole file or none."""
        file = self.file(trial.condition, trial.variant, trial.seed)
        write_atomically(file, trial.model_dump_json(indent=1) + "\n")
        return file

    def read(self) -> list[Trial]:
        """All trials, in the order of their file names; none before the first.

        Raises:
            StoreError: a file is damaged, or holds another trial than its name says.
        """
        return [self._read(file) for file in sorted(self.folder.glob("*.json"))]

    def _read(self, file: Path) -> Trial:
        cure = "Remove it; the trial is run again."
        try:
            trial = Trial.model_validate_json(file.read_bytes())
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the file"
            raise StoreError(f"{file} is damaged: {where}: {first['msg']}. {cure}") from error
        if file != self.file(trial.condition, trial.variant, trial.seed):
            raise StoreError(
                f"{file} holds the trial {trial.condition}, {trial.variant}, seed {trial.seed}: it was renamed. {cure}"
            )
        return trial


def read_trials(folder: Path) -> list[Trial]:
    """All trials of an ablation's folder; see Trials.read."""
    return Trials(folder).read()


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """The settings that differ, such as "steps 400, now 800"; JSON knows no tuples, so both are seen through it."""
    new = json.loads(json.dumps(new))
    return "; ".join(
        f"{name} {old.get(name)}, now {new.get(name)}"
        for name in dict.fromkeys((*old, *new))
        if old.get(name) != new.get(name)
    )
