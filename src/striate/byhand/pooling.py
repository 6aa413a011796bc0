"""Pooling: every window gives one number, channel by channel; nothing is learnt.

    max-pooling      y = max of the window        dC/dx goes to the winner, 0 to the others
    average pooling  y = mean of the window       dC/dx is spread evenly: dC/dy / (pixels)

Shape everywhere: [N, C, *size] -> [N, C, *positions].
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from striate.byhand._window import Array, Padding, Window, numbers, per_axis, window
from striate.errors import ShapeError

Sizes = int | Sequence[int]


def max_pool(
    x: ArrayLike, pool_size: Sizes = 2, stride: Sizes | None = None, padding: Padding = "valid"
) -> Array:
    """y = the largest value of each window; what is added around the image never wins.

    Args:
        pool_size: pixels; one number or one an axis.
        stride: pixels between windows; None is `pool_size`.
        padding: as in `correlate`.
    """
    images = numbers(x)
    over = pool_window(images, pool_size, stride, padding)
    return _windows(images, over, fill=-np.inf).max(axis=2)


def max_pool_backward(
    gradient: ArrayLike,
    x: ArrayLike,
    pool_size: Sizes = 2,
    stride: Sizes | None = None,
    padding: Padding = "valid",
) -> Array:
    """dC/dx: the gradient is routed to the winner, of equals to the first."""
    images = numbers(x)
    over = pool_window(images, pool_size, stride, padding)
    windows = _windows(images, over, fill=-np.inf)
    winner = windows.argmax(axis=2)[:, :, None]  # [N, C, 1, *positions]
    routed = np.zeros_like(windows)
    np.put_along_axis(routed, winner, numbers(gradient)[:, :, None], axis=2)
    return _back(routed, over)


def average_pool(
    x: ArrayLike, pool_size: Sizes = 2, stride: Sizes | None = None, padding: Padding = "valid"
) -> Array:
    """y = the mean of each window over the pixels that exist: padding is not counted.

    Args: as in `max_pool`.
    """
    images = numbers(x)
    over = pool_window(images, pool_size, stride, padding)
    return _windows(images, over).sum(axis=2) / pixels_inside(over)


def average_pool_backward(
    gradient: ArrayLike,
    x: ArrayLike,
    pool_size: Sizes = 2,
    stride: Sizes | None = None,
    padding: Padding = "valid",
) -> Array:
    """dC/dx: each pixel of a window gets an equal share, dC/dy / (pixels in the window)."""
    images = numbers(x)
    over = pool_window(images, pool_size, stride, padding)
    share = (numbers(gradient) / pixels_inside(over))[:, :, None]
    windows = (*images.shape[:2], int(np.prod(over.kernel)), *over.positions)
    return _back(np.broadcast_to(share, windows), over)


def pool_window(x: Array, pool_size: Sizes, stride: Sizes | None, padding: Padding) -> Window:
    """Where the window stands over x [N, C, *size]."""
    if x.ndim < 3:
        raise ShapeError(
            "shape-byhand-channels",
            f"Pooling needs x [N, C, …], got {list(x.shape)}.",
            "Add the axes for the images and the channels: x[None, None].",
        )
    kernel = per_axis("pooling", "pool_size", pool_size, x.ndim - 2)
    return window("pooling", x.shape[2:], kernel, kernel if stride is None else stride, padding)


def pixels_inside(over: Window) -> Array:
    """[*positions]: how many pixels of each window lie in the image."""
    inside = over.pad(np.ones((1, 1, *over.size)))
    return over.patches(inside).reshape(-1, *over.positions).sum(axis=0)


def _windows(x: Array, over: Window, fill: float = 0.0) -> Array:
    """[N, C, *size] -> [N, C, pixels of a window, *positions]."""
    patches = over.patches(over.pad(x, fill))
    return patches.reshape(*x.shape[:2], int(np.prod(over.kernel)), *over.positions)


def _back(windows: Array, over: Window) -> Array:
    """[N, C, pixels of a window, *positions] -> [N, C, *size], added up where windows overlap."""
    patches = windows.reshape(*windows.shape[:2], *over.kernel, *over.positions)
    return over.crop(over.gather(patches))
