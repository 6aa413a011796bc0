"""Densely connected networks: DenseNet-121, 169, 201 and 161.

New: every layer of a block reads the maps of all layers before it, side by side, and adds a few of
its own (the growth). Features are used again instead of learned again, and a network needs a third
of a ResNet's weights for the same error.

In their day, on ILSVRC validation: DenseNet-201 equals ResNet-101 with less than half the weights
and work; best paper of CVPR 2017.

Source: Huang, Liu, van der Maaten, Weinberger 2016, "Densely Connected Convolutional Networks",
    arXiv:1608.06993, tables 1 and 3 (DenseNet-161: an earlier version of the paper); the form
    "BC": bottlenecks, and transitions that halve the channels.
Begins: convolutions He-normal (fan out); norms at scale 1; the linear layer as torch does.
"""

from collections import OrderedDict
from collections.abc import Sequence
from functools import partial

from torch import nn

from striate.nn import Classifier, Concatenated, conv_norm, norm_conv, pooled_linear
from striate.zoo._spec import ArchitectureSpec


def dense_layer(in_channels: int, growth: int) -> Concatenated:
    """x beside `growth` new maps, made by 1x1 to 4 * growth channels and 3x3."""
    new = nn.Sequential(norm_conv(in_channels, 4 * growth, 1), norm_conv(4 * growth, growth, 3))
    return Concatenated([nn.Identity(), new])


def transition(in_channels: int) -> nn.Sequential:
    """Half the channels at half the size; the odd last row and column are dropped."""
    halved = norm_conv(in_channels, in_channels // 2, 1)
    return nn.Sequential(OrderedDict(halved=halved, pool=nn.AvgPool2d(2)))


def densenet(
    channels: int, growth: int, depths: Sequence[int], classes: int, in_channels: int
) -> Classifier:
    """Images [N, in_channels, H, W] -> logits [N, classes]; the features end at stride 32.

    Args:
        channels: of the stem.
        growth: maps that each layer adds, k.
    """
    features = nn.Sequential()
    stem = [conv_norm(in_channels, channels, 7, stride=2), nn.MaxPool2d(3, stride=2, padding=1)]
    features.add_module("stem", nn.Sequential(*stem))
    for stage, depth in enumerate(depths, start=1):
        if stage > 1:
            features.add_module(f"transition{stage - 1}", transition(channels))
            channels //= 2
        layers = [dense_layer(channels + i * growth, growth) for i in range(depth)]
        features.add_module(f"stage{stage}", nn.Sequential(*layers))
        channels += depth * growth
    features.add_module("norm", nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU()))
    return Classifier(features, pooled_linear(channels, classes))


FAMILY = tuple(
    ArchitectureSpec(
        name,
        partial(densenet, 2 * growth, growth, depths),
        image_size=224,
        stride=32,
        params=params,
        year=2016,
        multiply_adds=work,
        receptive_field=field,
        top5=top5,
        top5_of="validation, single model, 10 crops",
        smallest=29,
    )
    for name, growth, depths, params, work, field, top5 in [
        ("densenet121", 32, (6, 12, 24, 16), 7_978_856, 2_834_000_000, 2071, 6.66),
        ("densenet169", 32, (6, 12, 32, 32), 14_149_480, 3_360_000_000, 3351, 5.92),
        ("densenet201", 32, (6, 12, 48, 32), 20_013_928, 4_291_000_000, 3863, 5.54),
        ("densenet161", 48, (6, 12, 36, 24), 28_681_000, 7_728_000_000, 2967, 5.30),
    ]
)
