"""ENet: semantic segmentation in real time, and its encoder as a classifier.

New: a network that is small first. The image is shrunk at once; a long narrow encoder of dilated
and asymmetric bottlenecks sees widely at an eighth of the size; a short decoder enlarges, putting
values back where the encoder's pooling had found its maxima.

In its day: 58.3 % class IoU on the Cityscapes test set where SegNet has 56.1 %, with 79 times
fewer weights and 18 times as fast.

Source: Paszke, Chaurasia, Kim, Culurciello 2016, "ENet: A Deep Neural Network Architecture for
    Real-Time Semantic Segmentation", arXiv:1606.02147, table 1 and figure 2; what they leave open
    (the inner width, the order within a shortcut) as in the authors' published program.
Differs: sides that 8 does not divide are rounded up on the way down. The decoder is handed the
    maps that were pooled and finds the places of their maxima again, so that every part of the
    encoder gives one tensor. The paper's 0.37 million weights count running statistics.
Begins: convolutions with a norm He-normal (fan out), others as torch does; slopes of PReLU at
    0.25. The paper does not say.
"""

from collections import OrderedDict
from functools import partial

from torch import Tensor, nn

from striate.nn import (
    Added,
    Classifier,
    Concatenated,
    MapsOnTheWay,
    Segmenter,
    Unpooling,
    conv_norm,
    pooled_linear,
)
from striate.zoo._spec import ArchitectureSpec

EPS = 1e-3  # of the normalisations
EARLY, LATE = 0.01, 0.1  # fractions of the maps that dropout sets to 0: up to stage 1, and after
normed = partial(conv_norm, eps=EPS)


def initial(in_channels: int) -> nn.Sequential:
    """13 maps of a 3x3 convolution beside the pooled image, figure 2a."""
    conv = nn.Conv2d(in_channels, 13, 3, stride=2, padding=1, bias=False)
    both = Concatenated([conv, nn.MaxPool2d(2, ceil_mode=True)])
    channels = 13 + in_channels
    return nn.Sequential(both, nn.BatchNorm2d(channels, EPS), nn.PReLU(channels))


def bottleneck(
    in_channels: int,
    channels: int,
    middle: nn.Module | None = None,
    *,
    drop: float = LATE,
    dilation: int = 1,
    stride: int = 1,
) -> nn.Sequential:
    """prelu(branch(x) + shortcut(x)), figure 2b; the branch is a quarter as wide inside.

    Args:
        middle: between narrow maps; None is a 3x3 convolution.
        drop: fraction 0..1 of the branch's maps that dropout sets to 0 while training.
        stride: with 2, the branch strides as it narrows, and the shortcut pools and adds zeros.
    """
    narrow = channels // 4
    slope = partial(nn.PReLU, narrow)
    first = normed(in_channels, narrow, stride, stride, padding="same", act=slope)
    middle = middle or normed(narrow, narrow, 3, dilation=dilation, act=slope)
    last = normed(narrow, channels, 1, act=None)
    shortcut: nn.Module = nn.Identity()
    if stride > 1:
        zeros = nn.ConstantPad3d((0, 0, 0, 0, 0, channels - in_channels), 0.0)  # last maps
        shortcut = nn.Sequential(nn.MaxPool2d(2, ceil_mode=True), zeros)
    branch = nn.Sequential(first, middle, last, nn.Dropout2d(drop))
    return nn.Sequential(Added(branch, shortcut), nn.PReLU(channels))


def asymmetric(channels: int) -> nn.Sequential:
    """A bottleneck with a 5x1 and a 1x5 convolution, which see what a 5x5 does."""
    narrow = channels // 4
    rows = nn.Conv2d(narrow, narrow, (5, 1), padding=(2, 0), bias=False)
    columns = normed(narrow, narrow, (1, 5), act=partial(nn.PReLU, narrow))
    return bottleneck(channels, channels, nn.Sequential(rows, columns))


class Decoder(nn.Module):
    """Maps of the stem and of stages 1 to 3 -> [N, classes, H, W]."""

    def __init__(self, stem: int, classes: int) -> None:
        super().__init__()
        self.up4 = Unpooling(128, 64, LATE, EPS)
        self.stage4 = nn.Sequential(bottleneck(64, 64), bottleneck(64, 64))
        self.up5 = Unpooling(64, stem, LATE, EPS)
        self.stage5 = bottleneck(stem, stem)
        self.fullconv = nn.ConvTranspose2d(stem, classes, 2, stride=2)

    def forward(self, maps: tuple[Tensor, ...]) -> Tensor:
        shallow, first, _, deepest = maps
        x = self.stage4(self.up4(deepest, first))
        return self.fullconv(self.stage5(self.up5(x, shallow)))


def encoder(in_channels: int) -> OrderedDict[str, nn.Module]:
    """Stem and stages 1 to 3 of table 1: [N, in_channels, H, W] -> [N, 128, H / 8, W / 8]."""
    stem = 13 + in_channels
    shrink = bottleneck(stem, 64, drop=EARLY, stride=2), bottleneck(64, 128, stride=2)
    refine = (bottleneck(64, 64, drop=EARLY) for _ in range(4))
    parts: OrderedDict[str, nn.Module] = OrderedDict(stem=initial(in_channels))
    parts["stage1"] = nn.Sequential(shrink[0], *refine)
    parts["stage2"] = nn.Sequential(shrink[1], *_wide_sighted())
    parts["stage3"] = nn.Sequential(*_wide_sighted())
    return parts


def _wide_sighted() -> list[nn.Sequential]:
    """Bottlenecks 2.1 to 2.8."""
    blocks = []
    for one, other in ((2, 4), (8, 16)):
        blocks += [bottleneck(128, 128), bottleneck(128, 128, dilation=one)]
        blocks += [asymmetric(128), bottleneck(128, 128, dilation=other)]
    return blocks


def enet(classes: int, in_channels: int) -> Segmenter:
    """Images [N, in_channels, H, W] -> logits [N, classes, H, W]."""
    return Segmenter(MapsOnTheWay(encoder(in_channels)), Decoder(13 + in_channels, classes))


def enet_encoder(classes: int, in_channels: int) -> Classifier:
    """Images [N, in_channels, H, W] -> logits [N, classes]; its features are those of `enet`."""
    return Classifier(nn.Sequential(encoder(in_channels)), pooled_linear(128, classes))


FAMILY = tuple(
    ArchitectureSpec(
        name,
        make,
        image_size=512,
        stride=8,
        params=params,
        year=2016,
        multiply_adds=work,
        receptive_field=1217,
        classes=classes,
        task="segmentation" if make is enet else "classification",
    )
    for name, make, params, work, classes in [
        ("enet", enet, 363_954, 1_961_000_000, 19),  # classes of Cityscapes
        ("enet_encoder", enet_encoder, 466_519, 1_625_000_000, 1000),
    ]
)
