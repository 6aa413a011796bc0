"""Tokens that look at one another."""

from torch import Tensor, nn

from striate.errors import check_divides


class SelfAttention(nn.Module):
    """Every token gathers the values of all, weighted by how its query fits their keys.

        y = project(softmax(q k^T / sqrt(width / heads)) v), in every head alone

    What the child `weights` gives, [N, heads, T, T], is who looks at whom; its rows add up to 1.

    Shape: [N, T, width] -> the same.
    Raises:
        ShapeError: `heads` does not divide `width`.
    Source: Vaswani et al. 2017, "Attention Is All You Need", arXiv:1706.03762, eq. 1.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        check_divides("SelfAttention", heads=heads, width=width)
        self.heads, self.scale = heads, (width // heads) ** -0.5
        self.query_key_value = nn.Linear(width, 3 * width)
        self.weights = nn.Softmax(dim=-1)
        self.project = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        parts = self.query_key_value(tokens).unflatten(2, (3, self.heads, -1))  # [N, T, 3, h, d]
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)  # each [N, heads, T, d]
        weights = self.weights(query * self.scale @ key.transpose(-2, -1))  # [N, heads, T, T]
        return self.project((weights @ value).transpose(1, 2).flatten(2))
