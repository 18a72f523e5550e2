"""What is there of each dataset, and what is not: labels, pictures, counts against the published ones."""

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from harness.errors import DataError, ImageError, UnknownNameError
from harness.images import read
from harness.records import ImageRef, Record
from tasks.datasets import SOURCES, DataOptions, Faces, open_index
from tasks.datasets.index import Index
from tasks.datasets.provenance import Fetched, read_provenance
from tasks.labels import label_space
from tasks.toy import STAMP

State = Literal["found", "incomplete", "missing"]
SHOWN = 5
"""So many absent or broken pictures are named."""
_FOLDERS = 64
"""So many listings of folders are kept: pictures of one identity stand together, those of one label may not."""
_READERS, _BLOCK = 4, 4096
"""Threads that decode, and pictures handed to them at once."""


class SplitFound(Record):
    """One split as it lies on disk."""

    faces: int
    published: int | None = None
    """How many its makers counted; None where the split is no official one."""
    absent: int = 0
    """Faces whose picture is not there."""
    broken: int | None = None
    """Faces whose picture cannot be read; None where nobody looked."""
    examples: tuple[str, ...] = ()
    """A sentence for each of the first absent or broken pictures."""


class Checked(Record):
    """What there is of one dataset."""

    name: str
    state: State
    toy: bool = False
    """Drawn by this project, so that published counts say nothing."""
    mirror: str = ""
    """The repository it was fetched from, if `data fetch` did it."""
    reasons: tuple[str, ...] = ()
    """Why it is not whole."""
    notes: tuple[str, ...] = ()
    """What is not there and hurts no evaluation."""
    splits: dict[str, SplitFound] = Field(default_factory=dict)
    dropped: dict[str, int] = Field(default_factory=dict)
    repaired: dict[str, int] = Field(default_factory=dict)
    labels: dict[str, dict[str, int]] = Field(default_factory=dict)
    """Label space -> label -> faces of all splits that have it."""

    @property
    def usable(self) -> bool:
        """Whether a run can ask about its test split."""
        return "test" in self.splits and self.splits["test"].faces > 0


def check(name: str, root: Path, options: DataOptions | None = None, decode: bool = False) -> Checked:
    """Look at one dataset under a data root.

    Args:
        name: of the dataset.
        root: the folder of the datasets' folders.
        options: the user's choices.
        decode: whether every picture is read, which takes minutes to hours; else only their names are looked at.

    Raises:
        UnknownNameError: there is no such dataset.
    """
    if name not in SOURCES:
        raise UnknownNameError.of("dataset", name, SOURCES, "docs/datasets.md")
    folder = root / name
    if not folder.is_dir() or not any(folder.iterdir()):
        return Checked(name=name, state="missing", reasons=(f"{folder} is absent or empty.",))
    try:
        index = open_index(name, folder, options)
    except DataError as error:
        return Checked(name=name, state="incomplete", reasons=(str(error),))
    fetched = read_provenance(folder)
    splits = {split: _split(index, split, decode) for split in index.splits if split not in index.absent}
    toy = (folder / STAMP).is_file()
    reasons = [index.absent["test"]] if "test" in index.absent else []
    reasons += [*_unfinished(name, fetched), *_gaps(index, splits, toy)]
    everything = index.faces()
    return Checked(
        name=name,
        state="incomplete" if reasons else "found",
        toy=toy,
        mirror=fetched.repo if fetched else "",
        reasons=tuple(reasons),
        notes=tuple(f"{split} is not there; it is needed only to train." for split in index.absent if split != "test"),
        splits=splits,
        dropped=everything.tally.dropped,
        repaired=everything.tally.repaired,
        labels={space: distribution(everything, space) for space in index.columns.spaces},
    )


def distribution(faces: Faces, space: str) -> dict[str, int]:
    """Label -> number of faces that have it."""
    labels, codes = label_space(space).labels, faces.codes(space)
    counts = (codes > 0).sum(0) if codes.ndim > 1 else np.bincount(codes, minlength=len(labels))
    return dict(zip(labels, counts.tolist(), strict=True))


def _split(index: Index, split: str, decode: bool) -> SplitFound:
    faces = index.faces(split)
    absent = [f"{index.folder / path} does not exist" for path in _absent(index.folder, faces.strings("path"))]
    broken = _broken(faces) if decode else None
    examples = absent if broken is None else broken  # what is absent cannot be read either
    return SplitFound(
        faces=len(faces),
        published=index.source.published.get(split),
        absent=len(absent),
        broken=None if broken is None else len(broken),
        examples=tuple(examples[:SHOWN]),
    )


def _absent(folder: Path, paths: Iterable[str]) -> Iterator[str]:
    """The paths that are no files, found by listing folders: asking for each of millions would take hours."""
    listings: dict[str, set[str]] = {}
    for path in paths:
        parent, _, name = path.rpartition("/")
        if parent not in listings:
            if len(listings) >= _FOLDERS:
                listings.pop(next(iter(listings)))
            listings[parent] = set(_names(folder / parent))
        if name not in listings[parent]:
            yield path


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _broken(faces: Faces) -> list[str]:
    with ThreadPoolExecutor(_READERS) as pool:
        blocks = (faces[start : start + _BLOCK] for start in range(0, len(faces), _BLOCK))
        return [reason for block in blocks for reason in pool.map(_reason, (face.image for face in block)) if reason]


def _reason(image: ImageRef) -> str:
    try:
        read(image)
    except ImageError as error:
        return str(error)
    return ""


def _unfinished(name: str, fetched: Fetched | None) -> Iterator[str]:
    for split, one in (fetched.splits if fetched else {}).items():
        if one.finished is None:
            yield f"fetching {split} was cut off: the same `data fetch {name}` goes on."


def _gaps(index: Index, splits: dict[str, SplitFound], toy: bool) -> Iterator[str]:
    """A sentence for everything that is less than it should be."""
    for split, found in splits.items():
        gaps = {"have no picture": found.absent, "have a picture that cannot be read": found.broken or 0}
        for words, count in gaps.items():
            if count:
                yield f"{count:,} of {found.faces:,} faces of {split} {words}."
        if not toy and found.published is not None and found.faces != found.published:
            yield f"{split} has {found.faces:,} faces where {found.published:,} were published."
    everything = index.source.published.get("all")
    if not toy and everything is not None and len(index) != everything:
        yield f"there are {len(index):,} faces where {everything:,} were published."
