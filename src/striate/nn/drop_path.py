"""Stochastic depth."""

import torch
from torch import Tensor, nn


class DropPath(nn.Module):
    """While training, set whole samples to 0 at random and scale up the others.

        y = x * b / (1 - rate),  b = 0 with probability `rate`, else 1, one for each sample

    At the end of a residual branch this skips the block for some of the samples.

    Shape: [N, …] -> the same.
    Args:
        rate: fraction 0..1 of the samples, below 1.
    Source: Huang et al. 2016, "Deep Networks with Stochastic Depth", arXiv:1603.09382, eq. 2.
    Differs: scaled while training and not when used, and drawn for each sample, not each batch.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return x
        keep = 1 - self.rate
        mask = torch.empty(len(x), *[1] * (x.ndim - 1), dtype=x.dtype, device=x.device)
        return x * mask.bernoulli_(keep) / keep

    def extra_repr(self) -> str:
        return f"rate={self.rate}"
