"""One loader per dataset: each reads the official layout from disk and returns faces, never pixels."""

from collections.abc import Callable
from pathlib import Path

from tasks.datasets import celeba, expw, fairface, maad, rafdb, utkface
from tasks.datasets.base import Faces, Source

LOADERS: dict[str, Callable[[Path, str], Faces]] = {
    "celeba": celeba.load,
    "maad": maad.load,
    "fairface": fairface.load,
    "utkface": utkface.load,
    "expw": expw.load,
    "raf-db": rafdb.load,
}
"""Name of the dataset, which is also its folder under the data root -> load(folder, split)."""

SOURCES: dict[str, Source] = {
    "celeba": celeba.SOURCE,
    "maad": maad.SOURCE,
    "fairface": fairface.SOURCE,
    "utkface": utkface.SOURCE,
    "expw": expw.SOURCE,
    "raf-db": rafdb.SOURCE,
}
"""Name of the dataset -> its title, its splits and where it comes from."""
