"""What every loader shares: its rows, the reading of label files, and errors that name file, row and value."""

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import Field

from harness.errors import DataError
from harness.records import Gold, ImageRef, Record

SPLITS = ("train", "val", "test")
Box = tuple[int, int, int, int]
_SHOWN = 200
"""Characters of a value that an error shows."""


class Face(Record):
    """One annotated face of a dataset, with its gold for every question asked about it."""

    id: str
    """Relative to the dataset, such as "182638.jpg" or "scene.jpg#2"."""
    image: ImageRef
    labels: dict[str, Gold]
    """Name of a label space -> gold."""
    group: dict[str, str] = Field(default_factory=dict)


class Tally(Record):
    """How many faces a loader kept, how many rows it left out, and how many it mended, each for which reason."""

    kept: int
    dropped: dict[str, int] = Field(default_factory=dict)
    """Over the whole dataset: what is dropped belongs to no split."""
    repaired: dict[str, int] = Field(default_factory=dict)
    """Kept, but not as written: a spreadsheet's "9-Mar" is the age 3-9."""


class Count:
    """The tally of a dataset while it is read, and the splits of it that are not there."""

    def __init__(self) -> None:
        self.dropped: Counter[str] = Counter()
        self.repaired: Counter[str] = Counter()
        self.absent: dict[str, str] = {}
        """Split -> why it cannot be read."""


class Row(NamedTuple):
    """A face as its loader found it."""

    split: str
    id: str
    path: str
    """Relative to the dataset's folder, with "/"."""
    labels: Mapping[str, str | Sequence[int]]
    """Label space -> the label, or 1 (present), -1 (absent), 0 (not annotated) for each attribute of the space."""
    box: Box | None = None
    """left, top, right, bottom in pixels of the upright picture."""


def bad_value(file: Path, row: int, value: object, wanted: str) -> DataError:
    """The error for one impossible value: file, row (from 1), value, and what was wanted there."""
    shown = repr(value)
    shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."
    return DataError(f"{file}, row {row}: {shown} is not {wanted}.")


def claim(seen: set[str], name: str, file: Path, row: int) -> None:
    """Add a name to those seen; a name that is there already is an error, for samples are told apart by it."""
    if name in seen:
        raise bad_value(file, row, name, "new: an earlier row has the same name")
    seen.add(name)


def lines(file: Path) -> Iterator[tuple[int, str]]:
    """Row number (from 1) and text of each line that is not blank; LF and CRLF, with or without a byte order mark.

    Raises:
        DataError: the file is not UTF-8 text, or cannot be opened.
    """
    try:
        with file.open(encoding="utf-8-sig") as opened:
            for row, line in enumerate(opened, start=1):
                if "\0" in line:  # where a download or a disk failed; no path may hold one
                    raise bad_value(file, row, line.strip()[:80], "text: it holds a zero byte")
                if text := line.strip():
                    yield row, text
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{file} is not UTF-8 text ({error.reason} at byte {error.start}).") from error


def table(file: Path, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Row number and the named columns of each row of a csv file with a header.

    Raises:
        DataError: a column is missing, or a row has another number of fields than the header.
    """
    rows = lines(file)
    _, head = next(rows, (1, ""))
    header = fields(head)
    if missing := [column for column in columns if column not in header]:
        raise bad_value(file, 1, head[:80], f"a header with the columns {', '.join(missing)}")
    if any(header.count(column) > 1 for column in columns):
        raise bad_value(file, 1, head[:80], "a header that names each column once")
    for row, text in rows:
        values = fields(text)
        if len(values) != len(header):
            raise bad_value(file, row, text[:80], f"a row of {len(header)} fields")
        yield row, {column: value for column, value in zip(header, values, strict=True) if column in columns}


def fields(text: str) -> list[str]:
    """The stripped fields of one line of a csv file; none where one is longer than any field may be."""
    try:
        return [value.strip() for value in next(csv.reader([text]), [])]
    except csv.Error:
        return []
