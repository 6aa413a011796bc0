"""Convolutions with the company they usually keep."""

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
        padding: pixels on every side; None is half the kernel; "same" pads as TensorFlow does,
            the odd pixel after the last.
        act: makes the activation; None for none.
        gamma: where the scale of the batch norm starts.
        eps, momentum: of the batch norm; momentum as torch counts it, the share of the new batch.
    """
    shape = in_channels, out_channels, kernel_size, stride
    conv: nn.Conv2d
    if padding == "same":
        conv = Conv2dSame(*shape, groups=groups, bias=False)
    else:
        rows, columns = pair(kernel_size)
        border = (rows // 2, columns // 2) if padding is None else padding
        conv = nn.Conv2d(*shape, border, groups=groups, bias=False)
    norm = nn.BatchNorm2d(out_channels, eps, momentum)
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
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
