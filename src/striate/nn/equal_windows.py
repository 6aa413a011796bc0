"""Pooling to a given size by windows of one size."""

import torch.nn.functional as F
from torch import Tensor, nn


class AvgPool2dTo(nn.Module):
    """Means over size × size windows, all equal, that step by the whole part of pixels / size.

        stride = pixels // size,  kernel = pixels - (size - 1) * stride

    `nn.AdaptiveAvgPool2d` takes windows of several sizes where `size` does not divide the pixels.
    Maps smaller than that have their pixels repeated.

    Shape: [N, C, H, W] -> [N, C, size, size].
    Args:
        size: windows along each axis.

    >>> AvgPool2dTo(4)(Tensor(1, 8, 14, 14)).shape  # 5 × 5 windows at stride 3
    torch.Size([1, 8, 4, 4])
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        if min(x.shape[-2:]) < self.size:
            return F.adaptive_avg_pool2d(x, self.size)
        stride = [pixels // self.size for pixels in x.shape[-2:]]
        kernel = [
            pixels - (self.size - 1) * step
            for pixels, step in zip(x.shape[-2:], stride, strict=True)
        ]
        return F.avg_pool2d(x, kernel, stride)

    def extra_repr(self) -> str:
        return f"size={self.size}"
