"""Checkpoints seen from outside, without torch: their identity, where they lie, and what is left to download."""

import hashlib
import json
import struct
from collections.abc import Iterable
from math import prod
from pathlib import Path
from typing import Literal

from adapters import files
from harness.records import Record

SMALL = 64 * 2**20
"""Bytes up to which a file is hashed; larger ones count with size and time of change."""
GB = 1e9
_WEIGHTS = (".safetensors", ".bin")
_WHOLE = 0.9
"""Published sizes are rounded, and repositories hold the odd small file more: from this share on nothing is missing."""
_ADAPTERS = "adapters.safetensors"


class Whereabouts(Record):
    """Where a checkpoint is before it is loaded."""

    place: Literal["none", "endpoint", "file", "folder", "cache", "partial", "hub", "absent"]
    """none: the model has no weights; endpoint: a server has them; file, folder and cache: all here; partial: begun;
    hub: to be downloaded; absent: the source is neither on this disk nor a name that a repository can have."""
    here_gb: float = 0.0
    missing_gb: float | None = 0.0
    """To be downloaded; None where nobody knows how large the repository is."""


def fingerprint(source: str) -> str:
    """The contents of a folder or a file as a hash; a repository id, an address or an empty source as itself."""
    folder = Path(source)
    if source and folder.is_file():
        return hashlib.sha256(_content(folder).encode()).hexdigest()[:16]
    if not source or not folder.is_dir():
        return source
    parts = [f"{file.relative_to(folder)}:{_content(file)}" for file in sorted(folder.rglob("*")) if file.is_file()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def whereabouts(source: str, size_gb: float | None = None, hub: Path | None = None) -> Whereabouts:
    """Look for a checkpoint on this disk or in the caches; nothing is asked over the network.

    Args:
        source: a folder, a file, a repository id or a file in one, an address, or nothing.
        size_gb: of the published repository, where it is known.
        hub: the Hugging Face cache; None is the user's.
    """
    if not source:
        return Whereabouts(place="none")
    if Path(source).is_dir():
        return Whereabouts(place="folder", here_gb=_gigabytes(Path(source).rglob("*")))
    if Path(source).is_file():
        return Whereabouts(place="file", here_gb=_gigabytes([Path(source)]))
    if files.is_remote(source):
        kept = files.kept(source, hub)
        here = _gigabytes([kept]) if kept else 0.0
        return Whereabouts(place="cache" if kept else "hub", here_gb=here, missing_gb=0.0 if kept else size_gb)
    from huggingface_hub.errors import HFValidationError

    try:
        snapshot, blobs = _cached(source, hub)
    except HFValidationError:
        return Whereabouts(place="absent", missing_gb=None)
    here = max(_gigabytes(blobs.glob("*")), _gigabytes(snapshot.rglob("*")) if snapshot else 0.0)
    enough = size_gb is None or here >= _WHOLE * size_gb
    if snapshot is not None and enough and _complete(snapshot):
        return Whereabouts(place="cache", here_gb=here)
    missing = None if size_gb is None else max(size_gb - here, 0.0)
    return Whereabouts(place="partial" if here else "hub", here_gb=here, missing_gb=missing)


def hub_folder() -> Path:
    """The Hugging Face cache."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def offline() -> bool:
    """Whether the user forbids downloads."""
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def parameters_in(folder: Path) -> float | None:
    """How many billion numbers the weights of a folder hold, by the headers of its safetensors files.

    None where there are no such files, or only adapters, whose frozen parts lie elsewhere.
    """
    files = [] if (folder / _ADAPTERS).exists() else sorted(folder.rglob("*.safetensors"))
    return sum(map(_numbers, files)) / 1e9 if files else None


def _numbers(file: Path) -> int:
    with file.open("rb") as stream:
        (length,) = struct.unpack("<Q", stream.read(8))
        header = json.loads(stream.read(length))
    return sum(prod(about["shape"]) for name, about in header.items() if name != "__metadata__")


def _cached(repo: str, hub: Path | None) -> tuple[Path | None, Path]:
    """The snapshot of the main revision, where its configuration is here, and the folder of what was downloaded."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.file_download import repo_folder_name

    root = hub or hub_folder()
    config = try_to_load_from_cache(repo, "config.json", cache_dir=root)
    blobs = root / repo_folder_name(repo_id=repo, repo_type="model") / "blobs"
    return (Path(config).parent if isinstance(config, str) else None), blobs


def _complete(snapshot: Path) -> bool:
    """Whether every folder of weights has all that one of its indexes names, and there are weights at all."""
    folders: dict[Path, bool] = {}
    for index in snapshot.rglob("*.index.json"):
        # A repository may have two indexes, of .safetensors and of .bin; transformers loads one of them.
        folders[index.parent] = folders.get(index.parent, False) or _has_all(index)
    weights = any(file.suffix in _WEIGHTS and file.exists() for file in snapshot.rglob("*"))
    return weights and all(folders.values())


def _has_all(index: Path) -> bool:
    try:
        shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    except (OSError, ValueError, KeyError, AttributeError):
        return False  # a download that was cut off
    return all((index.parent / shard).exists() for shard in shards)


def _gigabytes(files: Iterable[Path]) -> float:
    return sum(file.stat().st_size for file in files if file.is_file()) / GB


def _content(file: Path) -> str:
    state = file.stat()
    if state.st_size > SMALL:
        return f"{state.st_size}:{state.st_mtime_ns}"
    return hashlib.sha256(file.read_bytes()).hexdigest()
