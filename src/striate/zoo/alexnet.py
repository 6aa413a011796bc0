"""AlexNet, in the two columns of 2012 and in the one column of 2014.

The network that made the field turn to deep learning: on ILSVRC-2012 seven of them had a top-5
error of 15.3 %, the next best entry, without a deep network, 26.2 %. New: ReLU in a large network,
training on two GPUs, normalisation across neighbouring channels, pooling windows that overlap, and
dropout. Each GPU held half of the channels, and they met only in `conv3` and in the dense layers;
with groups, one device holds both.

Taps: `conv1` … `conv5` and the pools; `fc6`, `fc7` after their ReLU; `fc8`, the logits.

Source: Krizhevsky et al. 2012, "ImageNet Classification with Deep Convolutional Neural Networks",
    figure 2 and section 3; one column: Krizhevsky 2014, "One weird trick for parallelizing
    convolutional neural networks", arXiv:1404.5997, section 5.
Differs: images have 227 pixels, from which the 55 × 55 maps of figure 2 follow; its 224 do not fit.
    Weights begin as in He et al. 2015, arXiv:1502.01852, and biases at zero: the paper's deviation
    of 0.01 and biases of 1 belong to pixels of 0..255, not to standardised ones. The one column
    has padding 2 in `conv1` and no normalisation, as in torchvision; its dropout follows the dense
    layers. Larger images are averaged to 6 × 6 pixels before `fc6`.
"""

from collections import OrderedDict

from torch import nn

from striate.nn import Classifier, LocalResponseNorm, conv_relu, dense_head
from striate.zoo._spec import ArchitectureSpec


def alexnet(classes: int, in_channels: int) -> Classifier:
    """Images [N, in_channels, H, W] -> logits [N, classes]; 227 pixels end as 6 × 6 × 256."""
    features: OrderedDict[str, nn.Module] = OrderedDict(
        conv1=conv_relu(in_channels, 96, 11, 4, padding=0),  # 55 × 55
        norm1=LocalResponseNorm(),
        pool1=nn.MaxPool2d(3, 2),  # 27 × 27
        conv2=conv_relu(96, 256, 5, groups=2),
        norm2=LocalResponseNorm(),
        pool2=nn.MaxPool2d(3, 2),  # 13 × 13
        conv3=conv_relu(256, 384, 3),
        conv4=conv_relu(384, 384, 3, groups=2),
        conv5=conv_relu(384, 256, 3, groups=2),
        pool5=nn.MaxPool2d(3, 2),  # 6 × 6
    )
    return Classifier(nn.Sequential(features), dense_head(256, 6, classes))


def alexnet_one_column(classes: int, in_channels: int) -> Classifier:
    """Images [N, in_channels, H, W] -> logits [N, classes]; 224 pixels end as 6 × 6 × 256."""
    features: OrderedDict[str, nn.Module] = OrderedDict(
        conv1=conv_relu(in_channels, 64, 11, 4, padding=2),  # 55 × 55
        pool1=nn.MaxPool2d(3, 2),  # 27 × 27
        conv2=conv_relu(64, 192, 5),
        pool2=nn.MaxPool2d(3, 2),  # 13 × 13
        conv3=conv_relu(192, 384, 3),
        conv4=conv_relu(384, 256, 3),
        conv5=conv_relu(256, 256, 3),
        pool5=nn.MaxPool2d(3, 2),  # 6 × 6
    )
    return Classifier(nn.Sequential(features), dense_head(256, 6, classes))


FAMILY = (
    ArchitectureSpec(
        "alexnet",
        alexnet,
        image_size=227,
        stride=32,
        params=60_965_224,
        year=2012,
        multiply_adds=724_400_000,
        receptive_field=195,
        top5=18.2,
        top5_of="validation, one network, 10 crops",
        smallest=67,
    ),
    ArchitectureSpec(
        "alexnet_one_column",
        alexnet_one_column,
        image_size=224,
        stride=32,
        params=61_100_840,
        year=2014,
        multiply_adds=714_200_000,
        receptive_field=195,
        smallest=63,
    ),
)
