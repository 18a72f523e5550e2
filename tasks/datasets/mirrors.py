"""Which mirror of a dataset is meant, and which of its columns are what: from mirrors.toml and a user's words.

Only complete mirrors with the authors' names are known; of any other copy nothing is guessed.
"""

import shlex
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from harness.errors import ConfigError, UnknownNameError
from harness.records import Record
from tasks.datasets.layouts import LAYOUTS
from tasks.datasets.sources import SOURCES
from tasks.datasets.writing import Layout

HELP = "`python -m harness data fetch --help`"
_FILE = Path(__file__).parent / "mirrors.toml"
_MAAD = (
    "No mirror holds MAAD's labels. Put MAAD_Face.csv (release MAADFACE of github.com/pterhoer/MAAD-Face) into "
    "DATA/maad/, and VGGFace2's photographs beside it: `hf download ProgramComputer/VGGFace2 data/vggface2_test.tar.gz "
    "--repo-type dataset --local-dir DATA/maad`, then unpack the archive there, so that DATA/maad/test/n000001/ exists "
    "(vggface2_train.tar.gz, 38 GB, likewise for train/). VGGFace2 was withdrawn by its makers."
)


class Wish(Record):
    """What a user asked for, in the words of the command line."""

    dataset: str
    hub: str | None = None
    config: str | None = None
    revision: str | None = None
    splits: tuple[str, ...] = ()
    """HUB=OURS"""
    columns: tuple[str, ...] = ()
    """ROLE=COLUMN"""
    labels: tuple[str, ...] = ()
    """ROLE=name,name,..."""


class Mirror(Record):
    """A copy of a dataset, and what its columns are."""

    dataset: str
    repo: str
    """An id on the Hub, or a folder of this machine."""
    config: str | None
    revision: str | None
    splits: dict[str, str]
    """The mirror's name of a split -> the dataset's."""
    columns: dict[str, str]
    """Role -> column."""
    labels: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Role -> the names of its codes from 0; an empty name is a code that does not occur."""

    @property
    def words(self) -> str:
        """The options that say the same of a copy of it under another name."""
        same = {(role, role) for role in LAYOUTS[self.dataset].named}
        pairs = [("config", self.config)] if self.config else []
        pairs += [("split", f"{hub}={ours}") for hub, ours in self.splits.items()]
        pairs += [("column", f"{role}={name}") for role, name in self.columns.items() if (role, name) not in same]
        pairs += [("labels", f"{role}={','.join(names)}") for role, names in self.labels.items()]
        return " ".join(f"--{option} {shlex.quote(value)}" for option, value in pairs)


def licence(dataset: str) -> str:
    """What its authors ask of whoever uses the dataset.

    Raises:
        UnknownNameError, ConfigError: nothing can be fetched under this name.
    """
    _check(dataset)
    source = SOURCES[dataset]
    return f"{source.title} ({source.page}): {source.licence}."


def choose(wish: Wish) -> Mirror:
    """The mirror that is meant.

    Raises:
        UnknownNameError: there is no such dataset, split or role.
        ConfigError: something is missing, malformed or said twice.
    """
    _check(wish.dataset)
    known = _known().get(wish.dataset, {})
    if wish.hub not in (None, known.get("repo")):
        known = {}
    repo = wish.hub or known.get("repo")
    if repo is None:
        raise ConfigError(f"no complete mirror of {wish.dataset} is known. {_needed(wish.dataset)}")
    layout = LAYOUTS[wish.dataset]
    splits = _splits(wish, layout) or known.get("splits", {})
    columns = {role: role for role in layout.named} | known.get("columns", {}) | _pairs("column", "ROLE", wish.columns)
    if not splits:
        raise ConfigError(f"which splits of {repo} are wanted? {_needed(wish.dataset)}")
    _check_roles(wish.dataset, repo, layout, columns)
    return Mirror(
        dataset=wish.dataset,
        repo=repo,
        config=wish.config or known.get("config"),
        revision=wish.revision,
        splits=splits,
        columns=columns,
        labels=_labels(wish, layout),
    )


def _known() -> dict[str, Any]:
    return tomllib.loads(_FILE.read_text(encoding="utf-8"))


def _check(dataset: str) -> None:
    if dataset == "maad":
        raise ConfigError(_MAAD)
    if dataset not in LAYOUTS:
        raise UnknownNameError.of("dataset", dataset, [*LAYOUTS, "maad"], "docs/datasets.md")


def _needed(dataset: str) -> str:
    """How a mirror of which nothing is known is described."""
    layout = LAYOUTS[dataset]
    sets = [[f"--column {role}=COLUMN" for role in roles if role not in layout.named] for roles in layout.needs]
    ours = layout.splits[0] if len(layout.splits) == 1 else "|".join(layout.splits)
    return (
        f"Name it: --hub REPO --split HUB={ours} {', or '.join(' '.join(words) for words in sets)}. Nothing is guessed "
        "about a copy: look at its columns on the Hub."
    )


def _pairs(option: str, left: str, words: Sequence[str]) -> dict[str, str]:
    """The words of a repeatable option that joins two names."""
    pairs: dict[str, str] = {}
    for word in words:
        key, sign, value = (part.strip() for part in word.partition("="))
        if not (key and sign and value):
            raise ConfigError(f"--{option} {word!r} is not of the form {left}=NAME. {HELP} shows examples.")
        if key in pairs:
            raise ConfigError(f"--{option} {key} is given twice, as {pairs[key]!r} and as {value!r}. Say it once.")
        pairs[key] = value
    return pairs


def _splits(wish: Wish, layout: Layout) -> dict[str, str]:
    # A set without official splits has only one, and need not name it.
    alone = f"={layout.splits[0]}" if len(layout.splits) == 1 else ""
    pairs = _pairs("split", "HUB", [word if "=" in word else word + alone for word in wish.splits])
    for ours in pairs.values():
        if ours not in layout.splits:
            raise UnknownNameError.of(f"split of {wish.dataset}", ours, layout.splits, "docs/datasets.md")
    return pairs


def _labels(wish: Wish, layout: Layout) -> dict[str, tuple[str, ...]]:
    pairs = _pairs("labels", "ROLE", wish.labels)
    for role in pairs:
        if role not in layout.spaces:
            raise UnknownNameError.of("role with labels", role, layout.spaces, HELP)
    return {role: tuple(name.strip() for name in names.split(",")) for role, names in pairs.items()}


def _check_roles(dataset: str, repo: str, layout: Layout, columns: dict[str, str]) -> None:
    possible = {role for roles in layout.needs for role in roles} | set(layout.optional)
    for role in columns:
        if role not in possible:
            raise UnknownNameError.of(f"role of {dataset}", role, sorted(possible), HELP)
    if not any(set(roles) <= set(columns) <= {*roles, *layout.optional} for roles in layout.needs):
        given = ", ".join(role for role in columns if role not in layout.named) or "none"
        raise ConfigError(
            f"the columns of {repo} do not add up to a face of {dataset} (given: {given}). {_needed(dataset)}"
        )
