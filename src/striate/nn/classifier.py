"""The two halves every classification network has."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from striate.errors import ShapeError, unknown_name


class Classifier(nn.Module):
    """`head(features(images))`: what the workbench can train, cut, explain and export.

    `made_by` holds the arguments of `zoo.create` that give such a network, where it was made so;
    `smallest` is the shortest side of an image that it takes, pixels.

    Shape: images [N, C, H, W] -> features [N, K, h, w] -> outputs [N, classes].
    Raises:
        ShapeError: the images are smaller than `smallest`.
    """

    smallest: int = 1

    def __init__(self, features: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.features: nn.Module = features
        self.head: nn.Module = head
        self.made_by: dict[str, Any] | None = None

    def forward(self, images: Tensor) -> Tensor | tuple[Tensor, ...]:
        self.check_size(images)
        return self.head(self.features(images))

    def check_size(self, images: Tensor) -> None:
        """Refuse images that would be shrunk to nothing on the way."""
        if torch.compiler.is_compiling():  # a traced network has its sizes checked already
            return
        if min(images.shape[-2:]) < self.smallest:
            name = (self.made_by or {}).get("name", type(self).__name__)
            raise too_small(name, self.smallest, *images.shape[-2:])

    def taps(self) -> dict[str, str]:
        """Where one can listen in: short names, such as "stage3" or "fc7", and the modules' paths.

        >>> Classifier(nn.Sequential(OrderedDict(stem=nn.ReLU())), nn.Flatten()).taps()
        {'stem': 'features.stem'}
        """
        halves = (("features", self.features), ("head", self.head))
        return {
            name: f"{half}.{name}"
            for half, module in halves
            for name, _ in module.named_children()
            if not name.isdigit()
        }

    def tap(self, name: str) -> str:
        """The path of a tap; `layer3` may stand for `stage3`, and any module's path for itself.

        Raises:
            UnknownName: the network has no such tap and no such module.
        """
        taps = self.taps()
        if (path := taps.get(name) or taps.get(name.replace("layer", "stage"))) is not None:
            return path
        if name in dict(self.named_modules()):
            return name
        raise unknown_name("tap", name, taps)


class AuxiliaryClassifier(Classifier):
    """A classifier with further heads on the way, which help the lower layers while training.

    In training it gives a tuple: the outputs, then those of every auxiliary head. In evaluation
    the auxiliary heads are off.

    Args:
        auxiliary: heads by the name of the child of `features` whose output they read.
    Source: Szegedy et al. 2015, "Going Deeper with Convolutions", arXiv:1409.4842, section 5.
    """

    def __init__(
        self, features: nn.Sequential, head: nn.Module, auxiliary: Mapping[str, nn.Module]
    ) -> None:
        super().__init__(features, head)
        self.auxiliary = nn.ModuleDict(auxiliary)

    def forward(self, images: Tensor) -> Tensor | tuple[Tensor, ...]:
        self.check_size(images)
        if not self.training:
            return self.head(self.features(images))
        maps, aside = images, []
        for name, part in self.features.named_children():
            maps = part(maps)
            if name in self.auxiliary:
                aside.append(self.auxiliary[name](maps))
        return self.head(maps), *aside


def pooled_linear(channels: int, classes: int, drop: float = 0.0) -> nn.Sequential:
    """Global average pool, dropout and one linear layer.

    Shape: [N, channels, h, w] -> [N, classes].
    Args:
        drop: fraction 0..1 of the pooled values that dropout sets to zero while training.
    """
    parts: OrderedDict[str, nn.Module] = OrderedDict(
        pool=nn.AdaptiveAvgPool2d(1),
        flatten=nn.Flatten(),
        drop=nn.Dropout(drop),
        linear=nn.Linear(channels, classes),
    )
    return nn.Sequential(parts)


def too_small(name: str, smallest: int, height: int, width: int) -> ShapeError:
    """The error for images that leave nothing for the last layer to see."""
    return ShapeError(
        "shape-image-too-small",
        f"{name} needs images of at least {smallest}×{smallest} pixels, got {height}×{width}.",
        "Enlarge the images or choose a network for small ones, such as striatenet.",
    )
