"""Blocks that learn what to add to their input."""

from torch import Tensor, nn

from striate.nn.convolution import conv_norm


class Residual(nn.Module):
    """relu(branch(x) + shortcut(x)); the shortcut projects only where the shape changes.

    Shape: [N, in_channels, H, W] -> [N, channels, ceil(H / stride), ceil(W / stride)].
    Args:
        branch: maps to `channels` at `stride`, without a last activation.
        shortcut: to the same shape; None is the identity, or a 1x1 convolution with batch norm
            where the shape changes.
    Source: He et al. 2016, "Deep Residual Learning for Image Recognition", arXiv:1512.03385,
        eq. 1-2, shortcut option B.
    """

    def __init__(
        self,
        branch: nn.Module,
        in_channels: int,
        channels: int,
        stride: int = 1,
        shortcut: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.branch, self.channels = branch, channels
        if shortcut is None and (stride > 1 or in_channels != channels):
            shortcut = conv_norm(in_channels, channels, 1, stride, act=None)
        self.shortcut: nn.Module = nn.Identity() if shortcut is None else shortcut

    def forward(self, x: Tensor) -> Tensor:
        return (self.branch(x) + self.shortcut(x)).relu()
