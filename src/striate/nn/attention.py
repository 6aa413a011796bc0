"""Channel attention."""

import torch.nn.functional as F
from torch import Tensor, nn

from striate.errors import check_divides


class SqueezeExcite(nn.Module):
    """Rescale every channel by a gate that sees all channels.

        y = x * sigmoid(expand(relu(squeeze(mean_hw(x)))))

    Shape: [N, C, H, W] -> [N, C, H, W], any H and W.
    Args:
        channels: C.
        reduction: C divided by the hidden width; must divide C. The paper uses 16.
    Raises:
        ShapeError: `reduction` does not divide `channels`.
    Source: Hu et al. 2018, "Squeeze-and-Excitation Networks", arXiv:1709.01507, eq. 2-4.

    >>> import torch
    >>> SqueezeExcite(64)(torch.zeros(2, 64, 7, 5)).shape
    torch.Size([2, 64, 7, 5])
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        check_divides("SqueezeExcite", reduction=reduction, channels=channels)
        self.squeeze = nn.Conv2d(channels, channels // reduction, kernel_size=1)
        self.expand = nn.Conv2d(channels // reduction, channels, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        context = x.mean(dim=(2, 3), keepdim=True)  # [N, C, 1, 1]
        gate = self.expand(F.relu(self.squeeze(context))).sigmoid()  # [N, C, 1, 1]
        return x * gate
