"""One loader per dataset: each reads the official layout from disk and returns faces, never pixels."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from harness.errors import DataError, UnknownNameError
from tasks.datasets import celeba, expw, fairface, maad, rafdb, utkface
from tasks.datasets.faces import Faces
from tasks.datasets.index import Index, Loader
from tasks.datasets.options import DataOptions
from tasks.datasets.sources import SOURCES

__all__ = ["LOADERS", "SOURCES", "DataOptions", "Faces", "load", "open_index", "require"]

LOADERS: dict[str, Loader] = {
    one.name: one for one in (celeba.LOADER, maad.LOADER, fairface.LOADER, utkface.LOADER, expw.LOADER, rafdb.LOADER)
}
"""Name of the dataset, which is also its folder under the data root -> how it is read."""


def open_index(name: str, folder: Path, options: DataOptions | None = None) -> Index:
    """All faces of a dataset.

    Args:
        name: such as "celeba".
        folder: of the dataset, such as DATA/celeba.
        options: the user's choices; by default those of the project's protocol.

    Raises:
        UnknownNameError: there is no such dataset.
        DataError: a file is missing, cut off or holds an impossible value.
        ConfigError: a list of splits cannot be read, or the cache cannot be written.
    """
    return _loader(name).index(folder, options or DataOptions())


def load(name: str, folder: Path, split: str, options: DataOptions | None = None) -> Faces:
    """The faces of one split, which may be none.

    Raises:
        UnknownNameError: there is no such dataset or split.
        DataError: as `open_index`, or the files of this split are not there.
        ConfigError: as `open_index`.
    """
    loader, options = _loader(name), options or DataOptions()
    if options.of(name).split is None:  # a list of the user's may have splits that the set has not
        loader.source.check_split(split)
    return loader.index(folder, options).faces(split)


def _loader(name: str) -> Loader:
    if name not in LOADERS:
        raise UnknownNameError.of("dataset", name, LOADERS, "docs/datasets.md")
    return LOADERS[name]


def require(root: Path, names: Iterable[str], go_on: Callable[[Sequence[str]], str]) -> None:
    """Find all datasets that are missing at once, before hours are spent on those that are there.

    Args:
        root: the folder of the datasets' folders.
        names: of the datasets that are wanted.
        go_on: says how to go on with those that are there.

    Raises:
        DataError: some are absent; the message has a line for each, with how it is obtained.
    """
    wanted = tuple(names)
    here = [name for name in wanted if (root / name).is_dir() and any((root / name).iterdir())]
    if missing := [name for name in wanted if name not in here]:
        said = [
            f"  {root / name} ({SOURCES[name].title}) is absent or empty. {SOURCES[name].obtain}" for name in missing
        ]
        cure = f" {go_on(here)}" if here else ""
        head = f"{len(missing)} of {len(wanted)} datasets are missing:"
        foot = f"`python -m harness data check --data {root}` tells more, docs/datasets.md shows the layouts.{cure}"
        raise DataError("\n".join([head, *said, foot]))
