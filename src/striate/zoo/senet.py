"""Squeeze-and-excitation networks: SE-ResNet-50, SE-ResNeXt-50 and SENet-154.

New: a block looks at the mean of each of its channels over the whole image and rescales them, for a
tenth more weights and hardly any more work. SENet-154, the entry of the competition, has besides
grouped 3x3 convolutions (64 groups), half as many channels in a first 1x1 convolution, three 3x3
convolutions for the first 7x7, 3x3 projections and dropout.

In their day: first in the ILSVRC 2017 classification task, 2.251 % top-5 error on the test set with
an ensemble, a quarter less than the winner of the year before; the last year of the challenge.
SENet-154 alone has 4.47 % on validation (one 224-pixel crop) and 3.79 % (one 320-pixel crop).

Source: Hu, Shen, Albanie, Sun, Wu 2017, "Squeeze-and-Excitation Networks", arXiv:1709.01507, tables
    1, 2, 8 and appendix. SE-ResNet-50 strides in its first 1x1 convolutions, and the first pool
    rounds up without a border, both as in the authors' release.
Begins: convolutions He-normal (fan out), the last norm of a branch at scale 0, so that a fresh
    block passes its shortcut through (arXiv:1706.02677, section 5.1).
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial

from torch import nn

from striate.nn import Classifier, Residual, SqueezeExcite, conv_norm, pooled_linear
from striate.zoo._spec import ArchitectureSpec

Block = Callable[[int, int, int], Residual]  # (in_channels, width, stride) -> block


def rescaled(
    convolutions: Sequence[nn.Module],
    in_channels: int,
    channels: int,
    stride: int,
    shortcut: nn.Module | None = None,
) -> Residual:
    """A residual block, rescaled before the addition; one hidden unit for 16 channels."""
    branch = nn.Sequential(*convolutions, SqueezeExcite(channels, reduction=16))
    return Residual(branch, in_channels, channels, stride, shortcut)


def se_resnet(in_channels: int, width: int, stride: int) -> Residual:
    """1x1 narrows and strides, 3x3, 1x1 widens to 4 * width."""
    first, middle = conv_norm(in_channels, width, 1, stride), conv_norm(width, width, 3)
    last = conv_norm(width, 4 * width, 1, act=None, gamma=0)
    return rescaled([first, middle, last], in_channels, 4 * width, stride)


def se_resnext(in_channels: int, width: int, stride: int) -> Residual:
    """1x1 narrows to 2 * width, 3x3 in 32 groups strides, 1x1 widens to 4 * width."""
    first = conv_norm(in_channels, 2 * width, 1)
    middle = conv_norm(2 * width, 2 * width, 3, stride, groups=32)
    last = conv_norm(2 * width, 4 * width, 1, act=None, gamma=0)
    return rescaled([first, middle, last], in_channels, 4 * width, stride)


def se_154(in_channels: int, width: int, stride: int) -> Residual:
    """1x1 to 2 * width, 3x3 in 64 groups strides to 4 * width, 1x1; projections of 3x3."""
    channels = 4 * width
    first = conv_norm(in_channels, 2 * width, 1)
    middle = conv_norm(2 * width, channels, 3, stride, groups=64)
    last = conv_norm(channels, channels, 1, act=None, gamma=0)
    shortcut = conv_norm(in_channels, channels, 3, stride, act=None) if stride > 1 else None
    return rescaled([first, middle, last], in_channels, channels, stride, shortcut)


def seven_by_seven(in_channels: int) -> list[nn.Module]:
    """64 channels at stride 2."""
    return [conv_norm(in_channels, 64, 7, stride=2)]


def three_of_three(in_channels: int) -> list[nn.Module]:
    """128 channels at stride 2."""
    first = conv_norm(in_channels, 64, 3, stride=2)
    return [first, conv_norm(64, 64, 3), conv_norm(64, 128, 3)]


def senet(
    stem: Callable[[int], list[nn.Module]],
    channels: int,
    block: Block,
    depths: Sequence[int],
    drop: float,
    classes: int,
    in_channels: int,
) -> Classifier:
    """Images [N, in_channels, H, W] -> logits [N, classes]; the features end at stride 32.

    Args:
        channels: of the stem.
        drop: fraction 0..1 of the pooled values that dropout sets to zero while training.
    """
    pool = nn.MaxPool2d(3, stride=2, ceil_mode=True)
    features = nn.Sequential(OrderedDict(stem=nn.Sequential(*stem(in_channels), pool)))
    for stage, depth in enumerate(depths):
        blocks = nn.Sequential()
        for i in range(depth):
            stride = 2 if stage > 0 and i == 0 else 1
            blocks.append(unit := block(channels, 64 * 2**stage, stride))
            channels = unit.channels
        features.add_module(f"stage{stage + 1}", blocks)
    return Classifier(features, pooled_linear(channels, classes, drop))


RESNET_50 = partial(senet, seven_by_seven, 64, se_resnet, (3, 4, 6, 3), 0.0)
RESNEXT_50 = partial(senet, seven_by_seven, 64, se_resnext, (3, 4, 6, 3), 0.0)
ENTRY_OF_2017 = partial(senet, three_of_three, 128, se_154, (3, 8, 36, 3), 0.2)
ALONE = "validation, single model, 1 crop"
FAMILY = tuple(
    ArchitectureSpec(
        name,
        make,
        image_size=224,
        stride=32,
        params=params,
        year=2017,
        multiply_adds=work,
        receptive_field=None,
        top5=top5,
        top5_of=top5_of,
        smallest=3,
    )
    for name, make, params, work, top5, top5_of in [
        ("se_resnet50", RESNET_50, 28_088_024, 3_870_000_000, 6.62, ALONE),
        ("se_resnext50_32x4d", RESNEXT_50, 27_559_896, 4_250_000_000, 5.49, ALONE),
        ("senet154", ENTRY_OF_2017, 115_088_984, 20_770_000_000, 2.251, "test, ensemble"),
    ]
)
