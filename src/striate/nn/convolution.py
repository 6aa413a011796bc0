"""Convolutions with the company they usually keep."""

from collections import OrderedDict

import torch.nn.functional as F
from torch import Tensor, nn

from striate.shapes import Pair, pair, same_padding


def conv_norm(
    in_channels: int,
    out_channels: int,
    kernel_size: int,
    stride: int = 1,
    *,
    act: bool = True,
    gamma: float = 1.0,
) -> nn.Sequential:
    """Convolution, batch norm (scale starting at `gamma`) and, by default, ReLU.

    Shape: [N, in_channels, H, W] -> [N, out_channels, ceil(H / stride), ceil(W / stride)],
        for an odd kernel.
    """
    conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, kernel_size // 2, bias=False)
    norm = nn.BatchNorm2d(out_channels)
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    nn.init.constant_(norm.weight, gamma)
    parts: OrderedDict[str, nn.Module] = OrderedDict(conv=conv, norm=norm)
    if act:
        parts["act"] = nn.ReLU()
    return nn.Sequential(parts)


class Conv2dSame(nn.Conv2d):
    """Convolution padded with zeros as TensorFlow pads "same": the odd pixel goes right and below.

    Shape: [N, in_channels, H, W] -> [N, out_channels, ceil(H / stride), ceil(W / stride)].
    Source: tensorflow.org/api_docs/python/tf/nn, "Notes on padding".
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Pair,
        stride: int | Pair = 1,
        dilation: int | Pair = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            pair(kernel_size),
            pair(stride),
            0,
            pair(dilation),
            groups,
            bias,
        )

    def forward(self, x: Tensor) -> Tensor:
        borders = same_borders(x, pair(self.kernel_size), pair(self.stride), pair(self.dilation))
        return super().forward(F.pad(x, borders))


def same_borders(x: Tensor, kernel: Pair, stride: Pair, dilation: Pair = (1, 1)) -> list[int]:
    """Pixels to add [left, right, top, bottom] so that [N, C, H, W] gives ceil(size / stride)."""
    height, width = x.shape[-2:]
    rows = same_padding(height, kernel[0], stride[0], dilation[0])
    columns = same_padding(width, kernel[1], stride[1], dilation[1])
    return [*columns, *rows]
