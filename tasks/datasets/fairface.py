"""FairFace: age group, gender and race; the official validation set is what papers test on."""

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pyarrow as pa
from PIL import Image

from harness.errors import DataError
from tasks.coarser import coarser
from tasks.datasets.base import Count, Row, bad_value, claim, table
from tasks.datasets.index import Columns, Loader
from tasks.datasets.options import DataOptions
from tasks.datasets.pack import pack
from tasks.datasets.sources import SOURCES
from tasks.labels import label_space

_SOURCE = SOURCES["fairface"]
_PARTS = {"train": "train", "test": "val"}
PADDINGS = {"0.25": "margin025", "1.25": "margin125"}
"""Padding -> its name in archives and folders; the pictures in both have the same names."""
_WIDE = 300
"""Pictures of padding 0.25 are 224 pixels wide, those of 1.25 are 448."""
_DAMAGED_AGES = {"9-Mar": "3-9", "3-Sep": "3-9", "Mar-09": "3-9", "19-Oct": "10-19", "Oct-19": "10-19"}
"""What spreadsheets make of 3-9 and 10-19, which they take for dates."""
_QUESTIONS = ("age", "gender", "race")
_AGES = {"nine": "fairface.age", "decades": "utkface.age"}
_RACES = {"seven": "fairface.race", "five": "utkface.race"}


def _spaces(options: DataOptions) -> dict[str, str]:
    """What is asked -> the label space of the gold."""
    chosen = options.fairface
    return {"age": _AGES[chosen.ages], "gender": "fairface.gender", "race": _RACES[chosen.races]}


def _columns(options: DataOptions) -> Columns:
    spaces = _spaces(options)
    return Columns(tuple(spaces.values()), spaces)


def _inputs(root: Path, options: DataOptions) -> Iterator[Path | str]:
    for _, file, images in _parts(root, options, Count()):
        _check_padding(images, options.fairface.padding)  # each time: new pictures may have the old names
        yield from (file, str(images))


def _scan(root: Path, options: DataOptions, count: Count) -> Iterator[pa.RecordBatch]:
    return pack(_faces(root, options, count), tuple(_spaces(options).values()))


def _faces(root: Path, options: DataOptions, count: Count) -> Iterator[Row]:
    spaces = _spaces(options)
    for split, file, images in _parts(root, options, count):
        seen: set[str] = set()
        for row, values in table(file, ("file", *_QUESTIONS)):
            name = _name(images, file, row, values["file"])
            claim(seen, name, file, row)
            gold = {asked: _known(file, row, asked, values[asked], count) for asked in _QUESTIONS}
            labels = {spaces[asked]: _renamed(asked, label, spaces[asked]) for asked, label in gold.items()}
            path = (images.relative_to(root) / PurePosixPath(name).name).as_posix()
            yield Row(split=split, id=name, path=path, labels=labels)


def _parts(root: Path, options: DataOptions, count: Count) -> list[tuple[str, Path, Path]]:
    """Split, label file and folder of pictures of each part that is there.

    Raises:
        DataError: neither is.
    """
    found = []
    for split, part in _PARTS.items():
        try:
            file = _SOURCE.find(root, f"fairface_label_{part}.csv", f"labels/fairface_label_{part}.csv")
            found.append((split, file, _SOURCE.find(root, *_places(options.fairface.padding, part), part)))
        except DataError as error:
            count.absent[split] = f"{error}{_other(root, options.fairface.padding, part)}"
    if not found:
        raise DataError(count.absent["test"])
    return found


def archive(padding: str) -> str:
    """The folder that the makers' archive of this padding unpacks to."""
    return f"fairface-img-{PADDINGS[padding]}-trainval"


def _places(padding: str, part: str) -> tuple[str, str]:
    return f"{archive(padding)}/{part}", f"{PADDINGS[padding]}/{part}"


def _other(root: Path, padding: str, part: str) -> str:
    """A hint where the pictures of the other padding are there."""
    other = next(name for name in PADDINGS if name != padding)
    there = [place for place in _places(other, part) if (root / place).exists()]
    return f" {there[0]}/ is there: set datasets.fairface.padding to {other} to read it." if there else ""


def _check_padding(images: Path, padding: str) -> None:
    """The pictures of both paddings have the same names, so a look at one of them guards against the other set."""
    with os.scandir(images) as entries:
        first = next((entry.path for entry in entries if entry.name.endswith(".jpg")), None)
    try:
        width = Image.open(first).width if first else None
    except (OSError, Image.DecompressionBombError):
        return  # a broken picture is a failed sample of the run, not of the loader
    if width is not None and (width > _WIDE) != (padding == "1.25"):
        other = "1.25" if padding == "0.25" else "0.25"
        raise DataError(
            f"{_SOURCE.title}: the pictures in {images} are {width} pixels wide, so they are those of padding {other}, "
            f"and padding {padding} is asked for. Unpack the other set, or set datasets.fairface.padding to {other}."
        )


def _name(images: Path, file: Path, row: int, value: str) -> str:
    # Some copies put a folder before the official train/1.jpg, so only the last two parts count.
    parts = PurePosixPath(value).parts[-2:]
    if len(parts) != 2 or parts[0] != images.name:
        raise bad_value(file, row, value, f"the path of an image in {images.name}/")
    return "/".join(parts)


def _known(file: Path, row: int, name: str, value: str, count: Count) -> str:
    if name == "age" and value in _DAMAGED_AGES:
        count.repaired["age that a spreadsheet took for a date"] += 1
        value = _DAMAGED_AGES[value]
    labels = label_space(f"fairface.{name}").labels
    if value not in labels:
        raise bad_value(file, row, value, f"a known {name} ({', '.join(labels)})")
    return value


def _renamed(name: str, label: str, space: str) -> str:
    """The label in the words of a space that tells no more apart than FairFace's own."""
    names = coarser(f"fairface.{name}", space)
    assert names is not None
    return names[label]


LOADER = Loader("fairface", _SOURCE, _columns, _inputs, _scan)
