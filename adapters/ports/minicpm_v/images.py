"""Pictures to patches: an overview of the whole, and for a large picture a grid of slices in its own shape.

Source: openbmb/MiniCPM-Llama3-V-2_5, image_processing_minicpmv.py.
"""

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from transformers import BatchFeature
from transformers.image_processing_utils import BaseImageProcessor

Size = tuple[float, float]
"""Width and height in pixels."""


class MiniCPMVImageProcessor(BaseImageProcessor):
    """Adaptive slicing: every view keeps the shape of what it shows and has about as many pixels as a square one.

    Args:
        max_slice_nums: slices a picture is cut into at most.
        scale_resolution: side in pixels of a square with the area of one view.
        patch_size: in pixels; the sides of a view are multiples of it.
        image_feature_size: tokens per view.
        norm_mean: per colour, subtracted from values between 0 and 1.
        norm_std: per colour, divided by.
        kwargs: the rest of the published file, kept as it is.
    """

    model_input_names: ClassVar[list[str]] = ["pixel_values", "patch_grids", "slice_grids"]

    def __init__(
        self,
        max_slice_nums: int = 9,
        scale_resolution: int = 448,
        patch_size: int = 14,
        image_feature_size: int = 96,
        norm_mean: Sequence[float] = (0.5, 0.5, 0.5),
        norm_std: Sequence[float] = (0.5, 0.5, 0.5),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.max_slice_nums = max_slice_nums
        self.scale_resolution = scale_resolution
        self.patch_size = patch_size
        self.image_feature_size = image_feature_size
        self.norm_mean = list(norm_mean)
        self.norm_std = list(norm_std)

    def __call__(self, images: Sequence[Image.Image], **kwargs: Any) -> BatchFeature:
        """Patches [P, 3, side, side] of all views, their grids [S, 2], the grids of slices [B, 2]; rows before columns.

        An image's overview comes first, then its slices row by row; an image that is not sliced has the grid (0, 0).
        """
        grids = [self.slice_grid(image.size) for image in images]
        views = [view for image, grid in zip(images, grids, strict=True) for view in self.views(image, grid)]
        patch_grids = [[view.height // self.patch_size, view.width // self.patch_size] for view in views]
        return BatchFeature(
            {
                "pixel_values": torch.cat([self._patches(view) for view in views]),
                "patch_grids": torch.tensor(patch_grids),
                "slice_grids": torch.tensor(grids),
            }
        )

    def slice_grid(self, size: Size) -> tuple[int, int]:
        """Rows and columns of slices: as many as the picture has views' areas, give or take one, in its own shape."""
        width, height = size
        count = min(math.ceil(width * height / self.scale_resolution**2), self.max_slice_nums)
        if count <= 1:
            return 0, 0
        counts = [number for number in (count - 1, count, count + 1) if 1 < number <= self.max_slice_nums]
        grids = [(number // columns, columns) for number in counts for columns in _divisors(number)]
        shape = math.log(width / height)
        return min(grids, key=lambda grid: abs(shape - math.log(grid[1] / grid[0])))

    def views(self, image: Image.Image, grid: tuple[int, int]) -> list[Image.Image]:
        """The overview and the slices, each with sides that are multiples of the patch."""
        image = image.convert("RGB")
        views = [image.resize(self.view_size(image.size), Image.Resampling.BICUBIC)]
        rows, columns = grid
        if rows:
            cell = (_multiple(image.width, columns) / columns, _multiple(image.height, rows) / rows)
            width, height = self.view_size(cell)
            canvas = image.resize((width * columns, height * rows), Image.Resampling.BICUBIC)
            corners = [(column * width, row * height) for row in range(rows) for column in range(columns)]
            views += [canvas.crop((left, top, left + width, top + height)) for left, top in corners]
        return views

    def view_size(self, size: Size) -> tuple[int, int]:
        """The size of a view of something of this shape: the area of the square, sides rounded to patches."""
        ratio = size[0] / size[1]
        height = int(self.scale_resolution / math.sqrt(ratio))
        width = int(height * ratio)
        return _multiple(width, self.patch_size), _multiple(height, self.patch_size)

    def _patches(self, view: Image.Image) -> Tensor:
        mean, std = torch.tensor(self.norm_mean), torch.tensor(self.norm_std)
        pixels_HWC = (torch.from_numpy(np.array(view)).to(torch.float32) / 255 - mean) / std
        side = self.patch_size
        split = pixels_HWC.unflatten(0, (-1, side)).unflatten(2, (-1, side))
        return split.permute(0, 2, 4, 1, 3).flatten(0, 1)


def _divisors(number: int) -> list[int]:
    return [divisor for divisor in range(1, number + 1) if number % divisor == 0]


def _multiple(length: float, unit: int) -> int:
    """The multiple of a unit nearest to a length, at least one unit."""
    return max(round(length / unit) * unit, unit)
