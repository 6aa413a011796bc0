"""Cutting off borders."""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from striate.shapes import Pair


class Crop(nn.Module):
    """Cut pixels off both ends of every axis.

    Shape: [N, C, …] -> [N, C, …].
    Args:
        borders: (before, after) in pixels for each axis, height first.
    """

    def __init__(self, borders: Sequence[Pair]) -> None:
        super().__init__()
        self.borders = tuple(borders)

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(x, [-pixels for border in reversed(self.borders) for pixels in border])

    def extra_repr(self) -> str:
        return f"borders={self.borders}"
