"""The convolution of the years before batch normalisation."""

from collections import OrderedDict

from torch import nn

from striate.nn.initializers import initialize
from striate.shapes import Pair, pair


def conv_relu(
    in_channels: int,
    out_channels: int,
    kernel_size: int | Pair,
    stride: int = 1,
    *,
    padding: int | None = None,
    groups: int = 1,
) -> nn.Sequential:
    """Convolution with bias, and ReLU, as children `conv` and `act`.

    Shape: [N, in_channels, H, W] -> [N, out_channels, ceil(H / stride), ceil(W / stride)],
        for an odd kernel and the padding of None.
    Args:
        padding: pixels on every side; None is half the kernel.
    Source: weights begin as in He et al. 2015, "Delving Deep into Rectifiers", arXiv:1502.01852,
        eq. 10, biases at zero.
    """
    rows, columns = pair(kernel_size)
    border = (rows // 2, columns // 2) if padding is None else padding
    conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, border, groups=groups)
    initialize(conv, "he_normal")
    return nn.Sequential(OrderedDict([("conv", conv), ("act", nn.ReLU())]))
