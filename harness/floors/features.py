"""Features of many pictures by a frozen tower, block by block on disk: a fit that was killed goes on where it stopped.

CACHE/features/TOWER/BLOCK.safetensors holds the rows of some pictures; the name of a block stands for these pictures,
their boxes and the state of their files. A picture that cannot be read has a row of NaN.
"""

# mypy: disallow-untyped-calls=False

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors.numpy import load_file, save_file

from adapters.clip_probe import Tower
from harness.digests import READERS, file_state
from harness.errors import ImageError
from harness.images import read
from harness.records import ImageRef

BLOCK = 1024
"""Pictures of a file: a kill loses no more."""
BATCH = 64
Floats = npt.NDArray[np.float32]
Tell = Callable[[str], None]


def features(tower: Tower, images: Sequence[ImageRef], folder: Path, tell: Tell) -> Floats:
    """Features [N, D] of pictures, those found on disk not computed again.

    Args:
        tower: on the device on which it is to work.
        images: the pictures.
        folder: of the blocks; it belongs to this tower alone.
        tell: is told of every block that is computed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    starts = range(0, len(images), BLOCK)
    return np.concatenate([_block(tower, images[start : start + BLOCK], folder, tell) for start in starts])


def _block(tower: Tower, images: Sequence[ImageRef], folder: Path, tell: Tell) -> Floats:
    file = folder / f"{_name(images)}.safetensors"
    if file.is_file():
        return load_file(file)["features"]
    rows = np.concatenate(list(_rows(tower, images)))
    draft = file.with_suffix(f".{os.getpid()}.new")
    save_file({"features": rows}, draft)
    os.replace(draft, file)
    tell(f"features of {len(rows)} pictures")
    return rows


def _rows(tower: Tower, images: Sequence[ImageRef]) -> Iterator[Floats]:
    device = next(tower.parameters()).device
    side = tower.network.config.image_size
    with ThreadPoolExecutor(READERS) as pool, torch.inference_mode():
        for start in range(0, len(images), BATCH):
            found = list(pool.map(lambda image: _picture(tower, image), images[start : start + BATCH]))
            blank = torch.full((3, side, side), torch.nan)
            pixels = torch.stack([blank if one is None else one for one in found])
            yield tower(pixels.to(device)).float().cpu().numpy()


def _picture(tower: Tower, image: ImageRef) -> torch.Tensor | None:
    try:
        return tower.picture(read(image))
    except ImageError:
        return None


def _name(images: Sequence[ImageRef]) -> str:
    told = [[str(image.path.absolute()), image.box, file_state(image.path)] for image in images]
    return hashlib.sha256(json.dumps(told).encode("utf-8", "surrogateescape")).hexdigest()[:32]
