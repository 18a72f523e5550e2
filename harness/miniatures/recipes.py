"""Recipes of miniatures: a folder of TOML files, each named after its model."""

import tomllib
from pathlib import Path
from typing import Any, NamedTuple

from harness.errors import UnknownNameError


class Recipes(NamedTuple):
    """Those in one folder."""

    folder: Path

    def names(self) -> tuple[str, ...]:
        """All models that have a recipe there."""
        return tuple(sorted(path.stem for path in self.folder.glob("*.toml")))

    def read(self, name: str) -> dict[str, Any]:
        """The recipe of a model.

        Raises:
            UnknownNameError: there is no such recipe.
        """
        if name not in self.names():
            raise UnknownNameError.of("miniature", name, self.names(), "`python -m harness.miniatures --help`")
        return tomllib.loads((self.folder / f"{name}.toml").read_text(encoding="utf-8"))
