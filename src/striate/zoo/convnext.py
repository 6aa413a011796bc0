"""ConvNeXt-T: a ResNet-50 brought up to date, step by step, with what vision transformers do.

New: nothing alone, and that was the point. Depthwise 7x7 convolutions in the place of attention,
an inverted bottleneck of two 1x1 convolutions, one normalisation and one GELU a block, layer
normalisation instead of batch normalisation, downsampling by layers of its own: plain
convolutions are then as good as Swin transformers of the same size.

In its day: 82.1 % top-1 on ImageNet validation at 224 pixels, where Swin-T has 81.3 %; it came
after the ILSVRC contests.

Source: Liu, Mao, Wu, Feichtenhofer, Darrell, Xie 2022, "A ConvNet for the 2020s",
    arXiv:2201.03545, section 2 and figure 4.
Begins: weights from a normal distribution of deviation 0.02 cut at 2, biases at 0; the scales of
    the branches at 1e-6, so that a fresh block passes its input through (appendix A).
"""

from collections import OrderedDict
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn

from striate.nn import Added, ChannelNorm, Classifier, DropPath
from striate.zoo._spec import ArchitectureSpec

EPS = 1e-6  # of the normalisations


class LayerScale(nn.Module):
    """Every channel times a number that is learnt.

    Shape: [N, channels, H, W] -> the same.
    Source: Touvron et al. 2021, "Going Deeper with Image Transformers", arXiv:2103.17239, eq. 6.
    """

    def __init__(self, channels: int, start: float = 1e-6) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((channels, 1, 1), start))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight


def block(channels: int, drop: float) -> Added:
    """x plus a branch: 7x7 in each channel alone, then 1x1 to four times the channels and back.

    Args:
        drop: fraction 0..1 of the images that skip the branch while training.
    """
    parts: OrderedDict[str, nn.Module] = OrderedDict(
        depthwise=nn.Conv2d(channels, channels, 7, padding=3, groups=channels),
        norm=ChannelNorm(channels, EPS),
        widen=nn.Conv2d(channels, 4 * channels, 1),
        act=nn.GELU(),
        narrow=nn.Conv2d(4 * channels, channels, 1),
        scale=LayerScale(channels),
        drop=DropPath(drop),
    )
    return Added(nn.Sequential(parts), nn.Identity())


def convnext(
    widths: Sequence[int], depths: Sequence[int], drop: float, classes: int, in_channels: int
) -> Classifier:
    """Images [N, in_channels, H, W] -> logits [N, classes]; the features end at stride 32.

    Args:
        widths, depths: channels and blocks of each stage.
        drop: of the last block; it grows evenly from 0 at the first.
    """
    drops = torch.linspace(0, drop, sum(depths), device="cpu").tolist()
    features = nn.Sequential()
    stem = nn.Conv2d(in_channels, widths[0], 4, stride=4), ChannelNorm(widths[0], EPS)
    features.add_module("stem", nn.Sequential(OrderedDict(conv=stem[0], norm=stem[1])))
    for stage, (width, depth) in enumerate(zip(widths, depths, strict=True)):
        parts: OrderedDict[str, nn.Module] = OrderedDict()
        if stage > 0:
            before = widths[stage - 1]
            parts["norm"] = ChannelNorm(before, EPS)
            parts["conv"] = nn.Conv2d(before, width, 2, stride=2)
        for i in range(depth):
            parts[f"block{i + 1}"] = block(width, drops[sum(depths[:stage]) + i])
        features.add_module(f"stage{stage + 1}", nn.Sequential(parts))
    head: OrderedDict[str, nn.Module] = OrderedDict(
        pool=nn.AdaptiveAvgPool2d(1),
        norm=ChannelNorm(widths[-1], EPS),
        flatten=nn.Flatten(),
        linear=nn.Linear(widths[-1], classes),
    )
    network = Classifier(features, nn.Sequential(head))
    network.apply(_begin)
    return network


def _begin(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)


FAMILY = (
    ArchitectureSpec(
        "convnext_tiny",
        partial(convnext, (96, 192, 384, 768), (3, 3, 9, 3), 0.1),
        image_size=224,
        stride=32,
        params=28_589_128,
        year=2022,
        multiply_adds=4_456_000_000,
        receptive_field=1688,
        smallest=32,
    ),
)
