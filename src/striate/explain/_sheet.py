"""Many small pictures on one sheet."""

import math

import numpy as np
import numpy.typing as npt

from striate.errors import ShapeError
from striate.explain.pictures import Picture, coloured, scaled

PAPER = 255  # grey between the pictures


def sheet(
    pictures: npt.NDArray[np.uint8], *, columns: int | None = None, gap: int = 1, zoom: int = 1
) -> Picture:
    """Pictures of one size side by side, row by row.

    Shape: uint8 [N, h, w, 3] -> uint8 [H, W, 3].
    Args:
        columns: pictures in a row; None makes the sheet about square.
        gap: white pixels between pictures, after enlarging.
        zoom: pixels a side that each pixel becomes.
    Raises:
        ShapeError: there is no picture.
    """
    if pictures.ndim != 4 or pictures.shape[3] != 3 or not len(pictures):
        raise ShapeError(
            "explain-picture", f"sheet: pictures must be [N, h, w, 3], got {list(pictures.shape)}."
        )
    large = pictures.repeat(zoom, axis=1).repeat(zoom, axis=2)
    count, height, width = large.shape[:3]
    columns = min(columns or math.ceil(math.sqrt(count * height / width)), count)
    rows = math.ceil(count / columns)
    cells = np.full((rows * columns, height + gap, width + gap, 3), PAPER, dtype=np.uint8)
    cells[:count, :height, :width] = large
    lines = cells.reshape(rows, columns, height + gap, width + gap, 3).transpose(0, 2, 1, 3, 4)
    whole = lines.reshape(rows * (height + gap), columns * (width + gap), 3)
    return np.ascontiguousarray(whole[: whole.shape[0] - gap, : whole.shape[1] - gap])


def map_pictures(
    maps: npt.NDArray[np.float32], *, same_scale: bool = False, signed: bool | None = None
) -> npt.NDArray[np.uint8]:
    """Maps in the colours of `overlay`: dark is 0; where some are negative, blue is below 0.

    Shape: [N, h, w] -> uint8 [N, h, w, 3].
    Args:
        same_scale: all by the largest absolute number of all, not each by its own.
        signed: the scale with two colours, or with one; None: as the maps need it.
    """
    count, height, width = maps.shape
    brought = scaled(maps) if same_scale else np.stack([scaled(each) for each in maps])
    lines = brought.reshape(count * height, width)
    if signed or (signed is None and lines.min(initial=0) < 0):
        lines = np.concatenate([lines, np.full((1, width), -1, np.float32)])  # asks for two colours
    colours = coloured(lines)[: count * height]
    return np.rint(255 * colours).astype(np.uint8).reshape(count, height, width, 3)


def zoom_to(height: int, width: int, least: int) -> int:
    """The whole number that makes a picture's shorter side at least so many pixels."""
    return max(1, math.ceil(least / min(height, width)))
