"""MobileNets, the first version, in four widths.

New: every convolution but the first is taken apart into a depthwise one, which filters each channel
alone, and a 1x1 one, which mixes channels: an eighth to a ninth of the work of a full 3x3. Two
numbers trade accuracy for speed: the width of all layers and the size of the image.
In its day: top-1 accuracy on ImageNet 70.6 %, a percent below VGG-16, with a 27th of its work;
68.4, 63.7 and 50.6 % at widths 0.75, 0.5 and 0.25.
Source: Howard et al. 2017, "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision
    Applications", arXiv:1704.04861, table 1; multiply-adds of table 6.
Differs: ReLU stops at 6, as in the authors' code. Weights begin as He et al. 2015 (fan out); the
    source does not say.
"""

from functools import partial

from torch import nn

from striate.nn import Classifier, conv_norm, pooled_linear
from striate.zoo._spec import ArchitectureSpec

STAGES = (  # channels of the blocks at each stride from 2 to 32, at width 1
    (64,),
    (128, 128),
    (256, 256),
    (512,) * 6,
    (1024, 1024),
)

conv = partial(conv_norm, padding="same", act=nn.ReLU6, eps=1e-3, momentum=0.01)


def separable(in_channels: int, channels: int, stride: int) -> nn.Sequential:
    """3x3 depthwise, which strides, then 1x1."""
    block = nn.Sequential()
    block.add_module("depthwise", conv(in_channels, in_channels, 3, stride, groups=in_channels))
    block.add_module("pointwise", conv(in_channels, channels, 1))
    return block


def mobilenet_v1(width: float, classes: int, in_channels: int) -> Classifier:
    """Images [N, in_channels, H, W] -> logits [N, classes]; the features end at stride 32."""
    channels = int(32 * width)
    features = nn.Sequential()
    features.add_module("stem", conv(in_channels, channels, 3, 2))
    for stage, widths in enumerate(STAGES):
        blocks = nn.Sequential()
        for i, out_channels in enumerate(int(width * each) for each in widths):
            stride = 2 if stage > 0 and i == 0 else 1
            blocks.append(separable(channels, out_channels, stride))
            channels = out_channels
        features.add_module(f"stage{stage + 1}", blocks)
    return Classifier(features, pooled_linear(channels, classes, drop=0.001))


FAMILY = tuple(
    ArchitectureSpec(
        name,
        partial(mobilenet_v1, width),
        image_size=224,
        stride=32,
        params=params,
        year=2017,
        multiply_adds=work,
        receptive_field=315,
    )
    for name, width, params, work in [
        ("mobilenet_v1", 1.0, 4_231_976, 569_000_000),
        ("mobilenet_v1_0.75", 0.75, 2_585_560, 325_000_000),
        ("mobilenet_v1_0.5", 0.5, 1_331_592, 149_000_000),
        ("mobilenet_v1_0.25", 0.25, 470_072, 41_000_000),
    ]
)
