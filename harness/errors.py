"""Every error a user can meet, in one tree. Each message names the cause and the cure.

HarnessError              exit code 2, one line, no traceback
├── UnknownNameError      a model, task, space or option that does not exist
├── ConfigError           options that contradict each other, or a malformed file of settings
├── DataError             a dataset that is absent, incomplete or holds an impossible value
├── ImageError            one image that cannot be read; the run goes on without it
├── PromptError           a template that is missing or lacks a value
├── AdapterError          a model that cannot be loaded or prepared
├── BudgetError           what may be asked of an endpoint is used up; the run can go on with a larger budget
└── StoreError            a run folder that is locked, foreign or damaged
"""

from collections.abc import Iterable
from difflib import get_close_matches


class HarnessError(Exception):
    """The root: shown as one sentence, exit code 2."""


class UnknownNameError(HarnessError):
    """A name that is not in the list it was looked up in."""

    @classmethod
    def of(cls, kind: str, name: str, known: Iterable[str], cure: str) -> "UnknownNameError":
        """Say what is unknown, the nearest known name, and the command that lists all."""
        names = list(known)
        folded = {candidate.casefold(): candidate for candidate in names}
        near = get_close_matches(name.casefold(), folded, n=1, cutoff=0.5)
        guess = f" Did you mean '{folded[near[0]]}'?" if near else ""
        return cls(f"unknown {kind} '{name}'.{guess} {cure} lists all {len(names)}.")


class ConfigError(HarnessError):
    """Options that contradict each other, or a malformed file of settings."""


class DataError(HarnessError):
    """A dataset that is absent, incomplete or holds an impossible value."""


class ImageError(HarnessError):
    """One image that cannot be read."""


class PromptError(HarnessError):
    """A template that is missing or lacks a value."""


class AdapterError(HarnessError):
    """A model that cannot be loaded or prepared."""


class BudgetError(HarnessError):
    """What may be asked of an endpoint is used up; the run can go on with a larger budget."""


class StoreError(HarnessError):
    """A run folder that is locked, foreign or damaged."""
