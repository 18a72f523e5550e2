"""Rules between characteristics as data (rules.toml), and how often 0/1 labels break them. No torch here.

An exclusion says: where its premise is present, none of what it excludes is. A group says: at least one of its members
is present. Both are applied as far as a face is annotated:

* an exclusion counts where its premise and something of what it excludes are annotated; the rest of it is passed over;
* a group counts where all of its members are annotated, for one that is not could be the one that is present.

Labels that break an exclusion are impossible, labels that break a group are incomplete.

Shapes: N faces, K characteristics, R exclusions, G groups, M = R + G rules, the exclusions first.
"""

import tomllib
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field, ValidationError

from harness.errors import ConfigError
from harness.records import Record

FILE = Path(__file__).parent / "rules.toml"

Bools = npt.NDArray[np.bool_]


class Exclusion(Record):
    """Where the premise is present, none of these is."""

    name: str
    premise: str
    excludes: tuple[str, ...] = Field(min_length=1)

    @property
    def words(self) -> str:
        """The rule as a person reads it."""
        return f"{self.premise}: not {', '.join(self.excludes)}"


class AtLeastOne(Record):
    """One or more of these are present."""

    name: str
    members: tuple[str, ...] = Field(min_length=1)
    soft: bool = False
    """Often broken by ground truth: it is counted and never trained."""

    @property
    def words(self) -> str:
        """The rule as a person reads it."""
        return f"at least one of {', '.join(self.members)}"


class Table(NamedTuple):
    """Rules as columns of a label space."""

    premise: npt.NDArray[np.int64]
    """[R], the column of each premise."""
    excludes: Bools
    """[R, K]."""
    members: Bools
    """[G, K]."""


class Rules(Record):
    """A set of rules."""

    exclusions: tuple[Exclusion, ...] = ()
    at_least_one: tuple[AtLeastOne, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the M rules."""
        return (*(rule.name for rule in self.exclusions), *(rule.name for rule in self.at_least_one))

    def hard(self) -> "Rules":
        """The rules that may be trained."""
        return Rules(exclusions=self.exclusions, at_least_one=tuple(one for one in self.at_least_one if not one.soft))

    def within(self, labels: Collection[str]) -> "Rules":
        """The rules as far as they speak of these labels; without its premise or a member of its group, a rule goes."""
        exclusions = [
            rule.model_copy(update={"excludes": kept})
            for rule in self.exclusions
            if rule.premise in labels and (kept := tuple(one for one in rule.excludes if one in labels))
        ]
        groups = [rule for rule in self.at_least_one if set(rule.members) <= set(labels)]
        return Rules(exclusions=tuple(exclusions), at_least_one=tuple(groups))

    def table(self, labels: Sequence[str]) -> Table:
        """The rules over the columns of these K labels.

        Raises:
            ConfigError: a rule speaks of a label that is not among them.
        """
        column = {label: index for index, label in enumerate(labels)}
        spoken = [(rule.name, label) for rule in self.exclusions for label in (rule.premise, *rule.excludes)]
        spoken += [(rule.name, label) for rule in self.at_least_one for label in rule.members]
        if unknown := [(rule, label) for rule, label in spoken if label not in column]:
            raise ConfigError("rule '{}' speaks of '{}', which is no label of this space.".format(*unknown[0]))
        return Table(
            premise=np.array([column[rule.premise] for rule in self.exclusions], dtype=np.int64),
            excludes=_marked([rule.excludes for rule in self.exclusions], column),
            members=_marked([rule.members for rule in self.at_least_one], column),
        )


class Broken(Record):
    """How often one rule was broken."""

    rule: str
    checked: int
    """Faces annotated well enough for the rule to be looked at."""
    applied: int
    """Of these, the faces on which an exclusion's premise is present; all of them for a group."""
    broken: int

    @property
    def rate(self) -> float | None:
        """Broken of checked; None where nothing was checked."""
        return self.broken / self.checked if self.checked else None

    @property
    def rate_applied(self) -> float | None:
        """Broken of applied; None where the rule never applied."""
        return self.broken / self.applied if self.applied else None


class Tally(Record):
    """How often rules are broken in a set of faces."""

    faces: int
    rules: tuple[Broken, ...]
    impossible: int
    """Faces that break at least one exclusion."""
    incomplete: int
    """Faces that break at least one group."""


def load_rules(file: Path = FILE) -> Rules:
    """Read a file of rules.

    Raises:
        ConfigError: it is absent or malformed.
    """
    try:
        return Rules.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"the rules in {file} cannot be read: {error}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ConfigError(f"the rules in {file} are malformed at {place}: {first['msg']}.") from error


def tally(rules: Rules, labels: Sequence[str], labels_NK: Bools, mask_NK: Bools) -> Tally:
    """Count broken rules in 0/1 labels: ground truth, or thresholded predictions.

    Args:
        rules: soft groups are counted as well.
        labels: the names of the K columns.
        labels_NK: true where present; what it holds where nothing is annotated is ignored.
        mask_NK: true where annotated; for predictions, where there is one.

    Raises:
        ConfigError: a rule speaks of another label.
    """
    table = rules.table(labels)
    present_NK = labels_NK & mask_NK
    checked_NR = mask_NK[:, table.premise] & (mask_NK @ table.excludes.T)  # of bools, @ is "any"
    applied_NR = checked_NR & present_NK[:, table.premise]
    checked_NG = ~(~mask_NK @ table.members.T)
    broken_NR = applied_NR & (present_NK @ table.excludes.T)
    broken_NG = checked_NG & ~(present_NK @ table.members.T)
    columns = zip(
        rules.names,
        np.hstack([checked_NR, checked_NG]).sum(0).tolist(),
        np.hstack([applied_NR, checked_NG]).sum(0).tolist(),
        np.hstack([broken_NR, broken_NG]).sum(0).tolist(),
        strict=True,
    )
    return Tally(
        faces=len(labels_NK),
        rules=tuple(Broken(rule=rule, checked=seen, applied=held, broken=bad) for rule, seen, held, bad in columns),
        impossible=int(broken_NR.any(1).sum()),
        incomplete=int(broken_NG.any(1).sum()),
    )


def _marked(groups: Sequence[Sequence[str]], column: dict[str, int]) -> Bools:
    """One row per group, true in the columns of its labels."""
    marked = np.zeros((len(groups), len(column)), dtype=bool)
    for row, group in enumerate(groups):
        marked[row, [column[label] for label in group]] = True
    return marked
