"""UTKFace: age, gender and race, all of them in the file name: [age]_[gender]_[race]_[stamp].jpg.chip.jpg.

The names of a few files lack a field. They are counted and left out: people who repair them disagree.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from harness.errors import DataError
from tasks.datasets.base import Count, Row
from tasks.datasets.index import Columns, Loader
from tasks.datasets.options import DataOptions
from tasks.datasets.pack import pack
from tasks.datasets.sources import SOURCES
from tasks.datasets.split import hash_split
from tasks.labels import label_space

_SOURCE = SOURCES["utkface"]
_NAME = re.compile(r"(\d{1,3})_([01])_([0-4])_(\d{17,})\s*\.?(jpg|pg)?(\.chip)?(\.jpg)?", re.IGNORECASE | re.ASCII)
_IMAGE = re.compile(r".*(jpe?g|pg|png)", re.IGNORECASE)
GENDERS = ("Male", "Female")
RACES = ("White", "Black", "Asian", "Indian", "Others")
_OLDEST = 116
_PARTS = ("part1", "part2", "part3")
_AGES = {"decades": "utkface.age", "fairface": "fairface.age"}


def _columns(options: DataOptions) -> Columns:
    groups = {"age": _AGES[options.utkface.ages], "gender": "utkface.gender", "race": "utkface.race"}
    return Columns(tuple(groups.values()), groups)


def _inputs(root: Path, options: DataOptions) -> list[Path]:
    return _folders(root, options.utkface.images)


def _scan(root: Path, options: DataOptions, count: Count) -> Iterator[pa.RecordBatch]:
    return pack(_faces(root, options, count), _columns(options).spaces)


def _faces(root: Path, options: DataOptions, count: Count) -> Iterator[Row]:
    ages = _AGES[options.utkface.ages]
    for path, name in _files(_folders(root, options.utkface.images)):
        match = _NAME.fullmatch(path.name)
        if match is None or int(match[1]) > _OLDEST:
            count.dropped["malformed name" if _IMAGE.fullmatch(path.name) else "not an image"] += 1
            continue
        labels = {
            ages: age_label(ages, int(match[1])),
            "utkface.gender": GENDERS[int(match[2])],
            "utkface.race": RACES[int(match[3])],
        }
        place = path.relative_to(root).as_posix()
        yield Row(split=hash_split(match[4]), id=name, path=place, labels=labels)


def age_label(space: str, age: int) -> str:
    """The label of an age in years, from 0 to 116, in a space of ages."""
    found = label_space(space)
    return next(label for label, (_, last) in zip(found.labels, found.bounds, strict=True) if age <= last)


def _folders(root: Path, images: str) -> list[Path]:
    """Where the files lie: cropped faces in one folder, photographs in up to three.

    Raises:
        DataError: there is none; the message says if the other kind is there.
    """
    parts = [root / part for part in _PARTS if (root / part).is_dir()]
    if images == "wild":
        return parts or [_SOURCE.find(root, *_PARTS)]
    if root.is_dir() and any(_NAME.fullmatch(path.name) for path in root.glob("*.*")):
        return [root]
    try:
        return [_SOURCE.find(root, "UTKFace", "utkface_aligned_cropped/UTKFace")]
    except DataError as error:
        if not parts:
            raise
        wild = f"{parts[0].name}/ holds the photographs in the wild: set datasets.utkface.images to wild to read those."
        raise DataError(f"{error} {wild}") from error


def _files(folders: list[Path]) -> Iterator[tuple[Path, str]]:
    """Each file and its name below the folder of the set, sorted; the parts of the in-the-wild version are one set."""
    for folder in folders:
        prefix = f"{folder.name}/" if folder.name in _PARTS else ""
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if not entry.is_dir())  # a link to nowhere too
        yield from ((folder / name, prefix + name) for name in names)


LOADER = Loader("utkface", _SOURCE, _columns, _inputs, _scan)
