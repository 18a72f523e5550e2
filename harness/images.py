"""Reading images: upright, cropped, RGB, or an ImageError that says what is wrong."""

import hashlib
import warnings
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from harness.errors import ImageError
from harness.records import ImageRef


def read(ref: ImageRef) -> Image.Image:
    """The image as upright RGB, cropped to its box, which is clamped to the image.

    Raises:
        ImageError: the file is missing, empty, truncated, not an image, or the box lies outside it.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(ref.path) as opened:
                upright = ImageOps.exif_transpose(opened)
                image = _rgb(upright)
    except FileNotFoundError:
        raise ImageError(f"image {ref.path} does not exist") from None
    except Exception as error:  # PIL raises OSError, SyntaxError, ValueError, struct.error, zlib.error ...
        raise ImageError(f"image {ref.path} cannot be read: {error or type(error).__name__}") from error
    return crop(image, ref)


def crop(image: Image.Image, ref: ImageRef) -> Image.Image:
    """The part of an upright image that is meant, of whatever mode.

    Raises:
        ImageError: the box lies outside the image.
    """
    if ref.box is None:
        return image
    left, top, right, bottom = ref.box
    box = (max(left, 0), max(top, 0), min(right, image.width), min(bottom, image.height))
    if box[0] >= box[2] or box[1] >= box[3]:
        raise ImageError(f"box {ref.box} lies outside image {ref.path} of {image.width}x{image.height} pixels")
    return image.crop(box)


def square(image: Image.Image, colour: int | tuple[int, int, int]) -> Image.Image:
    """The image centred on a square of its longer side, the rest in one colour, as LLaVA pads pictures."""
    if image.width == image.height:
        return image
    side = max(image.size)
    canvas = Image.new(image.mode, (side, side), colour)
    canvas.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return canvas


def mean_colour(image_processor: Any) -> tuple[int, int, int]:
    """The colour that an image processor of transformers turns into zeros, (122, 116, 104) for CLIP."""
    red, green, blue = (int(mean * 255) for mean in image_processor.image_mean)
    return red, green, blue


def digest(image: Image.Image) -> str:
    """A hash of the size and the pixels: the same picture under another name has the same digest."""
    head = f"{image.width}x{image.height}:".encode()
    return hashlib.sha256(head + image.tobytes()).hexdigest()


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):  # PIL would cut every value above 255 to white
        image = Image.fromarray((np.asarray(image) / 257).round().astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")
