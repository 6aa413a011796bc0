"""Layers that learn their own activation."""

from torch import Tensor, nn


class Maxout(nn.Module):
    """The largest of several linear functions of the input.

        y_k = max_j (w_jk · x + b_jk),  j = 1 … pieces

    Shape: [N, in_features] -> [N, out_features].
    Source: Goodfellow et al. 2013, "Maxout Networks", arXiv:1302.4389, section 3.
    """

    def __init__(
        self, in_features: int, out_features: int, pieces: int = 2, bias: bool = True
    ) -> None:
        super().__init__()
        self.out_features, self.pieces = out_features, pieces
        self.linear = nn.Linear(in_features, out_features * pieces, bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x).unflatten(1, (self.out_features, self.pieces)).amax(dim=2)
