"""MobileNet v2 in six widths, padded symmetrically or as TensorFlow pads.

New: the residual block turned inside out. The ends are narrow and joined by the shortcut, the
inside is six times as wide and filtered depthwise, and the narrow end has no activation, since
ReLU would destroy what a few channels hold.
In its day: top-1 accuracy on ImageNet 72.0 % with half the work of the first MobileNet, and 74.7 %
at width 1.4.
Source: Sandler et al. 2018, "MobileNetV2: Inverted Residuals and Linear Bottlenecks",
    arXiv:1801.04381, table 2; weights and work of the other widths from the authors' code.
Differs: without "_same", strided convolutions see a border on all sides and batch norm has
    PyTorch's constants, as in torchvision; with it, the borders and constants of TensorFlow.
    Weights begin as He et al. 2015 (fan out).
"""

from functools import partial

from torch import nn

from striate.nn import (
    Classifier,
    ConvNorm,
    InvertedResidual,
    conv_norm,
    inverted_bottleneck,
    pooled_linear,
    round_channels,
)
from striate.zoo._spec import ArchitectureSpec

STAGES = (  # expansion, channels at width 1, blocks, stride of the first: the paper's table 2
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)

symmetric = partial(conv_norm, act=nn.ReLU6)
same = partial(conv_norm, act=nn.ReLU6, padding="same", eps=1e-3, momentum=0.01)


def mobilenet_v2(conv: ConvNorm, width: float, classes: int, in_channels: int) -> Classifier:
    """Images [N, in_channels, H, W] -> logits [N, classes]; the features end at stride 32."""
    channels = round_channels(32 * width)
    features = nn.Sequential()
    features.add_module("stem", conv(in_channels, channels, 3, 2))
    for stage, (expansion, table_channels, depth, first_stride) in enumerate(STAGES, start=1):
        out_channels = round_channels(table_channels * width)
        blocks = nn.Sequential()
        for i in range(depth):
            stride = first_stride if i == 0 else 1
            branch = inverted_bottleneck(
                conv, channels, expansion * channels, out_channels, stride=stride
            )
            blocks.append(InvertedResidual(branch, channels, out_channels, stride))
            channels = out_channels
        features.add_module(f"stage{stage}", blocks)
    last = round_channels(1280 * max(width, 1.0))
    features.add_module("widen", conv(channels, last, 1))
    return Classifier(features, pooled_linear(last, classes, drop=0.2))


FAMILY = tuple(
    ArchitectureSpec(
        f"mobilenet_v2{padding}{suffix}",
        partial(mobilenet_v2, conv, width),
        image_size=224,
        stride=32,
        params=params,
        year=2018,
        multiply_adds=work,
        receptive_field=491,
    )
    for padding, conv in [("", symmetric), ("_same", same)]
    for suffix, width, params, work in [
        ("", 1.0, 3_504_872, 300_000_000),
        ("_0.35", 0.35, 1_677_128, 59_000_000),
        ("_0.5", 0.5, 1_968_680, 97_000_000),
        ("_0.75", 0.75, 2_636_424, 209_000_000),
        ("_1.3", 1.3, 5_386_792, 509_000_000),
        ("_1.4", 1.4, 6_108_776, 582_000_000),
    ]
)
