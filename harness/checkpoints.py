"""Which weights a model was run with: the identity of a checkpoint, cheap enough to take before every run."""

import hashlib
from pathlib import Path

SMALL = 64 * 2**20
"""Bytes up to which a file is hashed; larger ones count with size and time of change."""


def fingerprint(source: str) -> str:
    """A folder's contents as a hash; a repository id or an empty source as itself."""
    folder = Path(source)
    if not source or not folder.is_dir():
        return source
    parts = [f"{file.relative_to(folder)}:{_content(file)}" for file in sorted(folder.rglob("*")) if file.is_file()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _content(file: Path) -> str:
    state = file.stat()
    if state.st_size > SMALL:
        return f"{state.st_size}:{state.st_mtime_ns}"
    return hashlib.sha256(file.read_bytes()).hexdigest()
