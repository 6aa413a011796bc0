"""EfficientNet B0 to B7, and the small one of the second version.

New: depth, width and image grow together. A search found B0, of inverted residuals with gates;
then every step, with more blocks (1.2 times), channels (1.1) and pixels a side (1.15), doubles the
work. The second version has full 3x3 convolutions in the shallow half, where they run faster.
In its day: top-1 accuracy on ImageNet 84.3 % (B7), with an eighth of the best one's weights, and
83.9 % (V2-S).
Source: Tan and Le 2019, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks",
    arXiv:1905.11946, tables 1 and 2; Tan and Le 2021, "EfficientNetV2: Smaller Models and Faster
    Training", arXiv:2104.00298, table 4.
Differs: strided convolutions see a border on all sides, and batch norm of B0 to B4 has PyTorch's
    constants, as in torchvision. Weights begin as He et al. 2015 (fan out). Multiply-adds are
    counted; table 2 has 0.39, 0.70, 1.0, 1.8, 4.2, 9.9, 19 and 37 billion.
"""

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from math import ceil

from torch import nn

from striate.nn import (
    Classifier,
    ConvNorm,
    InvertedResidual,
    SqueezeExcite,
    conv_norm,
    inverted_bottleneck,
    pooled_linear,
    round_channels,
)
from striate.zoo._spec import ArchitectureSpec

Branch = Callable[[ConvNorm, int, int, int, int, int], nn.Sequential]
Stage = tuple[Branch, int, int, int, int, int]


def gated(
    conv: ConvNorm, in_channels: int, inside: int, channels: int, kernel_size: int, stride: int
) -> nn.Sequential:
    """An inverted bottleneck; its gate is squeezed to a quarter of the block's narrow end."""
    gate = SqueezeExcite(inside, width=max(1, in_channels // 4), act=nn.SiLU)
    return inverted_bottleneck(conv, in_channels, inside, channels, kernel_size, stride, gate)


def fused(
    conv: ConvNorm, in_channels: int, inside: int, channels: int, kernel_size: int, stride: int
) -> nn.Sequential:
    """One full convolution widens, filters and strides; 1x1 narrows, where anything is wide."""
    if inside == in_channels:
        return nn.Sequential(OrderedDict(filter=conv(in_channels, channels, kernel_size, stride)))
    wide = conv(in_channels, inside, kernel_size, stride)
    return nn.Sequential(OrderedDict(expand=wide, project=conv(inside, channels, 1, act=None)))


B0: tuple[Stage, ...] = (  # branch, expansion, channels, blocks, kernel size, stride of the first
    (gated, 1, 16, 1, 3, 1),
    (gated, 6, 24, 2, 3, 2),
    (gated, 6, 40, 2, 5, 2),
    (gated, 6, 80, 3, 3, 2),
    (gated, 6, 112, 3, 5, 1),
    (gated, 6, 192, 4, 5, 2),
    (gated, 6, 320, 1, 3, 1),
)
V2_S: tuple[Stage, ...] = (
    (fused, 1, 24, 2, 3, 1),
    (fused, 4, 48, 4, 3, 2),
    (fused, 4, 64, 4, 3, 2),
    (gated, 4, 128, 6, 3, 2),
    (gated, 6, 160, 9, 3, 1),
    (gated, 6, 256, 15, 3, 2),
)

torch_norm = partial(conv_norm, act=nn.SiLU)
author_norm = partial(conv_norm, act=nn.SiLU, eps=1e-3, momentum=0.01)


def scaled(stages: tuple[Stage, ...], width: float, depth: float) -> tuple[Stage, ...]:
    """Channels times `width`, to a multiple of 8; blocks times `depth`, rounded up.

    >>> [(channels, blocks) for _, _, channels, blocks, _, _ in scaled(B0, width=1.2, depth=1.4)]
    [(24, 2), (32, 3), (48, 3), (96, 5), (136, 5), (232, 6), (384, 2)]
    """
    return tuple(
        (branch, expansion, round_channels(width * channels), ceil(depth * blocks), kernel, stride)
        for branch, expansion, channels, blocks, kernel, stride in stages
    )


def efficientnet(
    conv: ConvNorm,
    stages: tuple[Stage, ...],
    ends: tuple[int, int],
    drop: float,
    classes: int,
    in_channels: int,
) -> Classifier:
    """Images [N, in_channels, H, W] -> logits [N, classes]; the features end at stride 32.

    `ends` are the channels of the stem and of the last features. The deeper a block, the more
    samples skip it while training, up to a fifth (Huang et al. 2016, arXiv:1603.09382, eq. 4).
    """
    channels, last = ends
    features = nn.Sequential(OrderedDict(stem=conv(in_channels, channels, 3, 2)))
    done, total = 0, sum(depth for _, _, _, depth, _, _ in stages)
    for stage, (branch, expansion, out, depth, kernel_size, first) in enumerate(stages, start=1):
        blocks = nn.Sequential()
        for i in range(depth):
            stride = first if i == 0 else 1
            inside = branch(conv, channels, expansion * channels, out, kernel_size, stride)
            blocks.append(InvertedResidual(inside, channels, out, stride, 0.2 * done / total))
            channels, done = out, done + 1
        features.add_module(f"stage{stage}", blocks)
    features.add_module("widen", conv(channels, last, 1))
    return Classifier(features, pooled_linear(last, classes, drop))


def compound(conv: ConvNorm, width: float, depth: float, drop: float) -> Callable[..., Classifier]:
    """Builds B0 made wider and deeper."""
    ends = round_channels(32 * width), round_channels(1280 * width)
    return partial(efficientnet, conv, scaled(B0, width, depth), ends, drop)


v2_s: Callable[..., Classifier] = partial(efficientnet, author_norm, V2_S, (24, 1280), 0.2)
FAMILY = tuple(
    ArchitectureSpec(
        f"efficientnet_{name}",
        make,
        image_size=size,
        stride=32,
        params=params,
        year=year,
        multiply_adds=work,
        receptive_field=None,
        top5=top5,
        top5_of="validation, single model, single crop" if top5 else "",
    )
    for year, name, make, size, params, work, top5 in [
        (2019, "b0", compound(torch_norm, 1.0, 1.0, 0.2), 224, 5_288_548, 386_000_000, 6.7),
        (2019, "b1", compound(torch_norm, 1.0, 1.1, 0.2), 240, 7_794_184, 687_000_000, 5.6),
        (2019, "b2", compound(torch_norm, 1.1, 1.2, 0.3), 260, 9_109_994, 994_000_000, 5.1),
        (2019, "b3", compound(torch_norm, 1.2, 1.4, 0.3), 300, 12_233_232, 1_827_000_000, 4.3),
        (2019, "b4", compound(torch_norm, 1.4, 1.8, 0.4), 380, 19_341_616, 4_394_000_000, 3.6),
        (2019, "b5", compound(author_norm, 1.6, 2.2, 0.4), 456, 30_389_784, 10_266_000_000, 3.3),
        (2019, "b6", compound(author_norm, 1.8, 2.6, 0.5), 528, 43_040_704, 19_068_000_000, 3.2),
        (2019, "b7", compound(author_norm, 2.0, 3.1, 0.5), 600, 66_347_960, 37_746_000_000, 3.0),
        (2021, "v2_s", v2_s, 384, 21_458_488, 8_366_000_000, None),
    ]
)
