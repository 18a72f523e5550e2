"""A picture as tiles of three scales.

Source: NVlabs/VILA, llava/mm_utils.py (dynamic_s2_preprocess, find_closest_aspect_ratio, process_image).
"""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import torch
from PIL import Image
from transformers import BatchFeature, SiglipImageProcessorPil
from transformers.processing_utils import ImagesKwargs

from adapters.ports.nvila.scales import Grid, grids


class NVILAImagesKwargs(ImagesKwargs, total=False):
    """What transformers' SigLIP does not have."""

    s2_scales: list[int]
    max_tiles: int
    patch_size: int


class NVILAImageProcessor(SiglipImageProcessorPil):
    """Tiles as SigLIP wants to see them; the defaults are NVILA-8B's.

    The file of the published checkpoint has SigLIP's fields only; the others have their published values then.

    Args:
        s2_scales: sides in pixels; the first is a tile's.
        max_tiles: of the last scale.
        patch_size: of the vision tower, in pixels; it settles how many tokens a tile becomes.
    """

    valid_kwargs = NVILAImagesKwargs
    model_input_names = ["pixel_values", "block_sizes"]  # noqa: RUF012 - as transformers declares it
    image_mean = (0.5, 0.5, 0.5)
    image_std = (0.5, 0.5, 0.5)
    s2_scales = (448, 896, 1344)
    max_tiles = 12
    patch_size = 14

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = {"height": self.s2_scales[0], "width": self.s2_scales[0]}

    def preprocess(self, images: Sequence[Image.Image], *_: Any, **__: Any) -> BatchFeature:
        """`pixel_values` [tiles, 3, side, side] of all pictures and `block_sizes` [pictures, 2], rows and columns."""
        pictures = [image.convert("RGB") for image in images]
        sizes = [self.grid(*picture.size) for picture in pictures]
        tiles = [tile for picture, size in zip(pictures, sizes, strict=True) for tile in self._tiles(picture, size)]
        features = super().preprocess(tiles, do_resize=False, return_tensors="pt")
        return BatchFeature({"pixel_values": features["pixel_values"], "block_sizes": torch.tensor(sizes)})

    def grid(self, width: int, height: int) -> Grid:
        """Rows and columns of the last scale for a picture of this size."""
        return closest(width, height, self.s2_scales[0], _shapes(self.least_tiles, self.max_tiles))

    @property
    def least_tiles(self) -> int:
        """Of the last scale, for a square."""
        return int(self.s2_scales[-1] // self.s2_scales[0]) ** 2

    def tokens(self, size: Sequence[int]) -> int:
        """How many image tokens a picture with this grid becomes."""
        rows, columns = size
        return rows * columns * ((self.s2_scales[0] // self.patch_size + 1) // 2) ** 2

    def _tiles(self, picture: Image.Image, last: Grid) -> Iterator[Image.Image]:
        side = self.s2_scales[0]
        for rows, columns in grids(self.s2_scales, last):
            whole = picture.resize((columns * side, rows * side), Image.Resampling.BICUBIC)
            for row in range(rows):
                for column in range(columns):
                    yield whole.crop((column * side, row * side, (column + 1) * side, (row + 1) * side))


@cache
def _shapes(least: int, most: int) -> tuple[Grid, ...]:
    """All grids with that many tiles, the small ones first."""
    sides = range(1, most + 1)
    found = [(rows, columns) for columns in sides for rows in sides if least <= rows * columns <= most]
    return tuple(sorted(found, key=lambda grid: grid[0] * grid[1]))


def closest(width: int, height: int, side: int, shapes: Sequence[Grid]) -> Grid:
    """The grid whose shape is most like the picture's; of equals the later, if the picture fills half of it."""
    best, least = (1, 1), float("inf")
    for rows, columns in shapes:
        difference = abs(width / height - columns / rows)
        fills = width * height > 0.5 * side * side * rows * columns
        if difference < least or (difference == least and fills):
            best, least = (rows, columns), difference
    return best
