"""Chance by hash: the same on every machine and for ever, whatever other faces there are."""

import hashlib
from collections.abc import Iterable
from typing import Literal

import numpy as np
import numpy.typing as npt


def hash_split(text: str) -> Literal["test", "train"]:
    """One in five texts is "test", the others are "train"; equal texts never part."""
    number = int(hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest(), 16)
    return "test" if number % 5 == 0 else "train"


def luck(texts: Iterable[str]) -> npt.NDArray[np.float64]:
    """A number in [0, 1) for each text."""
    digests = (hashlib.sha1(text.encode(), usedforsecurity=False).digest() for text in texts)
    return np.array([int.from_bytes(digest[:6], "big") / 2**48 for digest in digests], dtype=np.float64)
