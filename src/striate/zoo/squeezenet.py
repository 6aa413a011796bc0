"""SqueezeNet 1.0 and 1.1: AlexNet's accuracy with a fiftieth of its weights.

New: the fire module, in which a few 1 × 1 filters squeeze the channels before many 1 × 1 and 3 × 3
filters expand them again; pooling late, so that most layers see large maps; and no dense layer: a
1 × 1 convolution gives one map per class, whose mean is the logit. Too late for a contest of its
own: top-5 error 19.7 % on ILSVRC-2012, AlexNet's being 19.7 % there by the same measure; 4.8 MB,
with deep compression 0.5. Version 1.1, by the authors, pools earlier and has 3 × 3 filters first:
2.4 times less work at the same accuracy.

Taps: `conv1`, `fire2` … `fire9`, `conv10`, the maps of the classes.

Source: Iandola et al. 2016, "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and
    <0.5MB model size", arXiv:1602.07360, table 1 and 2; 1.1: github.com/forresti/SqueezeNet.
Differs: images have 224 pixels and `conv1` no border, as in torchvision, so its maps have 109
    pixels, not 111. Weights begin as in He et al. 2015, arXiv:1502.01852, those of `conv10` with a
    deviation of 0.01; biases at zero, those of `conv10` at one: its ReLU then lets every class
    through at first, where at zero some classes may give nothing and never learn.
"""

from collections import OrderedDict
from collections.abc import Collection
from functools import partial

from torch import nn

from striate.nn import Classifier, Concatenated, Dropout, conv_relu
from striate.zoo._spec import ArchitectureSpec

SQUEEZED = (16, 16, 32, 32, 48, 48, 64, 64)  # of fire2 … fire9; each half expands to 4 times that


def fire(in_channels: int, squeezed: int) -> nn.Sequential:
    """1 × 1 squeezes; 1 × 1 and 3 × 3, side by side, expand to 8 * squeezed channels."""
    wide = Concatenated(conv_relu(squeezed, 4 * squeezed, kernel) for kernel in (1, 3))
    return nn.Sequential(OrderedDict(squeeze=conv_relu(in_channels, squeezed, 1), expand=wide))


def squeezenet(
    channels: int, kernel_size: int, pooled: Collection[int], classes: int, in_channels: int
) -> Classifier:
    """Images [N, in_channels, H, W] -> logits [N, classes]; the features end at stride 16.

    Args:
        channels, kernel_size: of `conv1`.
        pooled: numbers of the fire modules that a pool follows.
    """
    features = nn.Sequential()
    features.add_module("conv1", conv_relu(in_channels, channels, kernel_size, 2, padding=0))
    features.add_module("pool1", nn.MaxPool2d(3, 2, ceil_mode=True))
    for number, squeezed in enumerate(SQUEEZED, start=2):
        features.add_module(f"fire{number}", fire(channels, squeezed))
        channels = 8 * squeezed
        if number in pooled:
            features.add_module(f"pool{number}", nn.MaxPool2d(3, 2, ceil_mode=True))
    return Classifier(features, map_per_class(channels, classes))


def map_per_class(channels: int, classes: int) -> nn.Sequential:
    """[N, channels, h, w] -> [N, classes]: dropout, a 1 × 1 convolution with ReLU, the mean."""
    maps = nn.Conv2d(channels, classes, kernel_size=1)
    nn.init.normal_(maps.weight, std=0.01)
    nn.init.ones_(maps.bias)  # type: ignore[arg-type]  # there is one
    parts: OrderedDict[str, nn.Module] = OrderedDict(
        drop=Dropout(0.5),
        conv10=maps,
        act10=nn.ReLU(),
        pool=nn.AdaptiveAvgPool2d(1),
        flatten=nn.Flatten(),
    )
    return nn.Sequential(parts)


FAMILY = tuple(
    ArchitectureSpec(
        name,
        partial(squeezenet, *stem, pooled),
        image_size=224,
        stride=16,
        params=params,
        year=2016,
        multiply_adds=work,
        receptive_field=field,
        top5=top5,
        top5_of="validation, one network, one crop" if top5 else "",
        smallest=smallest,
    )
    for name, stem, pooled, params, work, field, top5, smallest in [
        ("squeezenet1_0", (96, 7), (4, 8), 1_248_424, 818_900_000, 155, 19.7, 21),
        ("squeezenet1_1", (64, 3), (3, 5), 1_235_496, 349_200_000, 207, None, 17),
    ]
)
