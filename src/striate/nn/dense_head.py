"""The three dense layers that the first deep networks ended in."""

from collections import OrderedDict

from torch import nn

from striate.nn.dropout import Dropout
from striate.nn.initializers import initialize


def dense_head(channels: int, size: int, classes: int, units: int = 4096) -> nn.Sequential:
    """Two dense layers with ReLU and dropout, and one that gives the logits.

    `fc6` and `fc7` are what people take as features of an image: values after the ReLU. The first
    layer sees maps of size × size pixels; images of other sizes are averaged to it.

    Shape: [N, channels, h, w] -> [N, classes].
    Source: Krizhevsky et al. 2012, "ImageNet Classification with Deep Convolutional Neural
        Networks", section 3.5; dropout: section 4.2.
    Differs: weights begin as in He et al. 2015, arXiv:1502.01852, eq. 10, those of the logits with
        a deviation of 0.01; biases at zero.
    """
    logits = nn.Linear(units, classes)
    nn.init.normal_(logits.weight, std=0.01)
    nn.init.zeros_(logits.bias)
    parts: OrderedDict[str, nn.Module] = OrderedDict(
        pool=nn.AdaptiveAvgPool2d(size),
        flatten=nn.Flatten(),
        fc6=_dense(channels * size * size, units),
        drop6=Dropout(0.5),
        fc7=_dense(units, units),
        drop7=Dropout(0.5),
        fc8=logits,
    )
    return nn.Sequential(parts)


def _dense(features: int, units: int) -> nn.Sequential:
    linear = nn.Linear(features, units)
    initialize(linear, "he_normal")
    return nn.Sequential(OrderedDict([("linear", linear), ("act", nn.ReLU())]))
