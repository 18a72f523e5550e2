"""CelebA: 40 attributes of celebrities' faces, aligned to 178x218.

Read in three layouts: the archive's Anno/, Eval/ and Img/; all in one folder, as torchvision has it; and Kaggle's csv.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from harness.errors import DataError
from tasks.datasets.base import SPLITS, Count, Row, bad_value, claim, fields, lines
from tasks.datasets.index import Columns, Loader
from tasks.datasets.options import DataOptions
from tasks.datasets.pack import pack
from tasks.datasets.sources import SOURCES
from tasks.labels import label_space

_SOURCE = SOURCES["celeba"]
_SPACE = "celeba"
_VALUES = {"1": 1, "-1": -1}
_DIGITS = 10
"""So many digits count no faces."""
_Line = tuple[int, str, list[str]]


def _inputs(root: Path, options: DataOptions) -> Iterator[Path | str]:
    yield _file(root, "Anno", "list_attr_celeba")
    yield _file(root, "Eval", "list_eval_partition")
    yield str(_images(root))


def _scan(root: Path, options: DataOptions, count: Count) -> Iterator[pa.RecordBatch]:
    return pack(_faces(root, count), (_SPACE,))


def _faces(root: Path, count: Count) -> Iterator[Row]:
    attributes = _file(root, "Anno", "list_attr_celeba")
    images = _images(root).relative_to(root).as_posix()
    partition = _partition(_file(root, "Eval", "list_eval_partition"))
    seen: set[str] = set()
    for row, name, values in _lines(attributes):
        claim(seen, name, attributes, row)
        if name in partition:
            labels = {_SPACE: _values(attributes, row, values)}
            yield Row(split=partition[name], id=name, path=f"{images}/{name}", labels=labels)
        else:
            count.dropped["in no split"] += 1
    if missing := len(partition.keys() - seen):
        count.dropped["without attributes"] += missing


def _file(root: Path, folder: str, stem: str) -> Path:
    return _SOURCE.find(root, f"{stem}.txt", f"{folder}/{stem}.txt", f"{stem}.csv", f"{folder}/{stem}.csv")


def _images(root: Path) -> Path:
    places = (f"{up}img_align_celeba{down}" for down in ("/img_align_celeba", "") for up in ("", "Img/"))
    return _SOURCE.find(root, *places)


def _values(file: Path, row: int, values: Sequence[str]) -> list[int]:
    for value in values:
        if value not in _VALUES:
            raise bad_value(file, row, value, "-1 or 1")
    return [_VALUES[value] for value in values]


def _partition(file: Path) -> dict[str, str]:
    """Image name -> split."""
    partition: dict[str, str] = {}
    for row, words in _words(file):
        if row == 1 and words[:1] == ["image_id"]:
            continue
        if len(words) != 2 or words[1] not in ("0", "1", "2"):
            raise bad_value(file, row, " ".join(words), "an image name followed by 0, 1 or 2")
        if words[0] in partition:
            raise bad_value(file, row, words[0], "new: an earlier row has the same name")
        partition[words[0]] = SPLITS[int(words[1])]
    return partition


def _lines(file: Path) -> Iterator[_Line]:
    """Row number, image name and the 40 values in the order of the label space."""
    rows = _words(file)
    row, head = next(rows, (1, []))
    stated = int(head[0]) if len(head) == 1 and head[0].isdecimal() and len(head[0]) < _DIGITS else None
    if stated is not None:
        row, head = next(rows, (2, []))
    order = _order(file, row, head)
    count = 0
    for row, words in rows:
        if len(words) != len(order) + 1:
            raise bad_value(file, row, " ".join(words[:4]), f"an image name followed by {len(order)} values")
        yield row, words[0], [words[1 + position] for position in order]
        count += 1
    if stated not in (None, count):
        raise DataError(f"{file}: the first line promises {stated} rows but {count} follow. Fetch the file again.")


def _order(file: Path, row: int, head: Sequence[str]) -> list[int]:
    """Where each label of the space stands among the columns."""
    names = list(head[1:] if head[:1] == ["image_id"] else head)
    expected = label_space(_SPACE).labels
    if sorted(names) != sorted(expected):
        odd = sorted(set(names) ^ set(expected)) or names[:3]
        raise bad_value(file, row, ", ".join(odd[:3]), "among the 40 attribute names, each of which is wanted once")
    return [names.index(name) for name in expected]


def _words(file: Path) -> Iterator[tuple[int, list[str]]]:
    # Positive values are padded to two characters, so columns are parted by one space or by two.
    part = fields if file.suffix == ".csv" else str.split
    return ((row, part(text)) for row, text in lines(file))


LOADER = Loader("celeba", _SOURCE, lambda options: Columns((_SPACE,)), _inputs, _scan)
