"""The small residual networks of CIFAR, 20 to 110 layers, and their plain twins.

New: shown side by side that depth alone makes a network worse, and shortcuts make it better. The
shortcuts have no weights (option A), so a plain twin has the same weights and the same work:
whatever differs is due to the shortcuts.

In their day, error on the CIFAR-10 test set: 8.75 % with 20 layers, 7.51 with 32, 7.17 with 44,
6.97 with 56 and 6.43 with 110 (best of 5). The plain twins get worse from 20 layers on, and that
of 110 stays above 60 %. The gradient of that one, when fresh, is ten million times larger at the
first layer than at the last; that of the residual network, forty times.

Source: He, Zhang, Ren, Sun 2015, "Deep Residual Learning for Image Recognition",
    arXiv:1512.03385, section 4.2, table 6 and figure 6.
Begins: convolutions He-normal (fan out), norms at scale 1, in both twins; the linear layer as torch
    does. The paper warms up the 110-layer network at a tenth of the learning rate.
"""

from collections.abc import Callable
from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from striate.nn import Classifier, Residual, conv_norm, pooled_linear
from striate.zoo._spec import ArchitectureSpec

Block = Callable[[int, int, int], nn.Module]  # (in_channels, channels, stride) -> block


class Subsampled(nn.Module):
    """Shortcut option A: every `stride`-th pixel, and channels of zeros for the missing ones.

    Shape: [N, in_channels, H, W] -> [N, channels, ceil(H / stride), ceil(W / stride)].
    Differs: the paper does not say where the zeros go; half are put before and half after, as in
        the published weights of Y. Idelbayev ("akamaster").
    """

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        before = (channels - in_channels) // 2
        self.stride, self.zeros = stride, (before, channels - in_channels - before)

    def forward(self, x: Tensor) -> Tensor:
        sampled = x[:, :, :: self.stride, :: self.stride]
        return F.pad(sampled, (0, 0, 0, 0, *self.zeros))


def two_convolutions(in_channels: int, channels: int, stride: int) -> nn.Sequential:
    """Two 3x3 convolutions, the first of which strides, without a last activation."""
    last = conv_norm(channels, channels, 3, act=None)
    return nn.Sequential(conv_norm(in_channels, channels, 3, stride), last)


def residual(in_channels: int, channels: int, stride: int) -> nn.Module:
    """relu(branch(x) + shortcut(x))."""
    shortcut = Subsampled(in_channels, channels, stride) if in_channels != channels else None
    branch = two_convolutions(in_channels, channels, stride)
    return Residual(branch, in_channels, channels, stride, shortcut)


def plain(in_channels: int, channels: int, stride: int) -> nn.Module:
    """relu(branch(x)): the same without the shortcut."""
    return nn.Sequential(*two_convolutions(in_channels, channels, stride), nn.ReLU())


def resnet_cifar(block: Block, depth: int, classes: int, in_channels: int) -> Classifier:
    """Images [N, in_channels, H, W] -> logits [N, classes]; the features end at stride 4.

    Args:
        depth: blocks in each of the three stages, n; the network has 6 n + 2 layers.
    """
    features, channels = nn.Sequential(), 16
    features.add_module("stem", conv_norm(in_channels, channels, 3))
    for stage, wider in enumerate((16, 32, 64)):
        blocks = nn.Sequential()
        for i in range(depth):
            stride = 2 if stage > 0 and i == 0 else 1
            blocks.append(block(channels, wider, stride))
            channels = wider
        features.add_module(f"stage{stage + 1}", blocks)
    return Classifier(features, pooled_linear(channels, classes))


FAMILY = tuple(
    ArchitectureSpec(
        f"{kind}{6 * depth + 2}_cifar",
        partial(resnet_cifar, block, depth),
        image_size=32,
        stride=4,
        params=params,
        year=2015,
        multiply_adds=work,
        receptive_field=field,
        classes=10,
    )
    for kind, block in [("resnet", residual), ("plain", plain)]
    for depth, params, work, field in [
        (3, 269_722, 40_550_000, 81),
        (5, 464_154, 68_860_000, 137),
        (7, 658_586, 97_170_000, 193),
        (9, 853_018, 125_500_000, 249),
        (18, 1_727_962, 252_900_000, 501),
    ]
)
