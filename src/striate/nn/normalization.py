"""Normalisation that `torch.nn` has for the last axis only."""

import torch.nn.functional as F
from torch import Tensor, nn


class ChannelNorm(nn.LayerNorm):
    """Layer normalisation over the channels, at each position alone.

        y = gamma * (x - mean_c) / sqrt(variance_c + eps) + beta

    Shape: [N, C, …] -> the same, any number of axes.
    Source: Ba et al. 2016, "Layer Normalization", arXiv:1607.06450; over the channels alone as in
        Liu et al. 2022, "A ConvNet for the 2020s", arXiv:2201.03545.
    """

    def forward(self, x: Tensor) -> Tensor:
        last = x.movedim(1, -1)  # [N, …, C]
        return F.layer_norm(last, self.normalized_shape, self.weight, self.bias, self.eps).movedim(
            -1, 1
        )


class LocalResponseNorm(nn.Module):
    """Divide every value by what its neighbours in the channels are worth, at the same position.

        y_k = x_k / (bias + alpha * sum_j x_j^2) ^ beta,  |j - k| ≤ size // 2

    Shape: [N, C, …] -> the same, any number of axes.
    Source: Krizhevsky et al. 2012, "ImageNet Classification with Deep Convolutional Neural
        Networks", section 3.3.
    Differs: PyTorch divides alpha by `size`.
    """

    def __init__(
        self, size: int = 5, alpha: float = 1e-4, beta: float = 0.75, bias: float = 2.0
    ) -> None:
        super().__init__()
        self.size, self.alpha, self.beta, self.bias = size, alpha, beta, bias

    def forward(self, x: Tensor) -> Tensor:
        channels, reach = x.shape[1], self.size // 2
        squares = F.pad(x.square(), [0, 0] * (x.ndim - 2) + [reach, reach])  # [N, C + 2 * reach, …]
        near = sum(squares[:, j : j + channels] for j in range(2 * reach + 1))  # [N, C, …]
        return x / (self.bias + self.alpha * near) ** self.beta

    def extra_repr(self) -> str:
        return f"size={self.size}, alpha={self.alpha}, beta={self.beta}, bias={self.bias}"
