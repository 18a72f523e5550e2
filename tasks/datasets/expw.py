"""ExpW: expressions in photographs of whole scenes, one line and one box per face.

File names hold the query that found the picture ("angry_actor_104.jpg"): they leak the label to whoever sees them.
"""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from tasks.datasets.base import Box, Count, Row, bad_value, claim, lines
from tasks.datasets.index import Columns, Loader
from tasks.datasets.options import DataOptions
from tasks.datasets.pack import pack
from tasks.datasets.sources import SOURCES
from tasks.datasets.split import hash_split

_SOURCE = SOURCES["expw"]
_SPACE = "expw"
EXPRESSIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
_FIELDS = 8
_FAR = 2**28
"""No picture is so large; with the largest margin such a box is still a number of 32 bits."""


def _inputs(root: Path, options: DataOptions) -> list[Path | str]:
    file, images = _places(root)
    return [file, str(images)]


def _scan(root: Path, options: DataOptions, count: Count) -> Iterator[pa.RecordBatch]:
    return pack(_faces(root, options.expw.margin, count), (_SPACE,), boxed=True)


def _faces(root: Path, margin: float, count: Count) -> Iterator[Row]:
    file, images = _places(root)
    folder = images.relative_to(root).as_posix()
    seen: set[str] = set()
    for row, text in lines(file):
        words = text.rsplit(maxsplit=_FIELDS - 1)
        if len(words) != _FIELDS:
            raise bad_value(file, row, text[:80], f"a row of {_FIELDS} fields")
        name, number, *sides, _, expression = words
        if not number.isdecimal():
            raise bad_value(file, row, number, "the number of a face: a field is missing")
        if expression not in map(str, range(len(EXPRESSIONS))):
            raise bad_value(file, row, expression, "an expression from 0 to 6")
        claim(seen, face := f"{name}#{number}", file, row)
        box = _box(file, row, sides, margin, count)
        labels = {_SPACE: EXPRESSIONS[int(expression)]}
        yield Row(split=hash_split(name), id=face, path=f"{folder}/{name}", labels=labels, box=box)


def _places(root: Path) -> tuple[Path, Path]:
    """The label file and the folder of pictures."""
    file = _SOURCE.find(root, "label/label.lst", "label.lst", "data/label/label.lst", "labels/label.lst")
    return file, _SOURCE.find(root, "image/origin", "origin", "data/image/origin", "images", "image")


def _box(file: Path, row: int, sides: list[str], margin: float, count: Count) -> Box:
    """Left, top, right, bottom, of which the file has top first; a box may leave the picture and is clamped there."""
    try:
        top, left, right, bottom = map(int, sides)
    except ValueError:
        raise bad_value(file, row, " ".join(sides), "four whole numbers") from None
    if right <= max(left, 0) or bottom <= max(top, 0) or max(map(abs, (top, left, right, bottom))) > _FAR:
        raise bad_value(file, row, " ".join(sides), "a box (top, left, right, bottom) that encloses something")
    if min(left, top) < 0:
        count.repaired["box clamped at the left or the top"] += 1
    across, down = round(margin * (right - left)), round(margin * (bottom - top))
    # The other two sides are clamped when the picture is read: its size is not known before.
    return max(left - across, 0), max(top - down, 0), right + across, bottom + down


LOADER = Loader("expw", _SOURCE, lambda options: Columns((_SPACE,), boxed=True), _inputs, _scan)
