"""Operations that searched cells are made of: (in_channels, channels, stride) -> module.

Shape: each gives [N, C, H, W] -> [N, C', ceil(H / stride), ceil(W / stride)]; only `separable`
    changes the number of channels.
Source: Zoph et al. 2017, "Learning Transferable Architectures for Scalable Image Recognition",
    arXiv:1707.07012, section 3.1.
Differs: at stride 2 pools count the zeros of their borders, as Keras's NASNet does.
"""

from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from striate.nn.cell import Operation
from striate.nn.convolution import same_borders
from striate.nn.pooling import AvgPool2dSame
from striate.nn.separable import separable_norm


class ZeroBorder(nn.Module):
    """Zeros around the map, as many as TensorFlow adds for 3x3 at stride 2."""

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(x, same_borders(x, (3, 3), (2, 2)))


def separable(kernel_size: int) -> Operation:
    """Two separable convolutions, each after ReLU; the first strides."""
    step = partial(separable_norm, kernel_size=kernel_size, padding="same", eps=1e-3)

    def make(in_channels: int, channels: int, stride: int) -> nn.Module:
        first, second = step(in_channels, channels, stride=stride), step(channels, channels)
        return nn.Sequential(nn.ReLU(), first, nn.ReLU(), second)

    return make


def average(_: int, __: int, stride: int) -> nn.Module:
    """The mean of 3x3."""
    if stride == 1:
        return AvgPool2dSame(3, stride=1)
    return nn.Sequential(ZeroBorder(), nn.AvgPool2d(3, stride))


def maximum(_: int, __: int, stride: int) -> nn.Module:
    """The largest of 3x3; the cells have it at stride 2 only."""
    return nn.Sequential(ZeroBorder(), nn.MaxPool2d(3, stride))


def same(*_: int) -> nn.Module:
    """The input itself."""
    return nn.Identity()
