"""LeNet-5 as published: 340,908 connections that share 60,000 weights.

Source: LeCun et al. 1998, "Gradient-Based Learning Applied to Document Recognition", section II.B,
    figure 2, table I, and appendix A for the squashing function and how weights begin.
Differs: the bitmaps of the digits are drawn anew in the manner of figure 3.
"""

from collections import OrderedDict
from random import Random

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from striate.nn import Classifier, Concatenated
from striate.shapes import Pair, output_size

TABLE_I = [
    *([(i + j) % 6 for j in range(3)] for i in range(6)),  # three maps of S2 in a row
    *([(i + j) % 6 for j in range(4)] for i in range(6)),  # four in a row
    *([i, i + 1, (i + 3) % 6, (i + 4) % 6] for i in range(3)),  # two and two
    range(6),
]
"""Which maps of S2 each of the 16 maps of C3 sees."""
DIGITS = """
....... ....... ....... ....... ....... ....... ....... ....... ....... .......
..###.. ...##.. .#####. .#####. ....##. ####### ..####. ####### .#####. .#####.
.##.##. ..###.. ##...## ##...## ...###. ##..... .##.... .....## ##...## ##...##
##...## .####.. .....## .....## ..####. ##..... ##..... .....## ##...## ##...##
##...## ...##.. .....## .....## .##.##. ######. ##..... ....##. ##...## ##...##
##...## ...##.. ....##. ..####. ##..##. ##...## ######. ....##. .#####. ##...##
##...## ...##.. ...##.. .....## ##..##. .....## ##...## ...##.. ##...## .######
##...## ...##.. ..##... .....## ####### .....## ##...## ...##.. ##...## .....##
##...## ...##.. .##.... .....## ....##. .....## ##...## ..##... ##...## .....##
.##.##. ...##.. ##..... ##...## ....##. ##...## ##...## ..##... ##...## ....##.
..###.. .###### ####### .#####. ....##. .#####. .#####. ..##... .#####. .####..
....... ....... ....... ....... ....... ....... ....... ....... ....... .......
"""
"""12 rows of ten bitmaps, 7 pixels wide."""


class ScaledTanh(nn.Module):
    """1.7159 * tanh(2 / 3 * a), which has f(1) = 1 and its sharpest bends there. Appendix A."""

    def forward(self, x: Tensor) -> Tensor:
        return 1.7159 * torch.tanh(2 / 3 * x)


class Subsampling(nn.Module):
    """The sum of 2 × 2 pixels, times a coefficient, plus a bias; both are learnt for each map.

    Shape: [N, channels, H, W] -> [N, channels, H // 2, W // 2].
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.coefficient = nn.Parameter(torch.empty(channels, 1, 1))
        self.bias = nn.Parameter(torch.empty(channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.coefficient * (4 * F.avg_pool2d(x, 2)) + self.bias


class Chosen(nn.Module):
    """Some of the channels: [N, C, H, W] -> [N, len(channels), H, W]."""

    def __init__(self, channels: list[int]) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([x[:, channel] for channel in self.channels], dim=1)


class RadialBasis(nn.Module):
    """Minus the squared Euclidean distance to each class's prototype, of fixed values -1 and 1.

        y_k = -sum_j (x_j - w_kj)^2

    The prototypes of ten classes are bitmaps of the digits, so that classes that look alike are
    near each other; those of other numbers of classes are drawn by lot.

    Shape: [N, 84] -> [N, classes].
    Source: eq. 7; the paper's penalty is the positive distance.
    """

    prototypes: Tensor

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.register_buffer("prototypes", torch.tensor(_prototypes(classes)))  # [classes, 84]

    def forward(self, x: Tensor) -> Tensor:
        return -(x[:, None] - self.prototypes).square().sum(dim=2)


def _prototypes(classes: int) -> list[list[float]]:
    if classes == 10:
        rows = DIGITS.split()
        bitmaps = ["".join(rows[digit::10]) for digit in range(10)]
        return [[1.0 if pixel == "#" else -1.0 for pixel in bitmap] for bitmap in bitmaps]
    draw = Random(1998)
    return [[draw.choice((-1.0, 1.0)) for _ in range(84)] for _ in range(classes)]


def lenet5_1998(classes: int, in_channels: int, image_size: Pair) -> Classifier:
    """Images [N, in_channels, H, W] -> features [N, 16, h, w] -> -distances [N, classes].

    C5 sees as much of S4 as there is: 5 × 5 of 32 × 32 pixels, as published.
    """
    branches = [nn.Sequential(Chosen([*seen]), nn.Conv2d(len(seen), 1, 5)) for seen in TABLE_I]
    features: OrderedDict[str, nn.Module] = OrderedDict(
        c1=nn.Conv2d(in_channels, 6, 5),
        act1=ScaledTanh(),
        s2=Subsampling(6),
        act2=ScaledTanh(),
        c3=Concatenated(branches),
        act3=ScaledTanh(),
        s4=Subsampling(16),
        act4=ScaledTanh(),
    )
    height, width = (size_of_s4(pixels) for pixels in image_size)
    head: OrderedDict[str, nn.Module] = OrderedDict(
        c5=nn.Conv2d(16, 120, (height, width)),
        act5=ScaledTanh(),
        flatten=nn.Flatten(),
        f6=nn.Linear(120, 84),
        act6=ScaledTanh(),
        output=RadialBasis(classes),
    )
    network = Classifier(nn.Sequential(features), nn.Sequential(head))
    network.apply(_begin)
    return network


def size_of_s4(pixels: int) -> int:
    """32 pixels give 28, 14, 10 and 5."""
    for kernel, stride in [(5, 1), (2, 2), (5, 1), (2, 2)]:
        pixels = output_size(pixels, kernel, stride)
    return pixels


def _begin(module: nn.Module) -> None:
    """Uniform within 2.4 / inputs of a unit, as appendix A has it."""
    weight = getattr(module, "coefficient", getattr(module, "weight", None))
    if weight is None:
        return
    reach = 2.4 / (4 if isinstance(module, Subsampling) else weight[0].numel())
    for parameter in module.parameters(recurse=False):
        nn.init.uniform_(parameter, -reach, reach)
