"""Convolutions that normalise their input instead of their output."""

from collections import OrderedDict

from torch import nn


def norm_conv(
    in_channels: int, out_channels: int, kernel_size: int, stride: int = 1
) -> nn.Sequential:
    """Batch norm, ReLU and a convolution without bias, as children `norm`, `act` and `conv`.

    The convolution begins as He et al. 2015 (arXiv:1502.01852, eq. 14) for ReLU, `fan_out`.

    Shape: [N, in_channels, H, W] -> [N, out_channels, ceil(H / stride), ceil(W / stride)].
    Args:
        kernel_size: pixels, odd; half of it is added on every side.
    Source: He et al. 2016, "Identity Mappings in Deep Residual Networks", arXiv:1603.05027,
        figure 4(e).
    """
    border = kernel_size // 2
    conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, border, bias=False)
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    parts: OrderedDict[str, nn.Module] = OrderedDict(
        norm=nn.BatchNorm2d(in_channels), act=nn.ReLU(), conv=conv
    )
    return nn.Sequential(parts)
