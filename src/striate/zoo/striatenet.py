"""StriateNet: the default network, a small ResNet that fits itself to the size of the images.

It is meant to be trained from scratch: in seconds on 8x8 digits, in minutes on MNIST, on two CPU
cores, and without harm on a few hundred photographs. Small images keep their pixels in the stem;
photographs are halved there. The last feature map has 2 to 8 pixels a side.

Source: ours, from the parts of He et al. 2016, arXiv:1512.03385, with the zero-gamma start of
    Goyal et al. 2017, arXiv:1706.02677, section 5.1, where a block keeps the shape of its input.
Differs: blocks that change the shape, here nearly all, start with both of their paths: through 1x1
    convolutions alone, which see a quarter of the pixels, the first epochs learn far less.
"""

from dataclasses import dataclass

from torch import nn

from striate.nn import Classifier, Residual, conv_norm, pooled_linear
from striate.shapes import Pair
from striate.zoo._spec import ArchitectureSpec


@dataclass(frozen=True)
class Plan:
    """How images up to a size are shrunk; each stage is one residual block.

    Args:
        up_to: pixels of the shorter side.
        stem: stride of the first convolution.
        strides: of each stage.
    """

    up_to: float
    stem: int
    strides: tuple[int, ...]


PLANS = (
    Plan(up_to=20, stem=1, strides=(1, 2, 2)),  # 8 pixels: 8, 8, 4, 2
    Plan(up_to=64, stem=1, strides=(2, 2, 2)),  # 28 pixels: 28, 14, 7, 4
    Plan(up_to=float("inf"), stem=2, strides=(2, 2, 2, 2)),  # 224 pixels: 112, 56, 28, 14, 7
)
WIDTH = 32  # channels of the stem and of stage 1; each later stage has twice as many


def striatenet(classes: int, in_channels: int, image_size: Pair) -> Classifier:
    """Images [N, in_channels, H, W] -> logits [N, classes]; takes other sizes than its own too."""
    plan = next(plan for plan in PLANS if min(image_size) <= plan.up_to)
    channels, features = WIDTH, nn.Sequential()
    features.add_module("stem", conv_norm(in_channels, channels, 3, plan.stem))
    for stage, stride in enumerate(plan.strides):
        width = WIDTH * 2**stage
        same = stride == 1 and channels == width  # else 1x1 convolutions would be all that starts
        last = conv_norm(width, width, 3, act=None, gamma=0 if same else 1)
        branch = nn.Sequential(conv_norm(channels, width, 3, stride), last)
        features.add_module(f"stage{stage + 1}", Residual(branch, channels, width, stride))
        channels = width
    return Classifier(features, pooled_linear(channels, classes))


FAMILY = (
    ArchitectureSpec(
        "striatenet",
        striatenet,
        image_size=224,
        stride=32,
        params=1_484_488,
        year=2026,
        multiply_adds=206_981_120,
        receptive_field=183,
        sized=True,
    ),
)
