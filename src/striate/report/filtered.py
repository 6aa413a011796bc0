"""One picture that shows what a kernel does: before, the numbers, after."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Pixels = NDArray[np.uint8]  # [H, W] or [H, W, 1 or 3]

INK, QUIET, LINE = "#1d2733", "#66717d", "#c9d0d7"
POSITIVE, NEGATIVE, NOTHING = "#f2b179", "#8ab4e8", "#f5f6f8"
LEAST_SIDE = 280  # of a picture on the page; smaller ones are enlarged by whole numbers
GRID, PAIR_OF_GRIDS = 210, 150  # width of a kernel: one alone, or each of two
GAP, MARGIN, HEAD, FOOT = 64, 28, 52, 58  # all lengths in units of 1/100 inch
SHARP = 2  # dots per unit


@dataclass(frozen=True)
class Grid:
    """A kernel as it is drawn: its numbers, and the divisor that stands below them."""

    title: str
    numbers: NDArray[np.float64]
    divisor: float = 1


@dataclass(frozen=True)
class Side:
    """A picture with its name and a line about it."""

    pixels: Pixels
    title: str
    caption: str

    @property
    def size(self) -> tuple[int, int]:
        """Width and height on the page."""
        height, width = self.pixels.shape[:2]
        enlarged = max(1, LEAST_SIDE // max(height, width))
        return width * enlarged, height * enlarged

    @property
    def room(self) -> int:
        """Width that it takes with its texts."""
        return max(self.size[0], LEAST_SIDE)


def draw_filtered(before: Side, grids: Sequence[Grid], sign: str, after: Side) -> bytes:
    """PNG: the picture, `sign` and the kernels with their numbers, the answer.

    Args:
        grids: one kernel, or two that are drawn above each other.
        sign: how picture and kernel meet, such as "⋆" for cross-correlation.
    """
    from matplotlib.figure import Figure  # here, since it takes half a second

    side = GRID if len(grids) == 1 else PAIR_OF_GRIDS
    tall = len(grids) * side + (len(grids) - 1) * FOOT
    height = max(before.size[1], after.size[1], tall)
    page = _Page(before.room + side + after.room + 2 * (GAP + MARGIN), height + HEAD + FOOT)
    figure = Figure(figsize=(page.width / 100, page.height / 100), facecolor="white")
    middle = HEAD + height / 2
    left = MARGIN
    _draw_side(figure, page, before, left, middle)
    left += before.room
    page.write(figure, left + GAP / 2, middle, sign, size=34, color=QUIET)
    left += GAP
    for row, grid in enumerate(grids):
        top = middle - tall / 2 + row * (side + FOOT)
        _draw_grid(page.axes(figure, left, top, side, side), grid)
        page.write(figure, left + side / 2, top - 16, grid.title, weight="bold")
        if grid.divisor != 1:
            page.write(figure, left + side / 2, top + side + 18, f"÷ {grid.divisor:g}", size=13)
    left += side
    page.write(figure, left + GAP / 2, middle, "=", size=30, color=QUIET)
    _draw_side(figure, page, after, left + GAP, middle)
    file = BytesIO()
    figure.savefig(file, format="png", dpi=100 * SHARP)
    return file.getvalue()


@dataclass(frozen=True)
class _Page:
    """Places measured from the top left, as pictures are; matplotlib wants shares from below."""

    width: float
    height: float

    def axes(
        self, figure: "Figure", left: float, top: float, width: float, height: float
    ) -> "Axes":
        """An empty frame."""
        frame = figure.add_axes(
            (
                left / self.width,
                1 - (top + height) / self.height,
                width / self.width,
                height / self.height,
            )
        )
        frame.set_xticks([])
        frame.set_yticks([])
        for spine in frame.spines.values():
            spine.set_color(LINE)
        return frame

    def write(
        self,
        figure: "Figure",
        x: float,
        y: float,
        text: str,
        *,
        size: float = 10,
        color: str = INK,
        weight: str = "normal",
    ) -> None:
        """Text centred on a place."""
        figure.text(
            x / self.width, 1 - y / self.height, text,
            ha="center", va="center", fontsize=size, color=color, weight=weight,
        )  # fmt: skip


def _draw_side(figure: "Figure", page: _Page, side: Side, left: float, middle: float) -> None:
    width, height = side.size
    left += (side.room - width) / 2
    pixels = (
        side.pixels if side.pixels.ndim == 2 or side.pixels.shape[2] > 1 else side.pixels[..., 0]
    )
    frame = page.axes(figure, left, middle - height / 2, width, height)
    frame.imshow(pixels, cmap="gray", vmin=0, vmax=255, interpolation="nearest", aspect="auto")
    page.write(figure, left + width / 2, middle - height / 2 - 16, side.title, weight="bold")
    page.write(
        figure, left + width / 2, middle + height / 2 + 18, side.caption, size=9, color=QUIET
    )


def _draw_grid(frame: "Axes", grid: Grid) -> None:
    rows, columns = grid.numbers.shape
    side = max(rows, columns)
    frame.set_xlim((columns - side) / 2, (columns + side) / 2)
    frame.set_ylim((rows + side) / 2, (rows - side) / 2)
    frame.axis("off")
    cell = frame.get_window_extent().width / side
    most = np.abs(grid.numbers).max() or 1
    for (row, column), number in np.ndenumerate(grid.numbers):
        color = POSITIVE if number > 0 else NEGATIVE if number < 0 else NOTHING
        strength = 0.35 + 0.65 * abs(number) / most if number else 1
        frame.fill(
            [column, column + 1, column + 1, column], [row, row, row + 1, row + 1],
            facecolor=(color, strength), edgecolor="white", linewidth=2.5 if side < 6 else 1,
        )  # fmt: skip
        text = f"{number:g}".replace("-", "−")
        frame.text(
            column + 0.5, row + 0.5, text, ha="center", va="center", color=INK,
            fontsize=min(20, 2.5 + 0.28 * cell, 0.8 * cell / len(text)),
        )  # fmt: skip
