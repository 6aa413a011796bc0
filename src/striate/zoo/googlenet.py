"""GoogLeNet, the first Inception network, as published and with batch normalisation.

New: the inception module, which looks at its input through 1 × 1, 3 × 3 and 5 × 5 filters and a
pool side by side, made affordable by 1 × 1 convolutions that narrow it first; a mean over the map
in place of the large dense layers; and two heads on the way that push gradients into the lower
layers while training. Winner of ILSVRC-2014 with 6.67 % top-5 error (seven networks, 144 crops)
at a ninth of AlexNet's weights.

Taps: `conv1`, `conv2`, `inception3a` … `inception5b` and the pools; `pool` for the 1024 features.

Source: Szegedy et al. 2015, "Going Deeper with Convolutions", arXiv:1409.4842, table 1, figures
    2(b) and 3, section 5; error: table 3.
Differs: weights begin as in He et al. 2015, arXiv:1502.01852, biases at zero; the paper does not
    say, nor the constants of the normalisation across channels, which are AlexNet's. The heads at
    the side average images of other sizes to 4 × 4 pixels too. `googlenet_bn`
    is torchvision's: batch normalisation in place of biases and of the normalisation across
    channels, 3 × 3 filters where 5 × 5 are meant, and a 2 × 2 pool before `inception5a`.
"""

from collections import OrderedDict
from collections.abc import Callable
from functools import partial

from torch import nn

from striate.nn import (
    AuxiliaryClassifier,
    AvgPool2dTo,
    Concatenated,
    Dropout,
    LocalResponseNorm,
    conv_norm,
    conv_relu,
    pooled_linear,
)
from striate.zoo._spec import ArchitectureSpec

Convolution = Callable[..., nn.Sequential]  # (in_channels, out_channels, kernel_size, stride=1)
Widths = tuple[int, tuple[int, int], tuple[int, int], int]
WIDTHS: dict[str, Widths] = {  # channels of 1x1; 3x3 narrowed, 3x3; 5x5 narrowed, 5x5; pool
    "3a": (64, (96, 128), (16, 32), 32),
    "3b": (128, (128, 192), (32, 96), 64),
    "4a": (192, (96, 208), (16, 48), 64),
    "4b": (160, (112, 224), (24, 64), 64),
    "4c": (128, (128, 256), (24, 64), 64),
    "4d": (112, (144, 288), (32, 64), 64),
    "4e": (256, (160, 320), (32, 128), 128),
    "5a": (256, (160, 320), (32, 128), 128),
    "5b": (384, (192, 384), (48, 128), 128),
}
normalised = partial(conv_norm, eps=1e-3)


def inception(conv: Convolution, large: int, in_channels: int, widths: Widths) -> Concatenated:
    """Four branches over one input; `large` is the kernel of the third, 5 in the paper."""
    one, (narrow, three), (narrower, five), pooled = widths
    return Concatenated(
        [
            conv(in_channels, one, 1),
            nn.Sequential(conv(in_channels, narrow, 1), conv(narrow, three, 3)),
            nn.Sequential(conv(in_channels, narrower, 1), conv(narrower, five, large)),
            nn.Sequential(nn.MaxPool2d(3, 1, padding=1), conv(in_channels, pooled, 1)),
        ]
    )


def side_head(
    conv: Convolution, pool: Callable[[int], nn.Module], channels: int, classes: int
) -> nn.Sequential:
    """[N, channels, h, w] -> logits [N, classes], from a mean over 4 × 4 windows."""
    parts: OrderedDict[str, nn.Module] = OrderedDict(
        pool=pool(4),
        conv=conv(channels, 128, 1),
        flatten=nn.Flatten(),
        hidden=nn.Linear(128 * 4 * 4, 1024),
        act=nn.ReLU(),
        drop=Dropout(0.7),
        linear=nn.Linear(1024, classes),
    )
    return nn.Sequential(parts)


def googlenet(as_published: bool, classes: int, in_channels: int) -> AuxiliaryClassifier:
    """Images [N, in_channels, H, W] -> logits [N, classes]; the features end at stride 32.

    In training the logits of the heads after `inception4a` and `inception4d` come after them.

    Args:
        as_published: or as torchvision has it.
    """
    conv: Convolution = conv_relu if as_published else normalised
    features: OrderedDict[str, nn.Module] = OrderedDict(
        conv1=conv(in_channels, 64, 7, 2),
        pool1=nn.MaxPool2d(3, 2, ceil_mode=True),
        norm1=LocalResponseNorm(),
        conv2=nn.Sequential(conv(64, 64, 1), conv(64, 192, 3)),
        norm2=LocalResponseNorm(),
        pool2=nn.MaxPool2d(3, 2, ceil_mode=True),
    )
    if not as_published:
        del features["norm1"], features["norm2"]
    channels = 192
    for name, widths in WIDTHS.items():
        if name in ("4a", "5a"):
            kernel = 2 if name == "5a" and not as_published else 3
            features[f"pool{int(name[0]) - 1}"] = nn.MaxPool2d(kernel, 2, ceil_mode=True)
        large = 5 if as_published else 3
        features[f"inception{name}"] = inception(conv, large, channels, widths)
        one, (_, three), (_, five), pooled = widths
        channels = one + three + five + pooled
    pool = AvgPool2dTo if as_published else nn.AdaptiveAvgPool2d
    sides = {
        f"inception{name}": side_head(conv, pool, wide, classes)
        for name, wide in [("4a", 512), ("4d", 528)]
    }
    head = pooled_linear(channels, classes, drop=0.4 if as_published else 0.2)
    return AuxiliaryClassifier(nn.Sequential(features), head, sides)


FAMILY = tuple(
    ArchitectureSpec(
        name,
        partial(googlenet, as_published),
        image_size=224,
        stride=32,
        params=params,
        year=2014,
        multiply_adds=work,
        receptive_field=field,
        top5=top5,
        top5_of="validation, one network, 10 crops" if top5 else "",
        smallest=smallest,
    )
    for name, as_published, params, work, field, top5, smallest in [
        ("googlenet", True, 13_378_280, 1_583_000_000, 715, 9.15, 31),
        ("googlenet_bn", False, 13_004_888, 1_498_000_000, 379, None, 15),
    ]
)
