"""A map of images without overlaps: every image gets a cell of a square grid."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from striate.errors import ShapeError
from striate.explain.pictures import Picture

EXACT = 1_000  # points that are assigned at once; more are parted first
PAPER = 255

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def snap_to_grid(points: Any) -> tuple[Integers, int]:
    """A cell for each point, so that points move as little as possible.

        minimise sum_i |point_i - centre(cell_i)|²  over all assignments to different cells

    Exactly, for up to 1,000 points, by the Jonker-Volgenant algorithm. More are parted first, along
    the longer side of their cells, into parts of that many.

    Shape: [N, 2] as (x, y) with y upwards -> integers [N, 2] as (row, column), and the side of the
        grid, ceil(sqrt(N)).
    Raises:
        ShapeError: the points are not finite and [N, 2] with N >= 1.
    Source: the picture: Karpathy 2014, "t-SNE visualization of CNN codes"; by linear assignment:
        Klingemann 2015, "RasterFairy"; Crouse 2016, doi:10.1109/TAES.2016.140952 (scipy).
    """
    given = np.asarray(points, dtype=np.float64)
    if given.ndim != 2 or given.shape[1] != 2 or not len(given) or not np.isfinite(given).all():
        raise ShapeError(
            "explain-points",
            f"snap_to_grid: points must be finite and [N, 2], got {list(given.shape)}.",
            "Take them from project(vectors).",
        )
    side = math.ceil(math.sqrt(len(given)))
    low, high = given.min(axis=0), given.max(axis=0)
    span = np.where(high > low, high - low, 1)
    placed = np.empty_like(given)
    placed[:, 0] = side * (1 - (given[:, 1] - low[1]) / span[1])  # rows go down
    placed[:, 1] = side * (given[:, 0] - low[0]) / span[0]
    cells = np.empty((len(given), 2), dtype=np.int64)
    _fill(placed, np.arange(len(given)), (0, 0, side, side), cells)
    return cells, side


def _fill(
    placed: Floats, chosen: Integers, area: tuple[int, int, int, int], cells: Integers
) -> None:
    """Give the chosen points cells of the area (top, left, bottom, right)."""
    top, left, bottom, right = area
    rows, columns = bottom - top, right - left
    if not len(chosen):
        return
    if len(chosen) <= EXACT:
        cells[chosen] = _assigned(placed[chosen], area)
        return
    axis = 0 if rows >= columns else 1
    first = (rows if axis == 0 else columns) // 2
    room, whole = first * (columns if axis == 0 else rows), rows * columns
    few = len(chosen) - (whole - room)  # that must lie in the first part
    share = min(max(round(len(chosen) * room / whole), few), room)
    order = chosen[np.argsort(placed[chosen, axis], kind="stable")]
    cut = (top + first, left, bottom, right) if axis == 0 else (top, left + first, bottom, right)
    before = (top, left, top + first, right) if axis == 0 else (top, left, bottom, left + first)
    _fill(placed, order[:share], before, cells)
    _fill(placed, order[share:], cut, cells)


def _assigned(placed: Floats, area: tuple[int, int, int, int]) -> Integers:
    """The cheapest cells of an area for points: [n, 2]."""
    from scipy.optimize import linear_sum_assignment
    from scipy.spatial.distance import cdist

    top, left, bottom, right = area
    grid = np.stack(
        np.meshgrid(np.arange(top, bottom), np.arange(left, right), indexing="ij"), axis=-1
    ).reshape(-1, 2)
    _, taken = linear_sum_assignment(cdist(placed, grid + 0.5, "sqeuclidean"))
    return grid[taken]


def grid_picture(images: npt.NDArray[np.uint8], cells: Integers, side: int) -> Picture:
    """The images in their cells; what stays empty is white.

    Shape: images uint8 [N, h, w, 3]; cells [N, 2] -> uint8 [side * h, side * w, 3].
    """
    _, height, width, _ = images.shape
    sheet = np.full((side, side, height, width, 3), PAPER, dtype=np.uint8)
    sheet[cells[:, 0], cells[:, 1]] = images
    return sheet.transpose(0, 2, 1, 3, 4).reshape(side * height, side * width, 3)
