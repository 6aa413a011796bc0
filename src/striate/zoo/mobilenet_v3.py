"""MobileNet v3, large and small, in two widths.

New: found by search, first over blocks and then over the width of each layer, and mended by hand:
squeeze-and-excitation in the inverted residuals, the cheap "hard" swish in the deeper half, a stem
of half the width, and the last widening after the pool, where it costs nothing.
In its day: top-1 accuracy on ImageNet 75.2 % (large) and 67.4 % (small), 73.3 and 65.4 % at width
0.75.
Source: Howard et al. 2019, "Searching for MobileNetV3", arXiv:1905.02244, tables 1 and 2; top-1
    accuracy of table 3.
Differs: strided convolutions see a border on all sides, as in torchvision. At width 0.75 the
    channels inside a block are a multiple of the narrowed ends and the last layers keep their
    width, as in the authors' code; torchvision narrows both. Weights begin as He et al. 2015
    (fan out).
"""

from collections import OrderedDict
from functools import partial

from torch import nn

from striate.nn import (
    Classifier,
    Dropout,
    InvertedResidual,
    SqueezeExcite,
    conv_norm,
    inverted_bottleneck,
    round_channels,
)
from striate.zoo._spec import ArchitectureSpec

Row = tuple[int, int, int, bool, type[nn.Module], int]
RE, HS = nn.ReLU, nn.Hardswish  # as the tables call them

LARGE: tuple[tuple[Row, ...], ...] = (  # rows of table 1, a stage for each number of channels
    ((3, 16, 16, False, RE, 1),),  # kernel size, channels inside, channels, gate, act, stride
    ((3, 64, 24, False, RE, 2), (3, 72, 24, False, RE, 1)),
    ((5, 72, 40, True, RE, 2), (5, 120, 40, True, RE, 1), (5, 120, 40, True, RE, 1)),
    (
        (3, 240, 80, False, HS, 2),
        (3, 200, 80, False, HS, 1),
        (3, 184, 80, False, HS, 1),
        (3, 184, 80, False, HS, 1),
    ),
    ((3, 480, 112, True, HS, 1), (3, 672, 112, True, HS, 1)),
    ((5, 672, 160, True, HS, 2), (5, 960, 160, True, HS, 1), (5, 960, 160, True, HS, 1)),
)

SMALL: tuple[tuple[Row, ...], ...] = (  # table 2
    ((3, 16, 16, True, RE, 2),),
    ((3, 72, 24, False, RE, 2), (3, 88, 24, False, RE, 1)),
    ((5, 96, 40, True, HS, 2), (5, 240, 40, True, HS, 1), (5, 240, 40, True, HS, 1)),
    ((5, 120, 48, True, HS, 1), (5, 144, 48, True, HS, 1)),
    ((5, 288, 96, True, HS, 2), (5, 576, 96, True, HS, 1), (5, 576, 96, True, HS, 1)),
)

conv = partial(conv_norm, eps=1e-3, momentum=0.01)


def block(in_channels: int, expansion: float, width: float, row: Row) -> InvertedResidual:
    """A row of the tables at another width; inside, `expansion` times `in_channels`."""
    kernel_size, _, table_channels, gated, act, stride = row
    inside = round_channels(in_channels * expansion)
    channels = round_channels(table_channels * width)
    squeezed = round_channels(inside / 4)
    gate = SqueezeExcite(inside, width=squeezed, gate=nn.Hardsigmoid) if gated else None
    branch = inverted_bottleneck(
        partial(conv, act=act), in_channels, inside, channels, kernel_size, stride, gate
    )
    return InvertedResidual(branch, in_channels, channels, stride)


def mobilenet_v3(
    stages: tuple[tuple[Row, ...], ...],
    hidden: int,
    width: float,
    classes: int,
    in_channels: int,
) -> Classifier:
    """Images [N, in_channels, H, W] -> logits [N, classes]; the features end at stride 32."""
    channels = round_channels(16 * width)
    features = nn.Sequential()
    features.add_module("stem", conv(in_channels, channels, 3, 2, act=HS))
    before = 16  # channels of the row above, at width 1
    for stage, rows in enumerate(stages, start=1):
        blocks = nn.Sequential()
        for row in rows:
            blocks.append(unit := block(channels, row[1] / before, width, row))
            channels, before = unit.channels, row[2]
        features.add_module(f"stage{stage}", blocks)
    features.add_module("widen", conv(channels, 6 * channels, 1, act=HS))
    head: OrderedDict[str, nn.Module] = OrderedDict(
        pool=nn.AdaptiveAvgPool2d(1),
        flatten=nn.Flatten(),
        hidden=nn.Linear(6 * channels, hidden),
        act=nn.Hardswish(),
        drop=Dropout(0.2),
        linear=nn.Linear(hidden, classes),
    )
    return Classifier(features, nn.Sequential(head))


FAMILY = tuple(
    ArchitectureSpec(
        name,
        partial(mobilenet_v3, stages, hidden, width),
        image_size=224,
        stride=32,
        params=params,
        year=2019,
        multiply_adds=work,
        receptive_field=None,
    )
    for name, stages, hidden, width, params, work in [
        ("mobilenet_v3_large", LARGE, 1280, 1.0, 5_483_032, 217_000_000),
        ("mobilenet_v3_large_0.75", LARGE, 1280, 0.75, 3_993_528, 155_000_000),
        ("mobilenet_v3_small", SMALL, 1024, 1.0, 2_542_856, 56_500_000),
        ("mobilenet_v3_small_0.75", SMALL, 1024, 0.75, 2_041_872, 43_400_000),
    ]
)
