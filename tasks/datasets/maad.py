"""MAAD-Face: 47 attributes of VGGFace2's photographs; 0 means undefined.

The label file has 3.3 million rows and no split: a row belongs to the split whose folder holds the identity (the first
part of its file name). Arrow reads it, a few ten thousand rows at a time; where Arrow stumbles, the file is read once
more, slowly, for the row to blame.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from harness.errors import DataError
from tasks.datasets.base import SPLITS, Count, bad_value, claim, fields, lines
from tasks.datasets.index import Columns, Loader
from tasks.datasets.options import DataOptions
from tasks.datasets.pack import fixed_width, schema
from tasks.datasets.sources import SOURCES
from tasks.labels import label_space

_SOURCE = SOURCES["maad"]
_SPACE = "maad"
_FILES = ("MAAD_Face.csv", "MAAD-Face.csv", "Maad_Face.csv", "MAADFace.csv", "maad_face.csv")
_NAME = "Filename"
_VALUES = ("-1", "0", "1")
_BYTES = 2**24
"""Of the label file, read at once."""


class _Folder(NamedTuple):
    """VGGFace2's pictures of one split."""

    split: str
    path: Path

    def identities(self) -> list[str]:
        return sorted(entry.name for entry in os.scandir(self.path) if entry.is_dir())


def _inputs(root: Path, options: DataOptions) -> list[Path]:
    return [_SOURCE.find(root, *_FILES), *(folder.path for folder in _folders(root, Count()))]


def _scan(root: Path, options: DataOptions, count: Count) -> Iterator[pa.RecordBatch]:
    file = _SOURCE.find(root, *_FILES)
    folders = _folders(root, count)
    owner = _owners(folders)
    prefixes = pa.array([folder.path.relative_to(root).as_posix() for folder in folders])
    undefined = -1 if options.maad.undefined == "negative" else 0
    names: list[pa.Array] = []
    for block in _read(file):
        names.append(block.column(0))
        identity = pc.list_element(pc.split_pattern(block.column(0), "/", max_splits=1), 0)
        place = owner.codes.take(pc.index_in(identity, value_set=owner.identities))
        if place.null_count:
            count.dropped["identity in no folder"] += place.null_count
        block, place = block.filter(place.is_valid()), place.drop_null()
        values = np.stack([column.to_numpy() for column in block.columns[1:]], axis=1)
        values[values == 0] = undefined
        paths = pc.binary_join_element_wise(prefixes.take(place), block.column(0), "/")
        split = pa.array([SPLITS.index(folder.split) for folder in folders], pa.int8()).take(place)
        yield pa.record_batch([split, block.column(0), paths, fixed_width(values)], schema=schema((_SPACE,)))
    _check_names(file, pa.chunked_array(names, pa.string()))


class _Owners(NamedTuple):
    """Which folder each identity lies in, by its place among the folders."""

    identities: pa.Array
    codes: pa.Array


def _owners(folders: Sequence[_Folder]) -> _Owners:
    found: dict[str, int] = {}
    for code, folder in enumerate(folders):
        for identity in folder.identities():
            if identity in found:
                raise DataError(
                    f"{_SOURCE.title}: identity {identity} is in {folders[found[identity]].path} and in {folder.path}. "
                    "VGGFace2's splits share nobody: remove one of the two."
                )
            found[identity] = code
    # A folder may have a name that is no UTF-8; no row of the label file has.
    identities = [identity.encode(errors="replace").decode() for identity in found]
    return _Owners(pa.array(identities, pa.string()), pa.array(list(found.values()), pa.int8()))


def _folders(root: Path, count: Count) -> list[_Folder]:
    """The folders of pictures that are there.

    Raises:
        DataError: none is.
    """
    found = []
    for split in _SOURCE.splits:
        try:
            places = (split, f"vggface2_{split}/{split}", f"vggface2_{split}", f"VGGFace2/{split}")
            found.append(_Folder(split, _SOURCE.find(root, *places)))
        except DataError as error:
            count.absent[split] = str(error)
    if not found:
        raise DataError(count.absent["test"])
    return found


def _read(file: Path) -> Iterator[pa.RecordBatch]:
    """The file names and the 47 values, in the order of the label space.

    Raises:
        DataError: a column is missing, or a row holds an impossible value.
    """
    names = _header(file)
    labels = label_space(_SPACE).labels
    kinds = {_NAME: pa.string(), **dict.fromkeys(labels, pa.int8())}
    others = [name for name in names if name not in kinds]
    kinds.update(dict.fromkeys(others, pa.string()))
    convert = csv.ConvertOptions(column_types=kinds, include_columns=[_NAME, *labels, *others], null_values=[])
    # The names were read above, and may hold blanks that Arrow would keep.
    read = csv.ReadOptions(block_size=_BYTES, column_names=names, skip_rows=1)
    try:
        with csv.open_csv(file, read_options=read, convert_options=convert) as reader:
            for block in reader:
                texts, values = block.select([_NAME, *others]), block.select([_NAME, *labels])
                if not all(_valid(column.to_numpy()) for column in values.columns[1:]):
                    raise pa.ArrowInvalid("a value is none of -1, 0, 1")
                # Behind a quote that nothing closes, Arrow takes the rows that follow for one long field.
                if any(pc.any(pc.match_substring_regex(column, "[\r\n\0]")).as_py() for column in texts.columns):
                    raise pa.ArrowInvalid("a field holds the end of a line, or a zero byte")
                yield values
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        _blame(file, names)
        raise DataError(f"{file} cannot be read: {error}.") from error


def _valid(values: npt.NDArray[np.int8]) -> bool:
    return bool(((values >= -1) & (values <= 1)).all())


def _header(file: Path) -> list[str]:
    _, head = next(lines(file), (1, ""))
    names = fields(head)
    if names[:1] != [_NAME]:
        raise bad_value(file, 1, head[:80], "a header that begins with Filename")
    if missing := [name for name in label_space(_SPACE).labels if name not in names]:
        raise bad_value(file, 1, head[:80], f"a header with the columns {', '.join(missing)}")
    if len(set(names)) < len(names):
        raise bad_value(file, 1, head[:80], "a header that names each column once")
    return names


def _check_names(file: Path, names: pa.ChunkedArray) -> None:
    if pc.count_distinct(names).as_py() < len(names):
        _blame(file, _header(file))


def _blame(file: Path, names: Sequence[str]) -> None:
    """Raise the error of the first row that is not as it should be, if there is one."""
    places = [(label, names.index(label)) for label in label_space(_SPACE).labels]
    seen: set[str] = set()
    rows = lines(file)
    next(rows, None)
    for row, text in rows:
        values = fields(text)
        if len(values) != len(names):
            raise bad_value(file, row, text[:80], f"a row of {len(names)} fields")
        for label, place in places:
            if values[place] not in _VALUES:
                raise bad_value(file, row, values[place], f"-1, 0 or 1 for {label}")
        claim(seen, values[0], file, row)


LOADER = Loader("maad", _SOURCE, lambda options: Columns((_SPACE,)), _inputs, _scan)
