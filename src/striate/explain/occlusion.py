"""Occlusion: cover a part of the image and see what becomes of the answer."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from striate.errors import UsageError
from striate.explain._fill import Fill, replacement
from striate.explain._perturbed import Asked, asking
from striate.explain._regions import Integers, Regions
from striate.explain._reuse import Reuse, occluded
from striate.explain._score import Score

Size = int | tuple[int, int]

CLOSE = 1e-4  # of the largest answer: where reuse is checked against a plain run


def occlusion(
    network: nn.Module,
    images: Tensor,
    score: Score,
    *,
    window: Size | None = None,
    stride: Size | None = None,
    fill: Fill = "grey",
    batch_size: int = 32,
) -> Tensor:
    """How far the score falls when a window that slides over the image covers a place.

        map(p) = mean over all windows w that cover p of (score(x) − score(x with w replaced))

    Computed from what each window can have changed, see `_reuse`; networks that cannot be
    followed are run in full.

    Shape: images [N, C, H, W] -> map [N, H, W], signed.
    Args:
        window: pixels, one number or (rows, columns). None: a seventh of the shorter side.
        stride: pixels, at most the window. None: half of it. The last window of a row or column
            may reach over the border, and is cut there.
        fill: what is seen in the window, see `replacement`: "grey", "mean", "blur" or a number.
        batch_size: images at a time, covered copies counted.
    Raises:
        UsageError: the window does not fit the image, the stride the window, or fill is unknown.
    Source: Zeiler & Fergus 2014, "Visualizing and Understanding Convolutional Networks",
        arXiv:1311.2901, section 4.2.
    Differs: the fall and not the score itself, so that what matters is high; averaged where
        windows overlap.
    """
    boxes = windows(images.shape[2], images.shape[3], window, stride)
    with asking(network, images, score, batch_size) as asked:
        falls = asked.scores - _scores(asked, boxes, replacement(asked.images, fill))
        return averaged(falls, boxes, asked.images).to(images.dtype)


def windows(height: int, width: int, window: Size | None, stride: Size | None) -> Integers:
    """Where the windows lie: [M, 4] of top, left, bottom, right, row by row."""
    largest = max(1, min(height, width) // 7)
    rows, columns = _pair(largest if window is None else window)
    halves = (max(1, rows // 2), max(1, columns // 2))
    down, across = _pair(halves if stride is None else stride)
    if not (1 <= rows <= height and 1 <= columns <= width):
        raise UsageError(
            "explain-window",
            f"occlusion: a window must be 1 to {height} by 1 to {width} pixels, "
            f"got {rows} by {columns}.",
            "Pass window=, one number or (rows, columns).",
        )
    if not (1 <= down <= rows and 1 <= across <= columns):
        raise UsageError(
            "explain-stride",
            f"occlusion: a stride must be 1 to {rows} by 1 to {columns}, the window, "
            f"got {down} by {across}.",
            "With a larger one, some pixels would never be covered.",
        )
    tops = range(0, height - rows + down, down)
    lefts = range(0, width - columns + across, across)
    return np.array(
        [[t, m, min(t + rows, height), min(m + columns, width)] for t in tops for m in lefts]
    )


def averaged(values: Tensor, boxes: Integers, images: Tensor) -> Tensor:
    """For every pixel the mean value of the boxes that hold it. Shape: [M, N] -> [N, H, W]."""
    height, width = images.shape[2:]
    total = values.new_zeros((len(images), height, width))
    times = values.new_zeros((height, width))
    for value, (top, left, bottom, right) in zip(values, boxes.tolist(), strict=True):
        total[:, top:bottom, left:right] += value[:, None, None]
        times[top:bottom, left:right] += 1
    return total / times


def _pair(size: Size) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else size


def _scores(asked: Asked, boxes: Integers, instead: Tensor) -> Tensor:
    """With each box replaced: [M, N]."""
    height, width = asked.images.shape[2:]
    rows = np.minimum(boxes[:, 0], height - boxes[:, 2])
    columns = np.minimum(boxes[:, 1], width - boxes[:, 3])
    order = np.lexsort([columns, rows])  # alike near the border, alike in what they change
    found = asked.scores.new_empty((len(boxes), len(asked.images)))
    for slab in asked.slabs:
        answer = _answering(asked, slab, boxes, instead)
        for first in range(0, len(boxes), asked.copies):
            chosen = order[first : first + asked.copies]
            scores = asked.scores_of(answer(chosen, instead[slab]), slab)
            found[torch.from_numpy(chosen).to(found.device), slab] = scores
    return found


def _answering(
    asked: Asked, slab: slice, boxes: Integers, instead: Tensor
) -> Callable[[Integers, Tensor], Any]:
    """The network's answers to numbered boxes: by reuse where that gives the answers of a plain
    run, tried on a box in the middle."""
    images = asked.images[slab]

    def plain(chosen: Integers, replaced: Tensor, images: Tensor = images) -> Any:
        everywhere = Regions(
            np.zeros((len(chosen), 2), np.int64),
            np.tile(np.array(images.shape[2:]), (len(chosen), 1)),
            (images.shape[2], images.shape[3]),
        )
        return asked.network(occluded(images, boxes[chosen], replaced, everywhere))

    if not asked.joinable:
        return plain
    try:
        reuse = Reuse(asked.network, images, boxes)
        middle = np.array([len(boxes) // 2])
        found = reuse(middle, instead[slab])[:1]
        wanted = plain(middle, instead[slab][:1], images[:1])
    except Exception:  # the network does what cannot be followed; a plain run shows true errors
        return plain
    if not bool((found - wanted).abs().max() <= CLOSE * wanted.abs().max()):
        return plain

    def reusing(chosen: Integers, replaced: Tensor) -> Any:
        try:
            return reuse(chosen, replaced)
        except KeyError:  # a map that no box was expected to need, and that was not kept
            return plain(chosen, replaced)

    return reusing
