"""Rows to a Parquet file, row group by row group: as much as one of them is in memory, however many rows there are."""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 10_000
CHARACTERS = 16_000_000
"""Of answers in one row group: a few rows fill it where a model ran on for a megabyte."""


def write(file: Path, schema: pa.Schema, rows: Iterable[Mapping[str, Any]]) -> int:
    """Replace the file as a whole, and say how many rows it has. A column that a row lacks is null there."""
    draft = file.with_name(f".{file.name}.part")
    count = 0
    try:
        with pq.ParquetWriter(draft, schema, compression="zstd") as writer:
            for group in _groups(rows):
                writer.write_batch(pa.RecordBatch.from_pylist(group, schema))
                count += len(group)
        os.replace(draft, file)
    finally:
        draft.unlink(missing_ok=True)
    return count


def _groups(rows: Iterable[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    group: list[Mapping[str, Any]] = []
    characters = 0
    for row in rows:
        group.append(row)
        characters += len(row.get("answer") or "")
        if len(group) >= ROWS or characters >= CHARACTERS:
            yield group
            group, characters = [], 0
    if group:
        yield group
