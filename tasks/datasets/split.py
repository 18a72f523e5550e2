"""A split for datasets that come without one: by hash, so it is the same everywhere and for ever."""

import hashlib
from typing import Literal


def hash_split(text: str) -> Literal["test", "train"]:
    """One in five texts is "test", the others are "train"; equal texts never part."""
    number = int(hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest(), 16)
    return "test" if number % 5 == 0 else "train"
