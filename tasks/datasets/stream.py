"""The border to the `datasets` library: rows of a mirror, one after the other, their pictures as published.

It is imported when a mirror is opened, never before: nothing else in the project needs it.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from harness.errors import ConfigError, DataError, HarnessError, UnknownNameError
from tasks.datasets.mirrors import HELP, Mirror

_PICTURES = ("PIL.Image.Image", "binary", "large_binary", "string", "large_string")
"""Types of columns that can be read as pictures, beside bytes with a path."""


_BATCH = 64
"""Rows of a parquet file that are unpacked at once."""
_BUFFER = 8 * 2**20
"""Bytes of it that are asked for at once."""


class Raw(NamedTuple):
    """One row as the mirror has it."""

    image: bytes | None
    path: str | None
    values: dict[str, Any]
    """Role -> value, the image left out."""


class Opened(NamedTuple):
    """A mirror that answered."""

    mirror: Mirror
    splits: dict[str, Any]
    """The mirror's name of a split -> the library's stream of it."""
    commit: str | None
    """Of the repository; None for a folder of this machine."""

    def names(self, role: str) -> tuple[str, ...] | None:
        """The names that the mirror itself gives to the codes of a role, where it does."""
        split = self.splits[next(iter(self.mirror.splits))]
        found = getattr(split.features[self.mirror.columns[role]], "names", None)
        return tuple(found) if found is not None else None

    def rows(self, split: str) -> Iterator[Raw]:
        """The rows of one split.

        Raises:
            DataError: the mirror stopped answering or is damaged.
        """
        with _quiet(), _reachable(self.mirror):
            for row in self._stream(split):
                yield self._raw(row)

    def _stream(self, split: str) -> Any:
        from datasets import Image

        columns = self.mirror.columns
        wanted = self.splits[split].select_columns(sorted(set(columns.values())))
        return wanted.cast_column(columns["image"], Image(decode=False))

    def _raw(self, row: dict[str, Any]) -> Raw:
        values = {role: row[column] for role, column in self.mirror.columns.items() if role != "image"}
        image = row[self.mirror.columns["image"]] or {}
        path = image.get("path")
        return Raw(image.get("bytes") or self._read(path), path, values)

    def _read(self, path: str | None) -> bytes | None:
        """The bytes behind a path, where it leads into the mirror itself and nowhere else on this machine."""
        if not path or not _inside(self.mirror.repo, path):
            return None
        from datasets.utils.file_utils import xopen

        with xopen(path, "rb") as stream:
            return bytes(stream.read()) or None


def open_mirror(mirror: Mirror) -> Opened:
    """Ask the Hub, or a folder, for a mirror, and check that it has the splits and columns that are named.

    Raises:
        DataError: it cannot be reached or read.
        UnknownNameError: it has no such split or column.
    """
    with _quiet(), _reachable(mirror):
        from datasets import load_dataset_builder

        builder = load_dataset_builder(mirror.repo, mirror.config, revision=mirror.revision)
        _in_small_steps(builder.config)
        splits = dict(builder.as_streaming_dataset())
        found = re.search(r"@([0-9a-f]{40})", builder.base_path or "")
    for split in mirror.splits:
        if split not in splits:
            raise UnknownNameError.of(f"split of {mirror.repo}", split, splits, _all_of(splits))
        _check_columns(mirror, split, splits[split].features)
    return Opened(mirror, splits, found[1] if found else None)


def _in_small_steps(config: Any) -> None:
    """Let parquet files be read a few megabytes at a time: by default a group of rows is held, hundreds of them."""
    if hasattr(config, "fragment_scan_options"):
        from pyarrow.dataset import ParquetFragmentScanOptions

        config.batch_size = _BATCH
        config.fragment_scan_options = ParquetFragmentScanOptions(
            use_buffered_stream=True, buffer_size=_BUFFER, pre_buffer=False
        )


def _check_columns(mirror: Mirror, split: str, features: Any) -> None:
    if features is None:
        raise ConfigError(
            f"the files of {mirror.repo} say nothing about their columns, so they can hold no pictures. "
            "Choose a mirror of parquet files, tar shards or pictures in folders."
        )
    for role, column in mirror.columns.items():
        if column not in features:
            what = f"column of {mirror.repo}, split {split}, for the role {role}:"
            raise UnknownNameError.of(what, column, features, _all_of(features))
    image = features[mirror.columns["image"]]
    if getattr(image, "dtype", "") not in _PICTURES and not isinstance(image, dict):
        raise ConfigError(
            f"column {mirror.columns['image']!r} of {mirror.repo} holds no images. Which one does? "
            f"--column image=COLUMN; {HELP} shows examples."
        )


def _all_of(names: Any) -> str:
    return f"There are: {', '.join(list(names)[:60])}. This"


def _inside(repo: str, path: str) -> bool:
    place = path.rpartition("::")[2]
    if Path(repo).is_dir():
        return "://" not in place and Path(place).resolve().is_relative_to(Path(repo).resolve())
    return place.startswith((f"hf://datasets/{repo}@", f"hf://datasets/{repo}/"))


@contextmanager
def _reachable(mirror: Mirror) -> Iterator[None]:
    """Turn whatever the library raises into a sentence."""
    try:
        yield
    except HarnessError:
        raise
    except Exception as error:  # the library lets through those of pyarrow, fsspec, httpx, tarfile ...
        what = " ".join(str(error).split())[:300] or type(error).__name__
        raise DataError(f"{mirror.repo} cannot be read: {what.rstrip('.')}. {_cure(mirror, error)}") from error


def _cure(mirror: Mirror, error: Exception) -> str:
    if "script" in str(error):
        return "Scripts are not run; a mirror of parquet files is wanted, perhaps --revision refs/convert/parquet."
    if isinstance(error, ValueError | TypeError):
        return f"{HELP} explains --config, --revision and --column."
    if Path(mirror.repo).is_absolute() or mirror.repo.startswith("."):
        return "Give the folder that holds the parquet files or tar shards."
    return (
        "Check its name, the connection and HF_HUB_OFFLINE; a set behind a form needs `hf auth login`. Without a "
        f"connection: `hf download {mirror.repo} --repo-type dataset --local-dir FOLDER` elsewhere, then --hub FOLDER "
        f"{mirror.words}."
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Let the libraries neither draw bars nor load torch, which they do only to be one of its classes."""
    import datasets
    from datasets.utils import logging
    from huggingface_hub.utils import logging as hub_logging

    torch = datasets.config.TORCH_AVAILABLE
    levels = logging.get_verbosity(), hub_logging.get_verbosity()
    bars = datasets.are_progress_bars_disabled()
    try:
        datasets.config.TORCH_AVAILABLE = False
        logging.set_verbosity(logging.CRITICAL)
        hub_logging.set_verbosity(logging.CRITICAL)
        datasets.disable_progress_bars()
        yield
    finally:
        datasets.config.TORCH_AVAILABLE = torch
        logging.set_verbosity(levels[0])
        hub_logging.set_verbosity(levels[1])
        if not bars:
            datasets.enable_progress_bars()
