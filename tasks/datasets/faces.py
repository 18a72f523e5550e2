"""The faces of one split as a sequence over a memory-mapped table: what is not looked at stays on disk.

The table (an Arrow file, see index.py) holds all splits of a dataset:

    split  int8                     place in SPLITS
    id     string
    path   string                   relative to the dataset's folder
    box    4 x int32                left, top, right, bottom; only in sets that crop
    SPACE  int8                     place of the label in the space, for a space of one label
    SPACE  K x int8                 1 present, -1 absent, 0 not annotated, for a space of K attributes

Shapes: N faces of the split, K attributes.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from harness.records import Gold, ImageRef
from tasks.datasets.base import Face, Tally
from tasks.labels import LabelSpace, label_space

Places = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int8]
_KINDS: dict[Any, np.dtype[Any]] = {pa.int8(): np.dtype(np.int8), pa.int32(): np.dtype(np.int32)}
BLOCK = 8192
"""Rows that are turned into records at once."""


class Faces(Sequence[Face]):
    """Some faces of a dataset, in the order of its label file, each made when it is asked for.

    Args:
        folder: of the dataset.
        table: all its faces.
        places: of these faces in the table, [N].
        spaces: the names of its label spaces.
        groups: column to group scores by -> the space whose label it is.
        tally: of the split.
    """

    def __init__(
        self,
        folder: Path,
        table: pa.Table,
        places: Places,
        spaces: Sequence[str],
        groups: dict[str, str],
        tally: Tally,
    ) -> None:
        self.folder = folder
        self.spaces = tuple(spaces)
        self.groups = groups
        self.tally = tally
        self._table = table
        self._places = places

    def __len__(self) -> int:
        """N."""
        return len(self._places)

    @overload
    def __getitem__(self, index: int) -> Face: ...
    @overload
    def __getitem__(self, index: slice) -> "Faces": ...
    def __getitem__(self, index: int | slice) -> "Face | Faces":
        """One face, or those of a slice."""
        if isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        return next(iter(self.take(np.array([range(len(self))[index]]))))

    def __iter__(self) -> Iterator[Face]:
        """The faces, a block of rows in memory at a time."""
        for block in self._blocks():
            yield from self._records(block)

    def take(self, rows: Places) -> "Faces":
        """The faces in these rows of the split, in the order given; the tally stays that of the split."""
        return Faces(self.folder, self._table, self._places[rows], self.spaces, self.groups, self.tally)

    def strings(self, column: str) -> Iterator[str]:
        """The ids ("id") or the paths relative to the folder ("path"), one after the other."""
        for block in self._blocks([column]):
            yield from block.column(0).to_pylist()

    def images(self) -> Iterator[ImageRef]:
        """Where the pictures are, without the labels."""
        for block in self._blocks(["path", "box"] if self._boxed else ["path"]):
            yield from self._images(block)

    def codes(self, space: str) -> Codes:
        """Of a space of one label, its place for each face: [N]. Of attributes, their values: [N, K]."""
        found = [_values(block.column(0)) for block in self._blocks([space])]
        shape = () if label_space(space).kind != "attributes" else (len(label_space(space).labels),)
        return np.concatenate(found) if found else np.zeros((0, *shape), dtype=np.int8)

    def boxes(self) -> npt.NDArray[np.int32]:
        """left, top, right, bottom: [N, 4]; zeros for the whole picture."""
        if not self._boxed:
            return np.zeros((len(self), 4), dtype=np.int32)
        found = [_values(block.column(0)) for block in self._blocks(["box"])]
        return np.concatenate(found) if found else np.zeros((0, 4), dtype=np.int32)

    @cached_property
    def _boxed(self) -> bool:
        return "box" in self._table.column_names

    def _blocks(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """The rows, some thousands at a time, with all columns or some."""
        table = self._table if columns is None else self._table.select(columns)
        batches = table.to_batches()
        starts = np.cumsum([0, *(batch.num_rows for batch in batches)])
        for start in range(0, len(self), BLOCK):
            places = self._places[start : start + BLOCK]
            owners = np.searchsorted(starts, places, side="right") - 1
            # Rows of one batch stand together; taking from the whole table would copy it.
            cuts = [0, *(np.flatnonzero(np.diff(owners)) + 1).tolist(), len(places)]
            for first, last in pairwise(cuts):
                owner = int(owners[first])
                yield batches[owner].take(_indices(places[first:last] - starts[owner]))

    def _images(self, block: pa.RecordBatch) -> Iterator[ImageRef]:
        paths = block.column("path").to_pylist()
        boxes = _values(block.column("box")).tolist() if self._boxed else [None] * len(paths)
        for path, box in zip(paths, boxes, strict=True):
            yield ImageRef(path=self.folder / path, box=tuple(box) if box else None)

    def _records(self, block: pa.RecordBatch) -> Iterator[Face]:
        ids = block.column("id").to_pylist()
        golds = {name: list(_golds(label_space(name), _values(block.column(name)))) for name in self.spaces}
        for row, (name, image) in enumerate(zip(ids, self._images(block), strict=True)):
            labels = {space: gold[row] for space, gold in golds.items()}
            yield Face(
                id=name,
                image=image,
                labels=labels,
                group={column: str(labels[space]) for column, space in self.groups.items()},
            )


def _indices(places: Places) -> pa.Array:
    """As pa.array, which imports pandas to see whether it was given any of its objects."""
    return pa.Array.from_buffers(pa.int64(), len(places), [None, pa.py_buffer(np.ascontiguousarray(places))])


def _golds(space: LabelSpace, values: Codes) -> Iterator[Gold]:
    if space.kind != "attributes":
        yield from (space.labels[code] for code in values.tolist())
        return
    for row in values.tolist():
        yield {label: value > 0 for label, value in zip(space.labels, row, strict=True) if value}


def _values(column: pa.Array) -> npt.NDArray[Any]:
    if isinstance(column, pa.FixedSizeListArray):
        return numbers(column.flatten()).reshape(-1, column.type.list_size)
    return numbers(column)


def numbers(column: pa.Array) -> npt.NDArray[Any]:
    """A column of numbers without gaps, as it lies in memory; Arrow's `to_numpy` would import pandas (0.2 s)."""
    kind = _KINDS[column.type]
    if not len(column):
        return np.zeros(0, kind)
    return np.frombuffer(column.buffers()[1], kind, len(column), column.offset * kind.itemsize)
