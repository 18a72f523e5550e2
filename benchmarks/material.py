"""Pictures and the question about them, the same for every part and every arm."""

from pathlib import Path

import numpy as np
from PIL import Image

from harness.records import ImageRef, Request

QUESTION = "What is the expression of this face? Choose one of: angry, disgust, fear, happy, sad, surprise, neutral."
_COARSE = 12
"""Blots a side: noise of single pixels is no picture, and takes JPEG and PNG longer than any photograph."""


def requests(folder: Path, count: int, side: int, seed: int = 0) -> list[Request]:
    """Square blotched pictures on disk, and one question about each; another seed, other pictures."""
    generator = np.random.default_rng(seed)
    found = []
    for number in range(count):
        blots = generator.integers(0, 256, (_COARSE, _COARSE, 3), dtype=np.uint8)
        path = folder / f"{seed}-{number}.jpg"
        Image.fromarray(blots).resize((side, side), Image.Resampling.BICUBIC).save(path)
        found.append(Request(key=str(number), sample_id=str(number), image=ImageRef(path=path), text=QUESTION))
    return found
