"""Inception v3.

New: large filters taken apart, 5 × 5 into two 3 × 3 and 7 × 7 into 1 × 7 and 7 × 1; maps made
smaller by a strided convolution and a pool side by side; batch normalisation in the head at the
side as well; and label smoothing. One network had 5.6 % top-5 error on the validation set of
ILSVRC-2012; four with many crops had 3.6 % on the test set, GoogLeNet's seven 6.67 %.

Taps: `stem1`, `stem2`, `mixed5b` … `mixed7c` and the pools; `pool` for the 2048 features.

Source: Szegedy et al. 2016, "Rethinking the Inception Architecture for Computer Vision",
    arXiv:1512.00567, table 1, figures 5, 6, 7 and 10; errors: abstract. The widths, which the paper
    leaves out, and the order of the parts are those of the authors' published weights, as in
    torchvision.
Differs: weights begin as in He et al. 2015, arXiv:1502.01852. Pools by the mean count the zeros of
    the border, as torchvision's do. The head at the side makes 5 × 5 windows of images of any size.
"""

from collections import OrderedDict
from functools import partial

from torch import nn

from striate.nn import AuxiliaryClassifier, AvgPool2dTo, Concatenated, conv_norm, pooled_linear
from striate.zoo._spec import ArchitectureSpec

conv = partial(conv_norm, eps=1e-3)
inner = partial(conv, padding=0)  # without a border: the map loses pixels


def pooled(in_channels: int, channels: int) -> nn.Sequential:
    """The branch that averages 3 × 3 pixels."""
    return nn.Sequential(nn.AvgPool2d(3, 1, padding=1), conv(in_channels, channels, 1))


def chain(in_channels: int, *parts: tuple[int, int | tuple[int, int]]) -> nn.Sequential:
    """Convolutions one after the other, each (channels, kernel_size)."""
    layers = nn.Sequential()
    for channels, kernel_size in parts:
        layers.append(conv(in_channels, channels, kernel_size))
        in_channels = channels
    return layers


def mixed_5(in_channels: int, last: int) -> Concatenated:
    """Figure 5: 1 × 1, 5 × 5, twice 3 × 3, and the pool; 224 + last channels."""
    return Concatenated(
        [
            conv(in_channels, 64, 1),
            chain(in_channels, (48, 1), (64, 5)),
            chain(in_channels, (64, 1), (96, 3), (96, 3)),
            pooled(in_channels, last),
        ]
    )


def mixed_6a(in_channels: int) -> Concatenated:
    """Figure 10: half the size, 480 channels more."""
    deep = chain(in_channels, (64, 1), (96, 3)).append(inner(96, 96, 3, 2))
    return Concatenated([inner(in_channels, 384, 3, 2), deep, nn.MaxPool2d(3, 2)])


def mixed_6(width: int) -> Concatenated:
    """Figure 6: 1 × 1, 7 × 7 once and twice in strips of `width` channels, and the pool."""
    row, column = (1, 7), (7, 1)
    strips = [(width, column), (width, row), (width, column)]
    return Concatenated(
        [
            conv(768, 192, 1),
            chain(768, (width, 1), (width, row), (192, column)),
            chain(768, (width, 1), *strips, (192, row)),
            pooled(768, 192),
        ]
    )


def mixed_7a() -> Concatenated:
    """Figure 10: half the size, 512 channels more."""
    wide = chain(768, (192, 1)).append(inner(192, 320, 3, 2))
    deep = chain(768, (192, 1), (192, (1, 7)), (192, (7, 1))).append(inner(192, 192, 3, 2))
    return Concatenated([wide, deep, nn.MaxPool2d(3, 2)])


def mixed_7(in_channels: int) -> Concatenated:
    """Figure 7: the last convolution of two branches is 1 × 3 and 3 × 1 side by side."""

    def split() -> Concatenated:
        return Concatenated([conv(384, 384, (1, 3)), conv(384, 384, (3, 1))])

    return Concatenated(
        [
            conv(in_channels, 320, 1),
            chain(in_channels, (384, 1)).append(split()),
            chain(in_channels, (448, 1), (384, 3)).append(split()),
            pooled(in_channels, 192),
        ]
    )


def side_head(classes: int) -> nn.Sequential:
    """[N, 768, h, w] -> logits [N, classes]; 17 × 17 pixels are averaged to 5 × 5."""
    first, second = conv(768, 128, 1), inner(128, 768, 5)
    linear = nn.Linear(768, classes)
    nn.init.normal_(linear.weight, std=0.001)
    parts = {"pool": AvgPool2dTo(5), "conv1": first, "conv2": second}
    return nn.Sequential(OrderedDict(parts | {"flatten": nn.Flatten(), "linear": linear}))


def inception_v3(classes: int, in_channels: int) -> AuxiliaryClassifier:
    """Images [N, in_channels, H, W] -> logits [N, classes]; the features end at stride 32.

    In training the logits of the head after `mixed6e` come after them.
    """
    first = [inner(in_channels, 32, 3, 2), inner(32, 32, 3), conv(32, 64, 3)]
    features: OrderedDict[str, nn.Module] = OrderedDict(
        stem1=nn.Sequential(*first),  # 147 × 147
        pool1=nn.MaxPool2d(3, 2),
        stem2=nn.Sequential(conv(64, 80, 1), inner(80, 192, 3)),  # 71 × 71
        pool2=nn.MaxPool2d(3, 2),
        mixed5b=mixed_5(192, 32),  # 35 × 35
        mixed5c=mixed_5(256, 64),
        mixed5d=mixed_5(288, 64),
        mixed6a=mixed_6a(288),  # 17 × 17
    )
    for part, width in zip("bcde", (128, 160, 160, 192), strict=True):
        features[f"mixed6{part}"] = mixed_6(width)
    features |= {"mixed7a": mixed_7a(), "mixed7b": mixed_7(1280), "mixed7c": mixed_7(2048)}  # 8 × 8
    head = pooled_linear(2048, classes, drop=0.5)
    return AuxiliaryClassifier(nn.Sequential(features), head, {"mixed6e": side_head(classes)})


FAMILY = (
    ArchitectureSpec(
        "inception_v3",
        inception_v3,
        image_size=299,
        stride=32,
        params=27_161_264,
        year=2015,
        multiply_adds=5_713_000_000,
        receptive_field=1311,
        top5=5.6,
        top5_of="validation, one network, one crop",
        smallest=75,
    ),
)
