"""Blocks that are narrow at their ends and wide inside."""

from collections import OrderedDict
from collections.abc import Callable

from torch import Tensor, nn

from striate.nn.drop_path import DropPath

ConvNorm = Callable[..., nn.Sequential]
"""`conv_norm` with the activation, padding and batch norm of a family bound to it."""


class InvertedResidual(nn.Module):
    """branch(x), and x + branch(x) where the shape stays the same; the sum is not rectified.

    Shape: [N, in_channels, H, W] -> [N, channels, ceil(H / stride), ceil(W / stride)].
    Args:
        branch: maps to `channels` at `stride`.
        drop_path: fraction 0..1 of the samples that skip the branch while training; counts only
            where x is added.
    Source: Sandler et al. 2018, "MobileNetV2: Inverted Residuals and Linear Bottlenecks",
        arXiv:1801.04381, figure 4d.
    """

    def __init__(
        self, branch: nn.Module, in_channels: int, channels: int, stride: int, drop_path: float = 0
    ) -> None:
        super().__init__()
        self.branch, self.channels = branch, channels
        self.adds_input = stride == 1 and in_channels == channels
        self.drop_path = DropPath(drop_path) if self.adds_input and drop_path else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = self.branch(x)
        return x + self.drop_path(y) if self.adds_input else y


def inverted_bottleneck(
    conv: ConvNorm,
    in_channels: int,
    width: int,
    channels: int,
    kernel_size: int = 3,
    stride: int = 1,
    gate: nn.Module | None = None,
) -> nn.Sequential:
    """1x1 widens, a depthwise convolution filters and strides, 1x1 narrows without activation.

    Shape: [N, in_channels, H, W] -> [N, channels, ceil(H / stride), ceil(W / stride)].
    Args:
        conv: makes each convolution with its norm and activation.
        width: channels inside; where it equals `in_channels` nothing is widened.
        gate: rescales the channels before they are narrowed.
    Source: Sandler et al. 2018, arXiv:1801.04381, table 1; with a gate Tan et al. 2019, "MnasNet",
        arXiv:1807.11626, figure 7c.
    """
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    if width != in_channels:
        parts["expand"] = conv(in_channels, width, 1)
    parts["depthwise"] = conv(width, width, kernel_size, stride, groups=width)
    if gate is not None:
        parts["gate"] = gate
    parts["project"] = conv(width, channels, 1, act=None)
    return nn.Sequential(parts)


def round_channels(channels: float, multiple: int = 8) -> int:
    """The nearest multiple of 8, but never more than a tenth below: widths that hardware likes.

    >>> [round_channels(c) for c in (4, 11.2, 22.4, 31.2)]
    [8, 16, 24, 32]
    """
    rounded = max(multiple, int(channels + multiple / 2) // multiple * multiple)
    return rounded if rounded >= 0.9 * channels else rounded + multiple
