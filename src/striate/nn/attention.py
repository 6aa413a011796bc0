"""Channel attention."""

from collections.abc import Callable

from torch import Tensor, nn

from striate.errors import check_divides


class SqueezeExcite(nn.Module):
    """Rescale every channel by a gate that sees all channels.

        y = x * gate(expand(act(squeeze(mean_hw(x)))))

    Shape: [N, C, H, W] -> [N, C, H, W], any H and W.
    Args:
        channels: C.
        reduction: C divided by the hidden width; must divide C. The paper uses 16.
        width: the hidden width itself, where it is no whole part of C; then `reduction` is unused.
        act, gate: make the functions after squeezing and after expanding.
    Raises:
        ShapeError: `reduction` does not divide `channels`.
    Source: Hu et al. 2018, "Squeeze-and-Excitation Networks", arXiv:1709.01507, eq. 2-4.

    >>> import torch
    >>> SqueezeExcite(64)(torch.zeros(2, 64, 7, 5)).shape
    torch.Size([2, 64, 7, 5])
    """

    def __init__(
        self,
        channels: int,
        reduction: int = 16,
        *,
        width: int | None = None,
        act: Callable[[], nn.Module] = nn.ReLU,
        gate: Callable[[], nn.Module] = nn.Sigmoid,
    ) -> None:
        super().__init__()
        if width is None:
            check_divides("SqueezeExcite", reduction=reduction, channels=channels)
            width = channels // reduction
        self.squeeze = nn.Conv2d(channels, width, kernel_size=1)
        self.act = act()
        self.expand = nn.Conv2d(width, channels, kernel_size=1)
        self.gate = gate()

    def forward(self, x: Tensor) -> Tensor:
        context = x.mean(dim=(2, 3), keepdim=True)  # [N, C, 1, 1]
        return x * self.gate(self.expand(self.act(self.squeeze(context))))
