"""Recipes of miniatures: a folder of TOML files, each named after its model."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from harness.errors import UnknownNameError


def names(folder: Path) -> tuple[str, ...]:
    """All models that have a recipe there."""
    return tuple(sorted(path.stem for path in folder.glob("*.toml")))


@cache
def read(folder: Path, name: str) -> dict[str, Any]:
    """The recipe of a model.

    Raises:
        UnknownNameError: there is no such recipe.
    """
    if name not in names(folder):
        raise UnknownNameError.of("miniature", name, names(folder), "`python -m harness.miniatures --help`")
    return tomllib.loads((folder / f"{name}.toml").read_text(encoding="utf-8"))
