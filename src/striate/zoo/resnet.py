"""Residual networks: ResNet-18, 34, 50, 101, 152.

New: a block learns what to add to its input, so that the signal and the gradient have a way
    around it and a network of 152 layers trains as easily as one of 18. Batch norm after every
    convolution, no dense layer but the last.
In its day: first place of ILSVRC 2015 with an ensemble, 3.57 % top-5 error on the test set.
Begins: He's normal draw by fan-out, every batch norm at 1 but the last of a branch at 0.
Source: He et al. 2016, "Deep Residual Learning for Image Recognition", arXiv:1512.03385, table 1.
Differs: a bottleneck strides in its 3x3 convolution ("v1.5"), and the last norm of a branch
    starts at zero, so a fresh block passes its shortcut through (arXiv:1706.02677, section 5.1).
"""

from collections.abc import Callable, Sequence
from functools import partial

from torch import nn

from striate.nn import Classifier, Residual, conv_norm, pooled_linear
from striate.zoo._spec import ArchitectureSpec

Block = Callable[[int, int, int], Residual]  # (in_channels, width, stride) -> block


def basic(in_channels: int, width: int, stride: int) -> Residual:
    """Two 3x3 convolutions; the first strides."""
    last = conv_norm(width, width, 3, act=None, gamma=0)
    branch = nn.Sequential(conv_norm(in_channels, width, 3, stride), last)
    return Residual(branch, in_channels, width, stride)


def bottleneck(in_channels: int, width: int, stride: int) -> Residual:
    """1x1 narrows, 3x3 strides, 1x1 widens to 4 * width."""
    first, middle = conv_norm(in_channels, width, 1), conv_norm(width, width, 3, stride)
    last = conv_norm(width, 4 * width, 1, act=None, gamma=0)
    return Residual(nn.Sequential(first, middle, last), in_channels, 4 * width, stride)


def resnet(block: Block, depths: Sequence[int], classes: int, in_channels: int) -> Classifier:
    """Images [N, in_channels, H, W] -> logits [N, classes]; the features end at stride 32."""
    stem = [conv_norm(in_channels, 64, 7, stride=2), nn.MaxPool2d(3, stride=2, padding=1)]
    channels, features = 64, nn.Sequential()
    features.add_module("stem", nn.Sequential(*stem))
    for stage, depth in enumerate(depths):
        blocks = nn.Sequential()
        for i in range(depth):
            stride = 2 if stage > 0 and i == 0 else 1
            blocks.append(unit := block(channels, 64 * 2**stage, stride))
            channels = unit.channels
        features.add_module(f"stage{stage + 1}", blocks)
    return Classifier(features, pooled_linear(channels, classes))


FAMILY = tuple(
    ArchitectureSpec(
        name,
        partial(resnet, block, depths),
        image_size=224,
        stride=32,
        params=params,
        year=2015,
        multiply_adds=work,
        receptive_field=field,
        top5=top5,
        top5_of="validation, single model, 10 crops" if top5 else "",
    )
    for name, block, depths, params, work, field, top5 in [
        ("resnet18", basic, (2, 2, 2, 2), 11_689_512, 1_814_000_000, 435, None),
        ("resnet34", basic, (3, 4, 6, 3), 21_797_672, 3_664_000_000, 899, 7.46),
        ("resnet50", bottleneck, (3, 4, 6, 3), 25_557_032, 4_089_000_000, 427, 6.71),
        ("resnet101", bottleneck, (3, 4, 23, 3), 44_549_160, 7_801_000_000, 971, 6.05),
        ("resnet152", bottleneck, (3, 8, 36, 3), 60_192_808, 11_514_000_000, 1451, 5.71),
    ]
)
