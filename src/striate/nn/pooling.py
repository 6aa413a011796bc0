"""Pooling padded as TensorFlow pads "same"."""

from collections.abc import Callable
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from striate.nn.convolution import same_borders
from striate.shapes import spread


class _PoolSame(nn.Module):
    """A window and its step in pixels, one number or one for each axis.

    Shape: [N, C, …] -> [N, C, …], every axis of ceil(size / stride).
    """

    rank: ClassVar[int]
    pool: ClassVar[Callable[..., Any]]

    def __init__(self, kernel_size: int | tuple[int, ...], stride: int | tuple[int, ...]) -> None:
        super().__init__()
        self.kernel_size, self.stride = spread(kernel_size, self.rank), spread(stride, self.rank)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}"


class _MaxPoolSame(_PoolSame):
    """The largest value of each window; what lies outside the image never wins."""

    def forward(self, x: Tensor) -> Tensor:
        borders = same_borders(x, self.kernel_size, self.stride)
        padded = F.pad(x, borders, value=float("-inf"))
        return self.pool(padded, self.kernel_size, self.stride)


class _AvgPoolSame(_PoolSame):
    """The mean of each window over the pixels that exist."""

    def forward(self, x: Tensor) -> Tensor:
        borders = same_borders(x, self.kernel_size, self.stride)
        return _mean_inside(self.pool, x, borders, self.kernel_size, self.stride)


class MaxPool1dSame(_MaxPoolSame):
    """The largest value of each window, over [N, C, L]."""

    rank, pool = 1, staticmethod(F.max_pool1d)


class MaxPool2dSame(_MaxPoolSame):
    """The largest value of each window, over [N, C, H, W]."""

    rank, pool = 2, staticmethod(F.max_pool2d)


class MaxPool3dSame(_MaxPoolSame):
    """The largest value of each window, over [N, C, D, H, W]."""

    rank, pool = 3, staticmethod(F.max_pool3d)


class AvgPool1dSame(_AvgPoolSame):
    """The mean of each window over the pixels that exist, over [N, C, L]."""

    rank, pool = 1, staticmethod(F.avg_pool1d)


class AvgPool2dSame(_AvgPoolSame):
    """The mean of each window over the pixels that exist, over [N, C, H, W]."""

    rank, pool = 2, staticmethod(F.avg_pool2d)


class AvgPool3dSame(_AvgPoolSame):
    """The mean of each window over the pixels that exist, over [N, C, D, H, W]."""

    rank, pool = 3, staticmethod(F.avg_pool3d)


class AvgPool3dPadded(nn.Module):
    """The mean of each window over the voxels that exist, after padding in numbers.

    `nn.AvgPool3d` refuses maps that are smaller than the window, though the padded ones are not.

    Shape: [N, C, D, H, W] -> [N, C, D', H', W'].
    Args:
        padding: voxels on each side of every axis.
    """

    def __init__(
        self, kernel_size: tuple[int, ...], stride: tuple[int, ...], padding: tuple[int, ...]
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding

    def forward(self, x: Tensor) -> Tensor:
        borders = [pixels for pixels in reversed(self.padding) for _ in range(2)]
        return _mean_inside(F.avg_pool3d, x, borders, self.kernel_size, self.stride)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


def _mean_inside(
    pool: Callable[..., Any],
    x: Tensor,
    borders: list[int],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
) -> Tensor:
    """Pool the padded map and divide by the share of each window that lies inside the map."""
    inside = F.pad(torch.ones_like(x[:1, :1]), borders)  # [1, 1, …], 1 where x is
    share = pool(inside, kernel, stride)  # in (0, 1]
    return pool(F.pad(x, borders), kernel, stride) / share
