"""Pictures of a mirror on their way to disk."""

import hashlib
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from harness.errors import DataError
from tasks.datasets.writing import Item, Layout, Placed

HIDDEN = ".fetch"
"""The folder, inside that of a dataset, for what is under way."""


class Pictures:
    """Puts pictures where they belong, each whole or not at all, and counts them."""

    def __init__(self, folder: Path, layout: Layout) -> None:
        self._folder, self._repeats = folder, layout.repeats
        self._seen: dict[str, bytes] = {}
        self.counts: Counter[str] = Counter()
        self.left_out: Counter[str] = Counter()
        self.before_change: Callable[[], None] = lambda: None

    def put(self, item: Item, placed: Placed) -> bool:
        """Write the picture unless it is there; whether its row belongs into the label file."""
        digest = hashlib.sha256(item.image).digest()[:16]
        before = self._seen.setdefault(placed.file, digest)
        if before is not digest:
            return self._again(item, placed, before == digest)
        self.counts["already" if self._there(item, placed) else "written"] += 1
        return True

    def _again(self, item: Item, placed: Placed, same: bool) -> bool:
        if not same or self._repeats == "never":
            raise DataError(
                f"{item.where}: {placed.file} is in an earlier row{'' if same else ' with another picture'}. The "
                "column of names is not what tells these pictures apart: give another, or none."
            )
        if self._repeats == "copies":
            self.left_out["copies of an earlier row"] += 1
        return self._repeats == "faces"

    def _there(self, item: Item, placed: Placed) -> bool:
        file = self._folder / placed.file
        if file.is_file():
            if file.stat().st_size == len(item.image) and file.read_bytes() == item.image:
                return True
            self.before_change()
        file.parent.mkdir(parents=True, exist_ok=True)
        part = self._folder / HIDDEN / "picture.part"
        part.write_bytes(item.image)
        os.replace(part, file)
        return False
