"""Enlarging by undoing a pooling."""

from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from striate.nn.convolution import conv_norm


class Unpooling(nn.Module):
    """A bottleneck to the size of a map that was pooled, whose shortcut goes back to the maxima.

        y = prelu(branch(x) + unpool(shortcut(x), where 2x2 pooling finds the maxima of `pooled`))

    Shape: x [N, in_channels, ceil(H / 2), ceil(W / 2)], pooled [N, channels, H, W] -> the shape of
        `pooled`.
    Args:
        channels: the branch has a quarter as many inside.
        drop: fraction 0..1 of the branch's maps that dropout sets to 0 while training.
        eps: of the batch norms.
    Source: Paszke et al. 2016, "ENet", arXiv:1606.02147, section 3 and figure 2b; the unpooling:
        Badrinarayanan et al. 2015, "SegNet", arXiv:1511.00561, section 3.
    """

    def __init__(self, in_channels: int, channels: int, drop: float, eps: float) -> None:
        super().__init__()
        narrow = channels // 4
        slope = partial(nn.PReLU, narrow)
        self.narrow = conv_norm(in_channels, narrow, 1, act=slope, eps=eps)
        self.enlarge = nn.ConvTranspose2d(narrow, narrow, 3, stride=2, padding=1, bias=False)
        self.norm = nn.Sequential(nn.BatchNorm2d(narrow, eps), slope())
        self.widen = conv_norm(narrow, channels, 1, act=None, eps=eps)
        self.drop = nn.Dropout2d(drop)
        self.shortcut = conv_norm(in_channels, channels, 1, act=None, eps=eps)
        self.act = nn.PReLU(channels)

    def forward(self, x: Tensor, pooled: Tensor) -> Tensor:
        size = pooled.shape[-2:]
        _, places = F.max_pool2d(pooled, 2, ceil_mode=True, return_indices=True)
        shortcut = F.max_unpool2d(self.shortcut(x), places, (2, 2), output_size=size)
        enlarged = self.norm(self.enlarge(self.narrow(x), output_size=size))
        return self.act(self.drop(self.widen(enlarged)) + shortcut)
