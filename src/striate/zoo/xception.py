"""Xception, the extreme form of Inception: channels and places are seen to apart.

New in it: an Inception module looks at groups of channels through windows of their own. Taken to
its end, every channel has its own 3x3 window and a 1x1 convolution mixes them: the depthwise
separable convolution, with no activation between its two steps. All 36 convolutions but two are
such, in 14 blocks of which all but the first and last have a shortcut.

Source: Chollet 2017, "Xception: Deep Learning with Depthwise Separable Convolutions",
    arXiv:1610.02357, figure 5.
In its day: 5.5 % top-5 error on the ILSVRC 2012 validation set, a single crop, where Inception v3
    of the same size had 5.9 % (table 1).
Differs: batch norm keeps running statistics with torch's momentum of 0.1, not 0.01. The paper's
    22,855,952 weights; Keras counts the 54,528 running statistics too, 22,910,480 in all.
Weights begin as He et al. 2015 (arXiv:1502.01852) for ReLU; the paper does not say.
"""

from collections import OrderedDict
from functools import partial

from torch import nn

from striate.nn import Added, Classifier, MaxPool2dSame, conv_norm, pooled_linear, separable_norm
from striate.zoo._spec import ArchitectureSpec

conv = partial(conv_norm, eps=1e-3)
separable = partial(separable_norm, kernel_size=3, eps=1e-3)


def shrinking(in_channels: int, width: int, channels: int, *, first_act: bool = True) -> Added:
    """Two separable convolutions and a maximum over 3x3, stride 2; so too the shortcut, 1x1."""
    branch = nn.Sequential(
        nn.ReLU() if first_act else nn.Identity(),
        separable(in_channels, width),
        nn.ReLU(),
        separable(width, channels),
        MaxPool2dSame(3, stride=2),
    )
    return Added(branch, conv(in_channels, channels, 1, stride=2, act=None))


def middle(channels: int) -> Added:
    """Three separable convolutions; the shortcut is the input."""
    steps = [part for _ in range(3) for part in (nn.ReLU(), separable(channels, channels))]
    return Added(nn.Sequential(*steps), nn.Identity())


def xception(classes: int, in_channels: int) -> Classifier:
    """Images [N, in_channels, H, W] -> logits [N, classes]; the features end at stride 32."""
    entry = [conv(in_channels, 32, 3, 2, padding=0), conv(32, 64, 3, padding=0)]
    last = [separable(1024, 1536), nn.ReLU(), separable(1536, 2048), nn.ReLU()]
    features: OrderedDict[str, nn.Module] = OrderedDict(
        stem=nn.Sequential(*entry),
        stage1=nn.Sequential(shrinking(64, 128, 128, first_act=False)),
        stage2=nn.Sequential(shrinking(128, 256, 256)),
        stage3=nn.Sequential(shrinking(256, 728, 728), *(middle(728) for _ in range(8))),
        stage4=nn.Sequential(shrinking(728, 728, 1024), *last),
    )
    return Classifier(nn.Sequential(features), pooled_linear(2048, classes, drop=0.5))


FAMILY = (
    ArchitectureSpec(
        "xception",
        xception,
        image_size=299,
        stride=32,
        params=22_855_952,
        year=2016,
        multiply_adds=8_360_000_000,
        receptive_field=1083,
        top5=5.5,
        top5_of="validation, single model, 1 crop",
        smallest=7,
    ),
)
