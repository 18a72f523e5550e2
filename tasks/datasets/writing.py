"""What the writers of layouts share: their records, names that are safe to write, and files replaced as a whole."""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, Literal, NamedTuple

from PIL import Image
from pydantic import Field

from harness.errors import DataError
from harness.records import Record

_SIDEWAYS = (5, 6, 7, 8)
"""Orientations in EXIF under which the upright picture is as wide as the stored one is high."""


class Item(NamedTuple):
    """One row of a mirror that has a picture; labels are the words of the label space already."""

    where: str
    """Repository, split and row, for errors."""
    split: str
    """The split of the dataset, not the mirror's name for it."""
    number: int
    """Counts the rows of the split from 1, those without a picture too."""
    image: bytes
    path: str | None
    """What the mirror calls the picture; it is not to be trusted."""
    values: dict[str, Any]
    """Role -> value."""
    config: str | None = None
    """The mirror's, which for FairFace is the padding."""

    def bad(self, role: str, wanted: str) -> DataError:
        """The error for an impossible value of a role."""
        return DataError(f"{self.where}: {role} is {self.values.get(role)!r:.120}, not {wanted}.")


class Placed(NamedTuple):
    """Where a picture goes below the folder of its dataset, and its row for the label files."""

    file: str
    line: str = ""


Rows = dict[str, Path]
"""Split -> file with the lines of its rows."""


class Layout(Record):
    """How a dataset is written, and which columns that takes."""

    splits: tuple[str, ...]
    """One called "all" where the loader splits by hash."""
    needs: tuple[tuple[str, ...], ...]
    """Alternatives: the roles of one of them must have columns."""
    optional: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    """Roles that are found under their own name unless a column is given."""
    spaces: dict[str, str] = Field(default_factory=dict)
    """Role -> label space its words belong to."""
    repeats: Literal["never", "copies", "faces"] = "never"
    """Whether a file may come twice: as a copy, which is left out, or as another face of the same picture."""
    place: Callable[[Item], Placed]
    annotate: Callable[[Path, Rows], None]


def write_lines(file: Path, lines: Iterable[str]) -> None:
    """Replace a text file as a whole, without holding it in memory."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.part")
    with part.open("w", encoding="utf-8", newline="\n") as stream:
        stream.writelines(f"{line}\n" for line in lines)
    part.replace(file)


def stamp(image: bytes) -> str:
    """Twenty digits that stand for the bytes of a picture, where a mirror lost the official name."""
    return f"{int.from_bytes(hashlib.sha256(image).digest()[:8]):020d}"


def read_lines(file: Path) -> Iterator[str]:
    """The lines of a file that write_lines wrote, or that has the same form."""
    with file.open(encoding="utf-8", newline="\n") as stream:
        for line in stream:
            yield line.removesuffix("\n")


def all_lines(rows: Rows) -> Iterator[str]:
    """The lines of all splits, one split after the other."""
    return (line for file in rows.values() for line in read_lines(file))


def stated(item: Item, role: str, pattern: str, example: str) -> re.Match[str] | None:
    """The parts of the name that a column gives, if there is one.

    Raises:
        DataError: it is no official name. Names of mirrors are hostile: only what matches as a whole becomes a path.
    """
    if role not in item.values:
        return None
    value = item.values[role]
    match = re.fullmatch(pattern, value, re.ASCII) if isinstance(value, str) and value.isprintable() else None
    if match is None:
        raise item.bad(role, f"a plain name such as {example}")
    return match


def named(item: Item, pattern: str, example: str) -> re.Match[str] | None:
    """The parts of the official name: from the column for it, else from the picture's own path."""
    base = (item.path or "").rpartition("/")[2]
    return stated(item, "file", pattern, example) or re.fullmatch(pattern, base, re.ASCII)


def whole(item: Item, role: str) -> int:
    """The value of a role as a whole number, also where a mirror has 12.0 or "12"."""
    value = item.values[role]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,9}", value, re.ASCII):
        return int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise item.bad(role, "a whole number")
    return value


def whole_picture(item: Item) -> list[int]:
    """The box (top, left, right, bottom) of the whole picture, for which its header is read.

    Raises:
        DataError: it is no picture.
    """
    try:
        with Image.open(BytesIO(item.image)) as opened:
            width, height = opened.size
            sideways = opened.getexif().get(0x0112) in _SIDEWAYS
    except Exception as error:  # PIL raises OSError, SyntaxError, ValueError, struct.error ...
        raise DataError(f"{item.where}: the image cannot be read: {error or type(error).__name__}.") from error
    return [0, 0, height, width] if sideways else [0, 0, width, height]
