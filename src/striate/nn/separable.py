"""Convolutions in two steps: first within each channel, then across the channels."""

from collections import OrderedDict
from typing import Literal

from torch import nn

from striate.nn.convolution import Conv2dSame


def separable_norm(
    in_channels: int,
    out_channels: int,
    kernel_size: int,
    stride: int = 1,
    *,
    padding: int | Literal["same"] | None = None,
    eps: float = 1e-5,
) -> nn.Sequential:
    """A depthwise convolution, a 1x1 convolution and batch norm, with nothing in between.

    The children are `depthwise`, `pointwise` and `norm`; no convolution has a bias. Both begin as
    He et al. 2015 (arXiv:1502.01852, eq. 10 and 7), so that the numbers keep their variance.

    Shape: [N, in_channels, H, W] -> [N, out_channels, ceil(H / stride), ceil(W / stride)],
        for an odd kernel and the padding of None.
    Args:
        padding: pixels on every side; None is half the kernel; "same" pads as TensorFlow does.
        eps: of the batch norm.
    Source: Chollet 2017, "Xception", arXiv:1610.02357, section 2: no activation between the steps.
    """
    shape = in_channels, in_channels, kernel_size, stride
    depthwise: nn.Conv2d
    if padding == "same":
        depthwise = Conv2dSame(*shape, groups=in_channels, bias=False)
    else:
        border = kernel_size // 2 if padding is None else padding
        depthwise = nn.Conv2d(*shape, border, groups=in_channels, bias=False)
    pointwise = nn.Conv2d(in_channels, out_channels, kernel_size=1, bias=False)
    nn.init.kaiming_normal_(depthwise.weight, nonlinearity="linear")
    nn.init.kaiming_normal_(pointwise.weight, nonlinearity="relu")
    norm = nn.BatchNorm2d(out_channels, eps)
    parts: OrderedDict[str, nn.Module] = OrderedDict(
        depthwise=depthwise, pointwise=pointwise, norm=norm
    )
    return nn.Sequential(parts)
