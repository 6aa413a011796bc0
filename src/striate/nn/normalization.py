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
        squares = x.square().flatten(2) if x.ndim > 2 else x.square().unsqueeze(2)  # [N, C, L]
        reach = self.size // 2
        padded = F.pad(squares, (0, 0, reach, reach))
        near = padded.unfold(1, self.size, 1).sum(dim=-1)  # [N, C, L]
        return x / (self.bias + self.alpha * near.reshape(x.shape)) ** self.beta

    def extra_repr(self) -> str:
        return f"size={self.size}, alpha={self.alpha}, beta={self.beta}, bias={self.bias}"
