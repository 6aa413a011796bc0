"""Convolutions with the company they usually keep."""

import math
from collections import OrderedDict
from collections.abc import Callable
from typing import ClassVar, Literal

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from striate.shapes import Pair, pair, same_padding, spread


def conv_norm(
    in_channels: int,
    out_channels: int,
    kernel_size: int | Pair,
    stride: int = 1,
    *,
    padding: int | Literal["same"] | None = None,
    dilation: int = 1,
    groups: int = 1,
    act: Callable[[], nn.Module] | None = nn.ReLU,
    gamma: float = 1.0,
    eps: float = 1e-5,
    momentum: float = 0.1,
) -> nn.Sequential:
    """Convolution without bias, batch norm and activation, as children `conv`, `norm` and `act`.

    Shape: [N, in_channels, H, W] -> [N, out_channels, ceil(H / stride), ceil(W / stride)],
        for an odd kernel and the padding of None.
    Args:
        padding: pixels on every side; None is half the dilated kernel; "same" pads as
            TensorFlow does, the odd pixel after the last.
        act: makes the activation; None for none.
        gamma: where the scale of the batch norm starts.
        eps, momentum: of the batch norm; momentum as torch counts it, the share of the new batch.
    Source: weights begin as in He et al. 2015, "Delving Deep into Rectifiers", arXiv:1502.01852,
        section 2.2, backward case.
    """
    shape = in_channels, out_channels, kernel_size, stride
    conv: nn.Conv2d
    rows, columns = pair(kernel_size)
    centred = stride == 1 and rows % 2 and columns % 2  # "same" is then half the kernel
    if padding == "same" and not centred:
        conv = Conv2dSame(*shape, dilation, groups, bias=False)
    else:
        border = (
            padding if isinstance(padding, int) else (rows // 2 * dilation, columns // 2 * dilation)
        )
        conv = nn.Conv2d(*shape, border, dilation, groups, bias=False)
    norm = nn.BatchNorm2d(out_channels, eps, momentum)
    fan_out = rows * columns * out_channels / groups  # outputs that hang on one input
    nn.init.normal_(conv.weight, std=math.sqrt(2) / math.sqrt(fan_out))
    nn.init.constant_(norm.weight, gamma)
    parts: OrderedDict[str, nn.Module] = OrderedDict(conv=conv, norm=norm)
    if act is not None:
        parts["act"] = act()
    return nn.Sequential(parts)


class _ConvSame(_ConvNd):
    """Convolution padded with zeros as TensorFlow pads "same": the odd pixel goes after the last.

    Shape: [N, in_channels, …] -> [N, out_channels, …], every axis of ceil(size / stride).
    Args:
        kernel_size: pixels; one number or one for each axis. So too `stride` and `dilation`.
    Source: tensorflow.org/api_docs/python/tf/nn, "Notes on padding".
    """

    rank: ClassVar[int]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] = 1,
        dilation: int | tuple[int, ...] = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__(  # type: ignore[call-arg]  # the torch class that each class below names
            in_channels,
            out_channels,
            spread(kernel_size, self.rank),
            stride=spread(stride, self.rank),
            dilation=spread(dilation, self.rank),
            groups=groups,
            bias=bias,
        )

    def forward(self, x: Tensor) -> Tensor:
        borders = same_borders(x, self.kernel_size, self.stride, self.dilation)
        return super().forward(F.pad(x, borders))


class Conv1dSame(_ConvSame, nn.Conv1d):
    """Convolution padded as TensorFlow pads "same", over [N, C, L]."""

    rank = 1


class Conv2dSame(_ConvSame, nn.Conv2d):
    """Convolution padded as TensorFlow pads "same", over [N, C, H, W]."""

    rank = 2


class Conv3dSame(_ConvSame, nn.Conv3d):
    """Convolution padded as TensorFlow pads "same", over [N, C, D, H, W]."""

    rank = 3


def same_borders(
    x: Tensor,
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...] = (1, 1, 1),
) -> list[int]:
    """Pixels to add to [N, C, …] for ceil(size / stride) outputs, as `F.pad` wants them.

    That is, the last axis first: [left, right, top, bottom] for images.
    """
    axes = zip(x.shape[2:], kernel, stride, dilation, strict=False)
    borders = [same_padding(size, *window) for size, *window in axes]
    return [pixels for border in reversed(borders) for pixels in border]
