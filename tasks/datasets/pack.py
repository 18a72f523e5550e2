"""Rows of a loader to blocks of columns, which is how an index stores faces; faces.py has the columns."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tasks.datasets.base import SPLITS, Row
from tasks.labels import LabelSpace, label_space

ROWS = 65536
"""Rows of a block."""
_BOX = pa.list_(pa.int32(), 4)


def schema(spaces: Sequence[str], boxed: bool = False) -> pa.Schema:
    """The columns of a dataset with these label spaces."""
    fixed = [("split", pa.int8()), ("id", pa.string()), ("path", pa.string())]
    labels = [(name, _type(label_space(name))) for name in spaces]
    return pa.schema([*fixed, *([("box", _BOX)] if boxed else []), *labels])


def pack(rows: Iterable[Row], spaces: Sequence[str], boxed: bool = False) -> Iterator[pa.RecordBatch]:
    """The rows as blocks; a dataset without rows gives none."""
    columns, waiting = schema(spaces, boxed), iter(rows)
    while block := list(islice(waiting, ROWS)):
        arrays: list[pa.Array] = [
            pa.array([SPLITS.index(row.split) for row in block], pa.int8()),
            pa.array([row.id for row in block], pa.string()),
            pa.array([row.path for row in block], pa.string()),
        ]
        if boxed:
            arrays.append(fixed_width(np.array([row.box for row in block], dtype=np.int32)))
        arrays += [_labels(label_space(name), [row.labels[name] for row in block]) for name in spaces]
        yield pa.record_batch(arrays, schema=columns)


def fixed_width(values: npt.NDArray[np.int32] | npt.NDArray[np.int8]) -> pa.FixedSizeListArray:
    """A matrix [N, K] as a column of N lists."""
    return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), values.shape[1])


def _type(space: LabelSpace) -> pa.DataType:
    return pa.list_(pa.int8(), len(space.labels)) if space.kind == "attributes" else pa.int8()


def _labels(space: LabelSpace, found: Sequence[str | Sequence[int]]) -> pa.Array:
    if space.kind == "attributes":
        return fixed_width(np.array(found, dtype=np.int8))
    code = {label: place for place, label in enumerate(space.labels)}
    return pa.array([code[str(label)] for label in found], pa.int8())
