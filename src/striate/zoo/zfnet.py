"""ZFNet, the AlexNet that was looked into.

Its authors drew, with a deconvolutional network, what each feature map answers to, and saw that
AlexNet's first layer missed the middle frequencies and that its stride of 4 made aliases in the
second. New: 7 × 7 filters at stride 2 there, and stride 2 in the second layer; and seeing what a
network has learnt as the way to design one. On ILSVRC-2013 their company's entry won, with 11.7 %
top-5 error by many larger networks of this kind; the paper's six had 14.8 % on the test set of
2012, where AlexNet's seven had 15.3 %.

Taps: `conv1` … `conv5` and the pools; `fc6`, `fc7` after their ReLU; `fc8`, the logits.

Source: Zeiler and Fergus 2014, "Visualizing and Understanding Convolutional Networks",
    arXiv:1311.2901, figure 3 and table 2.
Differs: the borders that give the sizes of figure 3 (110, 55, 26, 13, 6) are not told: `conv1` has
    one pixel, and pools begin wherever one is left. The contrast normalisation is AlexNet's.
    Weights begin as in He et al. 2015, arXiv:1502.01852; the paper's deviation of 0.01 belongs to
    pixels of 0..255. Larger images are averaged to 6 × 6 pixels before `fc6`.
"""

from collections import OrderedDict

from torch import nn

from striate.nn import Classifier, LocalResponseNorm, conv_relu, dense_head
from striate.zoo._spec import ArchitectureSpec


def zfnet(classes: int, in_channels: int) -> Classifier:
    """Images [N, in_channels, H, W] -> logits [N, classes]; 224 pixels end as 6 × 6 × 256."""
    features: OrderedDict[str, nn.Module] = OrderedDict(
        conv1=conv_relu(in_channels, 96, 7, 2, padding=1),  # 110 × 110
        pool1=nn.MaxPool2d(3, 2, ceil_mode=True),  # 55 × 55
        norm1=LocalResponseNorm(),
        conv2=conv_relu(96, 256, 5, 2, padding=0),  # 26 × 26
        pool2=nn.MaxPool2d(3, 2, ceil_mode=True),  # 13 × 13
        norm2=LocalResponseNorm(),
        conv3=conv_relu(256, 384, 3),
        conv4=conv_relu(384, 384, 3),
        conv5=conv_relu(384, 256, 3),
        pool5=nn.MaxPool2d(3, 2, ceil_mode=True),  # 6 × 6
    )
    return Classifier(nn.Sequential(features), dense_head(256, 6, classes))


FAMILY = (
    ArchitectureSpec(
        "zfnet",
        zfnet,
        image_size=224,
        stride=32,
        params=62_357_608,
        year=2013,
        multiply_adds=1_168_000_000,
        receptive_field=171,
        top5=16.5,
        top5_of="validation, one network, 10 crops",
        smallest=47,
    ),
)
