"""The index of a dataset: its label files read once, as an Arrow file in the cache that later runs map into memory.

    CACHE/index/<dataset>-<key>.arrow    the faces of all splits, see faces.py
    CACHE/index/<dataset>-<key>.json     what they were made from, and the tally

The key stands for the folder and the user's choices. The index is made anew when a label file, a listed folder, a list
of splits, the place of the pictures or the code of the loaders has changed; pictures are never looked at.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from filelock import FileLock
from pyarrow import ipc

from harness.errors import ConfigError, DataError, UnknownNameError
from harness.places import cache_folder
from tasks.datasets.base import SPLITS, Count, Tally
from tasks.datasets.faces import Faces, numbers
from tasks.datasets.lists import SplitList
from tasks.datasets.options import DataOptions
from tasks.datasets.pack import schema
from tasks.datasets.sources import Source
from tasks.datasets.writing import write_lines
from tasks.labels import FOLDER as SPACES


@dataclass(frozen=True)
class Columns:
    """What a dataset's faces are labelled with, under some choices of the user."""

    spaces: tuple[str, ...]
    groups: dict[str, str] = field(default_factory=dict)
    """Column to group scores by -> the space whose label it is."""
    boxed: bool = False


@dataclass(frozen=True)
class Loader:
    """How one dataset is read."""

    name: str
    source: Source
    columns: Callable[[DataOptions], Columns]
    inputs: Callable[[Path, DataOptions], Iterable[Path | str]]
    """The label files, and the folders whose names are read, that the faces are made from; as text, where the pictures
    lie, for a set is not read anew when one of them changes."""
    scan: Callable[[Path, DataOptions, Count], Iterator[pa.RecordBatch]]
    """The faces of all splits that are there, in the order of the label files; counts what it leaves out."""

    def index(self, folder: Path, options: DataOptions) -> "Index":
        """The index of the dataset in this folder, from the cache where it still holds.

        Raises:
            DataError: a file is missing, cut off or holds an impossible value.
            ConfigError: the list of splits cannot be read, or the cache cannot be written.
        """
        chosen = options.of(self.name)
        state = _digest([_code(), *map(_state, self.inputs(folder, options)), *_listed(chosen.split)])
        key = _digest([str(folder.resolve()), chosen.model_dump_json()])[:16]
        file = _cache() / f"{self.name}-{key}.arrow"
        note = _note(file, state)
        if note is None:
            with FileLock(file.with_suffix(".lock")):
                note = _note(file, state) or self._write(folder, options, file, state)
        return Index(self, folder, self.columns(options), file, note)

    def _write(self, folder: Path, options: DataOptions, file: Path, state: str) -> dict[str, Any]:
        count, columns = Count(), self.columns(options)
        split_file = options.of(self.name).split
        blocks = self.scan(folder, options, count)
        # Whoever dies between the two files must not leave the new faces under an old note.
        file.with_suffix(".json").unlink(missing_ok=True)
        listed = SplitList(split_file) if split_file else None
        _write_blocks(listed.apply(blocks, count) if listed else blocks, schema(columns.spaces, columns.boxed), file)
        note = {
            "state": state,
            "bytes": file.stat().st_size,
            "folder": str(folder.resolve()),
            "dropped": dict(count.dropped),
            "repaired": dict(count.repaired),
            "absent": {} if listed else count.absent,
            "splits": list(SPLITS if listed else self.source.splits),
        }
        write_lines(file.with_suffix(".json"), [json.dumps(note)])
        _forget_lost(file.parent)
        return note


class Index:
    """The faces of a dataset, on disk."""

    def __init__(self, loader: Loader, folder: Path, columns: Columns, file: Path, note: dict[str, Any]) -> None:
        self.source = loader.source
        self.folder = folder
        self.columns = columns
        self.splits: tuple[str, ...] = tuple(note["splits"])
        self.absent: dict[str, str] = note["absent"]
        """Split -> why it cannot be read."""
        self._note = note
        self._table = ipc.open_file(pa.memory_map(str(file))).read_all()
        self._split = np.concatenate([np.zeros(0, np.int8), *map(numbers, self._table.column("split").chunks)])

    def __len__(self) -> int:
        """The faces of all splits."""
        return int(self._table.num_rows)

    def faces(self, split: str | None = None) -> Faces:
        """The faces of one split, or of all.

        Raises:
            UnknownNameError: there is no such split.
            DataError: the files of this split are not there.
        """
        if split is not None and split not in self.splits:
            raise UnknownNameError.of(f"split of {self.source.title}", split, self.splits, "docs/datasets.md")
        if split in self.absent:
            raise DataError(self.absent[split])
        places = np.arange(len(self)) if split is None else np.flatnonzero(self._split == SPLITS.index(split))
        tally = Tally(kept=len(places), dropped=self._note["dropped"], repaired=self._note["repaired"])
        return Faces(self.folder, self._table, places, self.columns.spaces, self.columns.groups, tally)


def _write_blocks(blocks: Iterator[pa.RecordBatch], columns: pa.Schema, file: Path) -> None:
    with tempfile.NamedTemporaryFile(dir=file.parent, suffix=".arrow", delete=False) as draft:
        try:
            with ipc.new_file(draft, columns) as writer:
                for block in blocks:
                    writer.write_batch(block)
        except BaseException:
            os.unlink(draft.name)
            raise
    os.replace(draft.name, file)


def _note(file: Path, state: str) -> dict[str, Any] | None:
    """What is known of an index that is there, whole, and still holds."""
    try:
        note = json.loads(file.with_suffix(".json").read_bytes())
        size = file.stat().st_size  # a power cut or a full disk may have left less than was written
    except (OSError, ValueError):
        return None
    return note if isinstance(note, dict) and (note.get("state"), note.get("bytes")) == (state, size) else None


def _forget_lost(cache: Path) -> None:
    """Remove the indexes of folders that are no more."""
    for note in cache.glob("*.json"):
        try:
            lost = not Path(json.loads(note.read_bytes())["folder"]).is_dir()
        except (OSError, ValueError, KeyError):
            continue  # another process is at it
        if lost:
            for ending in (".json", ".arrow", ".lock"):
                note.with_suffix(ending).unlink(missing_ok=True)


def _cache() -> Path:
    folder = cache_folder() / "index"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"the cache {folder} cannot be written: {error.strerror}. Name another with FACE_HARNESS_CACHE."
        ) from error
    return folder


def _listed(file: Path | None) -> list[str]:
    """What changes with a list of splits, if there is one."""
    try:
        return [_state(file)] if file is not None else []
    except DataError as error:
        raise ConfigError(f"the list of splits {error}") from error


def _state(path: Path | str) -> str:
    """What changes with a file, or with the names in a folder; a text is its own."""
    if isinstance(path, str):
        return path
    try:
        if path.is_dir():
            return f"{path}:{_digest(sorted(os.listdir(path)))}"
        found = path.stat()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
    return f"{path}:{found.st_size}:{found.st_mtime_ns}"


@cache
def _code() -> str:
    """What the loaders and their label spaces are, so that nobody has to remember to raise a version."""
    files = [*Path(__file__).parent.glob("*.py"), *SPACES.glob("*.toml"), *SPACES.parent.glob("coarser.*")]
    return _digest([file.read_text(encoding="utf-8") for file in sorted(files)])


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()
