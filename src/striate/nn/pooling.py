"""Pooling padded as TensorFlow pads "same"."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from striate.nn.convolution import same_borders
from striate.shapes import Pair, pair


class _Pool2dSame(nn.Module):
    """A window and its step, both (height, width) in pixels."""

    def __init__(self, kernel_size: int | Pair, stride: int | Pair) -> None:
        super().__init__()
        self.kernel_size, self.stride = pair(kernel_size), pair(stride)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}"


class MaxPool2dSame(_Pool2dSame):
    """The largest value of each window; what lies outside the image never wins.

    Shape: [N, C, H, W] -> [N, C, ceil(H / stride), ceil(W / stride)].
    """

    def forward(self, x: Tensor) -> Tensor:
        borders = same_borders(x, self.kernel_size, self.stride)
        padded = F.pad(x, borders, value=float("-inf"))
        return F.max_pool2d(padded, self.kernel_size, self.stride)


class AvgPool2dSame(_Pool2dSame):
    """The mean of each window over the pixels that exist.

    Shape: [N, C, H, W] -> [N, C, ceil(H / stride), ceil(W / stride)].
    """

    def forward(self, x: Tensor) -> Tensor:
        borders = same_borders(x, self.kernel_size, self.stride)
        inside = F.pad(torch.ones_like(x[:1, :1]), borders)  # [1, 1, H + .., W + ..], 1 where x is
        share = F.avg_pool2d(inside, self.kernel_size, self.stride)  # in (0, 1]
        return F.avg_pool2d(F.pad(x, borders), self.kernel_size, self.stride) / share
