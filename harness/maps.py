"""Segmentation maps on disk: one 8-bit palette PNG per picture, found by the picture's pixels, never by its name.

FOLDER/about.json              who made the maps
FOLDER/<dd>/<digest>.png       the class of each pixel (CLASSES); digest as harness.images has it

Classes are facer's of "celebm" (CelebAMask-HQ); left and right are the subject's: the right eye is on the left of the
picture. A map belongs to what a model is shown: of a photograph with several annotated boxes each crop has its own.
"""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from harness.errors import ConfigError, ImageError
from harness.images import digest

CLASSES = (
    "background", "neck", "face", "cloth", "rr", "lr", "rb", "lb", "re", "le",
    "nose", "imouth", "llip", "ulip", "hair", "eyeg", "hat", "earr", "neck_l",
)  # fmt: skip
"""facer's names, in its order: the place is the class. r and l are right and left, r is ear, b brow, e eye."""

PALETTE = np.array(
    [
        (0, 0, 0), (255, 153, 51), (204, 0, 0), (0, 204, 0), (102, 51, 0), (255, 0, 0), (0, 255, 255), (255, 204, 204),
        (51, 51, 255), (204, 0, 204), (76, 153, 0), (102, 204, 0), (0, 0, 153), (255, 255, 0), (0, 0, 204),
        (204, 204, 0), (255, 51, 153), (0, 204, 204), (0, 51, 0),
    ],
    dtype=np.uint8,
)  # fmt: skip
"""[19, 3], red, green and blue: the colours CelebAMask-HQ's own code draws with, each class its own."""

NAME = "maps"
"""The folder of maps under a data root, where nothing else is said."""
_ABOUT = "about.json"
CURE = "`python -m harness segment` makes maps."

Classes = npt.NDArray[np.uint8]


def map_file(folder: Path, picture: str) -> Path:
    """Where the map of the picture with this digest lies, or would lie."""
    return folder / picture[:2] / f"{picture}.png"


def write_map(folder: Path, picture: str, classes: Classes) -> Path:
    """Write the map [height, width] of the picture with this digest; a crash leaves none or a whole one."""
    file = map_file(folder, picture)
    file.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(classes)
    image.putpalette(PALETTE.tobytes())
    with tempfile.NamedTemporaryFile(dir=file.parent, suffix=".part", delete=False) as stream:
        image.save(stream, "PNG")
    os.chmod(stream.name, 0o644)
    os.replace(stream.name, file)
    return file


def read_map(folder: Path, image: Image.Image) -> Image.Image:
    """The map of a picture, of its size, in mode "L": the value of a pixel is its class.

    Raises:
        ImageError: there is none, or the file is damaged or of another size.
    """
    file = map_file(folder, digest(image))
    try:
        with Image.open(file) as opened:
            classes = Image.fromarray(np.asarray(opened, dtype=np.uint8))
    except FileNotFoundError:
        raise ImageError(f"the picture has no segmentation map in {folder}: {CURE}") from None
    except Exception as error:  # as with pictures, PIL raises what it likes
        raise ImageError(f"the map {file} cannot be read ({error}): remove it. {CURE}") from error
    if classes.size != image.size or int(np.asarray(classes).max()) >= len(CLASSES):
        raise ImageError(f"the map {file} does not fit its picture of {image.width}x{image.height}: remove it. {CURE}")
    return classes


def coloured(classes: Image.Image) -> Image.Image:
    """A map as a picture: each class in its colour of the palette, RGB."""
    return Image.fromarray(PALETTE[np.asarray(classes)])


def write_about(folder: Path, about: dict[str, Any]) -> None:
    """Write down who made the maps of a folder.

    Raises:
        ConfigError: the folder holds maps of another maker; two parsers' maps do not mix.
    """
    found = read_about(folder)
    if found and found != about:
        raise ConfigError(f"{folder} holds maps made by {found}, not by {about}: choose another folder.")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _ABOUT).write_text(json.dumps(about, sort_keys=True) + "\n", encoding="utf-8")


def read_about(folder: Path) -> dict[str, Any]:
    """Who made the maps of a folder; empty where nothing says so."""
    file = folder / _ABOUT
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
