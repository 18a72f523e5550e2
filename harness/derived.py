"""Whether scores and report still are what the answers on disk give, so that a rerun without new answers makes neither.

RUN/derived.json holds the state that they were made from: the answers, the samples, the run's description and the code.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from harness.store import PAGE, SCORES, RunFolder, write_atomically

FILE = "derived.json"
_CODE = ("harness", "prompts", "reports", "tasks")
_VOLATILE = ("command", "started")


def up_to_date(folder: RunFolder) -> bool:
    """Whether scores and report were made from what is there now, by the code that is there now."""
    try:
        known = json.loads((folder.path / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return known == {"state": _state(folder)} and all((folder.path / made).is_file() for made in (SCORES, PAGE))


def mark(folder: RunFolder) -> None:
    """Say that they were made now."""
    write_atomically(folder.path / FILE, json.dumps({"state": _state(folder)}) + "\n")


def _state(folder: RunFolder) -> str:
    digest = hashlib.sha256()
    for part in _parts(folder):
        digest.update(part.encode("utf-8", "surrogateescape") + b"\0")
    return digest.hexdigest()


def _parts(folder: RunFolder) -> Iterator[str]:
    run = {name: value for name, value in folder.run().items() if name not in _VOLATILE}
    yield json.dumps(run, sort_keys=True)
    # Samples are written anew by every run, so their time says nothing.
    for file in _files(folder.path / "samples"):
        yield f"{file.name}:{hashlib.sha256(file.read_bytes()).hexdigest()}"
    for file in (*_files(folder.path / "responses"), *_code()):
        found = file.stat()
        yield f"{file}:{found.st_size}:{found.st_mtime_ns}"


def _code() -> Iterator[Path]:
    root = Path(__file__).parent.parent
    for package in _CODE:
        yield from (file for file in _files(root / package) if file.suffix != ".pyc")


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []
