"""RAF-DB, basic or compound expressions: read in the official layout and in the one Kaggle's copies have."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from harness.errors import DataError
from tasks.datasets.base import Count, Row, bad_value, claim, lines, table
from tasks.datasets.index import Columns, Loader
from tasks.datasets.options import DataOptions, RafDB
from tasks.datasets.pack import pack
from tasks.datasets.sources import SOURCES

_SOURCE = SOURCES["raf-db"]
_SPACES = {"basic": "raf-db", "compound": "raf-db.compound"}
EXPRESSIONS = {
    "basic": ("surprise", "fear", "disgust", "happy", "sad", "angry", "neutral"),
    "compound": (
        *("Happily Surprised", "Happily Disgusted", "Sadly Fearful", "Sadly Angry", "Sadly Surprised"),
        *("Sadly Disgusted", "Fearfully Angry", "Fearfully Surprised", "Angrily Surprised", "Angrily Disgusted"),
        "Disgustedly Surprised",
    ),
}
"""In the order of the codes, which begin at 1."""
_NAME = re.compile(r"(train|test)_(\d+)(_aligned)?\.jpg", re.ASCII)
# The misspelt name is the real one; the set's own readme spells it rightly.
_LABELS = ("list_patition_label.txt", "list_partition_label.txt")


class _Line(NamedTuple):
    number: int
    name: str
    code: str
    image: Path


class _Part(NamedTuple):
    """A label file, and the folder its pictures lie in."""

    file: Path
    images: Path


def _columns(options: DataOptions) -> Columns:
    return Columns((_SPACES[options.raf_db.classes],))


def _inputs(root: Path, options: DataOptions) -> Iterator[Path | str]:
    for part in _parts(root, options.raf_db, Count()):
        yield from (part.file, str(part.images))


def _scan(root: Path, options: DataOptions, count: Count) -> Iterator[pa.RecordBatch]:
    return pack(_faces(root, options.raf_db, count), _columns(options).spaces)


def _faces(root: Path, chosen: RafDB, count: Count) -> Iterator[Row]:
    space, expressions = _SPACES[chosen.classes], EXPRESSIONS[chosen.classes]
    codes = {str(number): label for number, label in enumerate(expressions, start=1)}
    seen: set[str] = set()
    for part in _parts(root, chosen, count):
        for line in _folder_lines(part) if part.file.suffix == ".csv" else _official_lines(part):
            match = _NAME.fullmatch(line.name)
            if match is None:
                raise bad_value(part.file, line.number, line.name, "a name such as train_00001.jpg or test_0001.jpg")
            if line.code not in codes:
                raise bad_value(part.file, line.number, line.code, f"an expression from 1 to {len(codes)}")
            claim(seen, name := f"{match[1]}_{match[2]}.jpg", part.file, line.number)
            path = line.image.relative_to(root).as_posix()
            yield Row(split=match[1], id=name, path=path, labels={space: codes[line.code]})


def _parts(root: Path, chosen: RafDB, count: Count) -> list[_Part]:
    """The official label file, which holds both splits, or Kaggle's, one for each.

    Raises:
        DataError: there is none, or no folder of pictures.
    """
    roots = (f"{chosen.classes}/", "") if chosen.classes == "basic" else (f"{chosen.classes}/",)
    official = [f"{up}{name}" for up in _below(roots, "EmoLabel/") for name in _LABELS]
    if any((root / place).exists() for place in official) or chosen.classes == "compound":
        return [_Part(_SOURCE.find(root, *official), _images(root, roots, chosen.images))]
    found = []
    for split in _SOURCE.splits:
        try:
            file = _SOURCE.find(root, *official, f"{split}_labels.csv")
            found.append(_Part(file, _SOURCE.find(root, f"DATASET/{split}", split)))
        except DataError as error:
            count.absent[split] = str(error)
    if not found:
        raise DataError(count.absent["test"])
    return found


def _images(root: Path, roots: tuple[str, ...], images: str) -> Path:
    kinds = ("aligned", "original") if images == "aligned" else ("original",)
    return _SOURCE.find(root, *(f"{up}{kind}" for kind in kinds for up in _below(roots, "Image/")))


def _below(roots: tuple[str, ...], folder: str) -> list[str]:
    """The folder, and the place of the folder's contents where copies leave it out."""
    return [f"{up}{between}" for between in (folder, "") for up in roots]


def _official_lines(part: _Part) -> Iterator[_Line]:
    ending = "_aligned.jpg" if part.images.name == "aligned" else ".jpg"
    for number, text in lines(part.file):
        words = text.split()
        if len(words) != 2:
            raise bad_value(part.file, number, text[:80], "an image name and its expression")
        name = words[0].removesuffix(".jpg").removesuffix("_aligned")
        yield _Line(number, words[0], words[1], part.images / (name + ending))


def _folder_lines(part: _Part) -> Iterator[_Line]:
    for number, values in table(part.file, ("image", "label")):
        name, code = values["image"], values["label"]
        yield _Line(number, name, code, part.images / code / name)


LOADER = Loader("raf-db", _SOURCE, _columns, _inputs, _scan)
