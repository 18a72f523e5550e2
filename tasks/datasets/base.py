"""What every loader shares: its records, the search for files, and errors that name file, row and value."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import Field

from harness.errors import DataError, UnknownNameError
from harness.records import Gold, ImageRef, Record


class Face(Record):
    """One annotated face of a dataset, with its gold for every question asked about it."""

    id: str
    """Relative to the dataset, such as "182638.jpg" or "scene.jpg#2"."""
    image: ImageRef
    labels: dict[str, Gold]
    """Name of a label space -> gold."""
    group: dict[str, str] = Field(default_factory=dict)


class Tally(Record):
    """How many faces a loader kept, and how many it dropped for which reason."""

    kept: int
    dropped: dict[str, int] = Field(default_factory=dict)


class Faces(Record):
    """One split of a dataset, in the order of its label file."""

    faces: list[Face]
    tally: Tally


class Source(Record):
    """A dataset as its users know it: what it is called, which splits it has and where it comes from."""

    title: str
    splits: tuple[str, ...]
    obtain: str
    """A sentence that says how to get the data."""

    def check_split(self, split: str) -> None:
        """Raise UnknownNameError unless the dataset has this split."""
        if split not in self.splits:
            raise UnknownNameError.of(f"split of {self.title}", split, self.splits, "docs/datasets.md")

    def find(self, root: Path, *places: str) -> Path:
        """The first of these places under root that exists.

        Raises:
            DataError: none does; the message says what was looked for and how to obtain it.
        """
        for place in places:
            if (root / place).exists():
                return root / place
        gap = f"none of {', '.join(places)} exists in {root}" if root.is_dir() else f"there is no folder {root}"
        raise DataError(f"{self.title}: {gap}. {self.obtain} docs/datasets.md shows the layout.")


def bad_value(file: Path, row: int, value: object, wanted: str) -> DataError:
    """The error for one impossible value: file, row (from 1), value, and what was wanted there."""
    return DataError(f"{file}, row {row}: {value!r} is not {wanted}.")


def claim(seen: set[str], name: str, file: Path, row: int) -> None:
    """Add a name to those seen; a name that is there already is an error, for samples are told apart by it."""
    if name in seen:
        raise bad_value(file, row, name, "new: an earlier row has the same name")
    seen.add(name)


def lines(file: Path) -> Iterator[tuple[int, str]]:
    """Row number (from 1) and text of each line that is not blank; LF and CRLF, with or without a byte order mark.

    Raises:
        DataError: the file is not UTF-8 text.
    """
    try:
        with file.open(encoding="utf-8-sig") as opened:
            for row, line in enumerate(opened, start=1):
                if text := line.strip():
                    yield row, text
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
    for row, text in rows:
        values = fields(text)
        if len(values) != len(header):
            raise bad_value(file, row, text[:80], f"a row of {len(header)} fields")
        yield row, {column: value for column, value in zip(header, values, strict=True) if column in columns}


def fields(text: str) -> list[str]:
    """The stripped fields of one line of a csv file."""
    return [value.strip() for value in next(csv.reader([text]), [])]
