"""VGG: 11, 13, 16 and 19 layers, with and without batch normalisation.

New: nothing but 3 × 3 convolutions, of which two see 5 × 5 pixels and three 7 × 7, with fewer
weights and more ReLUs in between; and the proof that depth is what helps. On ILSVRC-2014 second in
classification with 7.3 % top-5 error (seven networks; two made 6.8 % after the contest), first in
localisation. For years the network that others built on: its maps still judge how alike two
pictures look.

Taps: `conv1_1` … `conv5_4` and `pool1` … `pool5`, named as by the authors; `fc6`, `fc7` after
their ReLU; `fc8`, the logits.

Source: Simonyan and Zisserman 2015, "Very Deep Convolutional Networks for Large-Scale Image
    Recognition", arXiv:1409.1556, table 1, columns A, B, D and E; errors: table 3.
Differs: weights begin as in He et al. 2015, arXiv:1502.01852, which the paper lacked: it began the
    deep ones with the layers of a trained VGG-11. Batch normalisation came after the paper: those
    are torchvision's, with a bias before it. Larger images are averaged to 7 × 7 pixels before
    `fc6`; the paper makes convolutions of the dense layers (`nn.convolutionalise`).
"""

from collections import OrderedDict
from collections.abc import Sequence
from functools import partial

from torch import nn

from striate.nn import Classifier, conv_relu, dense_head
from striate.zoo._spec import ArchitectureSpec

CHANNELS = (64, 128, 256, 512, 512)


def vgg(depths: Sequence[int], batch_norm: bool, classes: int, in_channels: int) -> Classifier:
    """Images [N, in_channels, H, W] -> logits [N, classes]; 224 pixels end as 7 × 7 × 512.

    Args:
        depths: convolutions in each of the five stages.
        batch_norm: normalise after every convolution.
    """
    features = nn.Sequential()
    for stage, (depth, channels) in enumerate(zip(depths, CHANNELS, strict=True), start=1):
        for i in range(depth):
            unit = normalised(in_channels, channels) if batch_norm else plain(in_channels, channels)
            features.add_module(f"conv{stage}_{i + 1}", unit)
            in_channels = channels
        features.add_module(f"pool{stage}", nn.MaxPool2d(2))
    return Classifier(features, dense_head(CHANNELS[-1], 7, classes))


def plain(in_channels: int, channels: int) -> nn.Sequential:
    """3 × 3 convolution and ReLU."""
    return conv_relu(in_channels, channels, 3)


def normalised(in_channels: int, channels: int) -> nn.Sequential:
    """3 × 3 convolution, batch norm and ReLU."""
    parts = dict(plain(in_channels, channels).named_children())
    norm = nn.BatchNorm2d(channels)
    return nn.Sequential(OrderedDict(conv=parts["conv"], norm=norm, act=parts["act"]))


FAMILY = tuple(
    ArchitectureSpec(
        name,
        partial(vgg, depths, name.endswith("_bn")),
        image_size=224,
        stride=32,
        params=params,
        year=2014,
        multiply_adds=work,
        receptive_field=field,
        top5=top5,
        top5_of="validation, one network, one scale, dense" if top5 else "",
        smallest=32,
    )
    for name, depths, params, work, field, top5 in [
        ("vgg11", (1, 1, 2, 2, 2), 132_863_336, 7_609_000_000, 150, 10.4),
        ("vgg11_bn", (1, 1, 2, 2, 2), 132_868_840, 7_609_000_000, 150, None),
        ("vgg13", (2, 2, 2, 2, 2), 133_047_848, 11_310_000_000, 156, 9.9),
        ("vgg13_bn", (2, 2, 2, 2, 2), 133_053_736, 11_310_000_000, 156, None),
        ("vgg16", (2, 2, 3, 3, 3), 138_357_544, 15_470_000_000, 212, 8.1),
        ("vgg16_bn", (2, 2, 3, 3, 3), 138_365_992, 15_470_000_000, 212, None),
        ("vgg19", (2, 2, 4, 4, 4), 143_667_240, 19_630_000_000, 268, 8.0),
        ("vgg19_bn", (2, 2, 4, 4, 4), 143_678_248, 19_630_000_000, 268, None),
    ]
)
