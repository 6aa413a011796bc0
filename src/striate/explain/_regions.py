"""Where a change of an image can have changed a map: rectangles, and their way through windows."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Pair = tuple[int, int]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Window:
    """The geometry of a convolution or pooling: (rows, columns) each, padding above and left."""

    kernel: Pair
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)

    @property
    def reach(self) -> Integers:
        """Distance from the first to the last pixel that one output reads."""
        return np.array(self.dilation) * (np.array(self.kernel) - 1)


@dataclass(frozen=True)
class Regions:
    """One rectangle for each of k changes; outside it the map is certainly unchanged.

    Args:
        starts, ends: [k, 2], first row and column, and one past the last; never empty.
        size: (H, W) of the map.
    """

    starts: Integers
    ends: Integers
    size: Pair

    @property
    def extent(self) -> Pair:
        """Rows and columns of the smallest patch that holds any one of them."""
        height, width = (self.ends - self.starts).max(axis=0)
        return int(height), int(width)

    @property
    def corners(self) -> Integers:
        """Where patches of the common extent lie, [k, 2]: over their rectangle, inside the map."""
        return np.minimum(self.starts, np.array(self.size) - self.extent)

    @property
    def share(self) -> float:
        """Part of the map that a patch of the common extent covers."""
        return float(np.prod(self.extent) / np.prod(self.size))

    @property
    def smallest_share(self) -> float:
        """Part of the map that the smallest rectangle covers."""
        return float((self.ends - self.starts).prod(axis=1).min() / np.prod(self.size))

    def through(self, window: Window, size: Pair) -> "Regions":
        """The outputs that read at least one of the pixels.

        Output i reads i·stride − padding + 0, dilation, …, reach; so of the inputs a ≤ x < b:
        ceil((a + padding − reach) / stride) ≤ i ≤ floor((b − 1 + padding) / stride).
        """
        stride, padding = np.array(window.stride), np.array(window.padding)
        first = -((window.reach - padding - self.starts) // stride)
        last = (self.ends - 1 + padding) // stride
        starts = np.clip(first, 0, np.array(size) - 1)  # a stride may pass all of them by
        return Regions(starts, np.clip(last + 1, starts + 1, size), size)

    def joined(self, other: "Regions") -> "Regions":
        """The rectangles around both."""
        starts = np.minimum(self.starts, other.starts)
        return Regions(starts, np.maximum(self.ends, other.ends), self.size)

    def same_as(self, other: "Regions") -> bool:
        return np.array_equal(self.starts, other.starts) and np.array_equal(self.ends, other.ends)


def patches(
    clean: Tensor,
    corners: Integers,
    extent: Pair,
    outside: float = 0.0,
    pasted: tuple[Tensor, Integers] | None = None,
) -> Tensor:
    """Cut k patches of one size out of every clean map, after pasting what has changed.

    Shape: clean [n, C, H, W], corners [k, 2] -> [k * n, C, rows, columns]; change by change.
    Args:
        outside: what lies beyond the borders of the map.
        pasted: the changed patches [k * n, C, h, w] and their corners [k, 2].
    """
    images, channels = clean.shape[:2]
    cut = torch.empty(
        (len(corners) * images, channels, *extent),
        dtype=clean.dtype,
        device=clean.device,
        memory_format=torch.channels_last,
    )
    inside = corners.min() >= 0 and (corners + extent <= clean.shape[2:]).all()
    if not inside:
        cut.fill_(outside)
    for number, corner in enumerate(corners.tolist()):
        one = slice(number * images, (number + 1) * images)
        paste(cut[one], corner, clean, [0, 0])
        if pasted is not None:
            paste(cut[one], corner, pasted[0][one], pasted[1][number].tolist())
    return cut


def paste(target: Tensor, target_at: list[int], source: Tensor, source_at: list[int]) -> None:
    """Copy what two maps share into the first; `…_at`: row and column of their first pixels."""
    (top, left), (bottom, right) = (
        [max(a, b) for a, b in zip(target_at, source_at, strict=True)],
        [
            min(a + m, b + n)
            for a, m, b, n in zip(
                target_at, target.shape[2:], source_at, source.shape[2:], strict=True
            )
        ],
    )
    if top < bottom and left < right:
        row, column = target_at
        here = target[:, :, top - row : bottom - row, left - column : right - column]
        row, column = source_at
        here.copy_(source[:, :, top - row : bottom - row, left - column : right - column])
