"""Dynamic S2: several scales of one picture, each cut into tiles, become one map and then one row of tiles again.

Shapes: T tiles, P patches of a tile, D width, H and W the patches of a map.
Source: NVlabs/VILA, llava/model/llava_arch.py (merge_features_for_dynamic_s2, merge_chessboard, split_chessboard).
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

Grid = tuple[int, int]
"""Rows and columns of tiles."""


def grids(scales: Sequence[int], last: Grid) -> list[Grid]:
    """How many tiles each scale has: squares, but for the last, which follows the shape of the picture."""
    return [(scale // scales[0], scale // scales[0]) for scale in scales[:-1]] + [last]


def tile_count(scales: Sequence[int], last: Grid) -> int:
    """Of all scales together."""
    return sum(rows * columns for rows, columns in grids(scales, last))


def merged(tiles_TPD: Tensor, grid: Grid) -> Tensor:
    """Square tiles, row by row, as one map [D, H, W]."""
    rows, columns = grid
    side = math.isqrt(tiles_TPD.shape[1])
    board = tiles_TPD.reshape(rows, columns, side, side, -1)
    return board.permute(4, 0, 2, 1, 3).reshape(-1, rows * side, columns * side)


def split(map_DHW: Tensor, grid: Grid) -> Tensor:
    """The tiles [T, P, D] of a map, row by row."""
    rows, columns = grid
    width, height_pixels, width_pixels = map_DHW.shape
    board = map_DHW.reshape(width, rows, height_pixels // rows, columns, width_pixels // columns)
    return board.permute(1, 3, 2, 4, 0).reshape(rows * columns, -1, width)


def joined(tiles_TPD: Tensor, scales: Sequence[int], last: Grid) -> Tensor:
    """The tiles [T of the last scale, P, D * scales] of a picture, each patch with what every scale saw there.

    Args:
        tiles_TPD: of all scales, one after the other.
        scales: sides in pixels.
        last: grid of the last scale.
    """
    boards = grids(scales, last)
    pieces = tiles_TPD.split([rows * columns for rows, columns in boards])
    maps = [merged(piece, board) for piece, board in zip(pieces, boards, strict=True)]
    size = maps[-1].shape[-2:]
    # In float32 as the original does; half precision would average differently.
    levels = [F.interpolate(level[None].float(), size=size, mode="area")[0].to(level.dtype) for level in maps]
    return split(torch.cat(levels), last)
