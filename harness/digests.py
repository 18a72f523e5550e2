"""What is known of pictures that were read before, so that a rerun over a hundred thousand of them decodes none.

CACHE/pictures.sqlite holds a row per picture and box. A row counts only while the file has the same size, inode and
times of change: whatever writes into a file, or puts another in its place, changes one of them.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from harness.errors import ImageError
from harness.images import digest, read
from harness.places import cache_folder
from harness.records import ImageRef

FILE = "pictures.sqlite"
READERS = 4  # PIL decodes outside the interpreter lock
_BLOCK = 2048
"""Pictures that are looked up, read and written down at once: a kill loses no more."""
PATIENCE = 60.0
"""Seconds to wait for another process that writes."""
_TABLE = (
    "create table if not exists pictures (path blob, box text, state text, digest text, width int, height int, "
    "primary key (path, box)) without rowid"
)


class Seen(NamedTuple):
    """A picture that can be read."""

    digest: str
    """Of its pixels, see harness.images.digest."""
    size: tuple[int, int]
    """Width and height of the (cropped) picture."""


def look(images: Iterable[ImageRef], cache: Path | None = None) -> Iterator[Seen | ImageError]:
    """What is known of each picture, in order; those that are not known are read, and known from then on.

    Args:
        images: the pictures.
        cache: the folder of the file; None is the user's cache.
    """
    waiting = iter(images)
    with closing(_opened((cache or cache_folder()) / FILE)) as rows:
        while block := list(islice(waiting, _BLOCK)):
            yield from _look(block, rows)


def _look(block: Sequence[ImageRef], rows: sqlite3.Connection) -> list[Seen | ImageError]:
    states = {ref: file_state(ref.path) for ref in block}
    found: dict[ImageRef, Seen | ImageError] = dict(_known(states, rows))
    unknown = [ref for ref in states if ref not in found]
    with ThreadPoolExecutor(READERS) as pool:
        new = dict(zip(unknown, pool.map(_read, unknown), strict=True))
    _write_down({ref: seen for ref, seen in new.items() if isinstance(seen, Seen)}, states, rows)
    found |= new
    return [found[ref] for ref in block]


def _known(states: dict[ImageRef, str], rows: sqlite3.Connection) -> Iterator[tuple[ImageRef, Seen]]:
    query = "select digest, width, height from pictures where path = ? and box = ? and state = ?"
    with suppress(sqlite3.DatabaseError):  # damaged further in, or locked for long: then pictures are read once more
        for ref, state in states.items():
            if state and (row := rows.execute(query, (*_key(ref), state)).fetchone()):
                yield ref, Seen(row[0], (row[1], row[2]))


def _write_down(new: dict[ImageRef, Seen], states: dict[ImageRef, str], rows: sqlite3.Connection) -> None:
    # What changed while it was being read has no state that could be trusted.
    steady = {ref: seen for ref, seen in new.items() if states[ref] and states[ref] == file_state(ref.path)}
    lines = [(*_key(ref), states[ref], seen.digest, *seen.size) for ref, seen in steady.items()]
    with suppress(sqlite3.DatabaseError), rows:
        rows.executemany("insert or replace into pictures values (?, ?, ?, ?, ?, ?)", lines)


def _opened(file: Path) -> sqlite3.Connection:
    """The file, made anew where it is no database. It only saves time: where it cannot be written, memory serves."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        return _connect(file)
    except (OSError, sqlite3.OperationalError):
        return _connect(":memory:")
    except sqlite3.DatabaseError:
        file.unlink()
        return _connect(file)


def _connect(file: Path | str) -> sqlite3.Connection:
    rows = sqlite3.connect(file, timeout=PATIENCE)
    rows.execute(_TABLE)
    return rows


def _key(ref: ImageRef) -> tuple[bytes, str]:
    return os.fsencode(ref.path.absolute()), ",".join(map(str, ref.box)) if ref.box else ""


def file_state(path: Path) -> str:
    """What changes with the file; nothing where it is absent."""
    try:
        found = path.stat()
    except OSError:
        return ""
    return f"{found.st_size}:{found.st_mtime_ns}:{found.st_ctime_ns}:{found.st_ino}"


def _read(ref: ImageRef) -> Seen | ImageError:
    try:
        image = read(ref)
    except ImageError as error:
        return error
    return Seen(digest(image), image.size)
