"""Networks side by side over one input."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn


class Concatenated(nn.Module):
    """What each branch makes of the input, its channels one after the other.

    Shape: [N, C, …] -> [N, C1 + C2 + …, …].
    Source: Szegedy et al. 2015, "Going Deeper with Convolutions", arXiv:1409.4842, figure 2.
    """

    def __init__(self, branches: Iterable[nn.Module]) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches], dim=1)


class Added(nn.Module):
    """branch(x) + shortcut(x).

    Shape: [N, C, …] -> what both give.
    Source: He et al. 2016, "Deep Residual Learning for Image Recognition", arXiv:1512.03385,
        eq. 1-2.
    """

    def __init__(self, branch: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.branch, self.shortcut = branch, shortcut

    def forward(self, x: Tensor) -> Tensor:
        return self.branch(x) + self.shortcut(x)
