"""What all networks of the zoo have in common: features, and a head that answers from them."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import Proxy

from striate.errors import ShapeError, unknown_name


class HeadedNetwork(nn.Module):
    """`head(features(images))`: what the workbench can train, cut, explain and export.

    `made_by` holds the arguments of `zoo.create` that give such a network, where it was made so;
    `smallest` is the shortest side of an image that it takes, pixels.

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

    @property
    def name(self) -> str:
        """In the table of architectures; the class's name for a network that is not from there."""
        return str((self.made_by or {}).get("name", type(self).__name__))

    def check_size(self, images: Tensor) -> None:
        """Refuse images that would be shrunk to nothing on the way."""
        check_size(self.name, self.smallest, images)

    def taps(self) -> dict[str, str]:
        """Where one can listen in: short names, such as "stage3" or "fc7", and the modules' paths.

        >>> from collections import OrderedDict
        >>> HeadedNetwork(nn.Sequential(OrderedDict(stem=nn.ReLU())), nn.Flatten()).taps()
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


def check_size(name: str, smallest: int, images: Tensor) -> None:
    """Raise unless both sides of images [N, C, H, W] have `smallest` pixels."""
    if torch.compiler.is_compiling() or isinstance(images, Proxy):
        return  # a traced network has its sizes checked already
    if min(images.shape[-2:]) < smallest:
        raise too_small(name, smallest, *images.shape[-2:])


def too_small(name: str, smallest: int, height: int, width: int) -> ShapeError:
    """The error for images that leave nothing for the last layer to see."""
    return ShapeError(
        "shape-image-too-small",
        f"{name} needs images of at least {smallest}×{smallest} pixels, got {height}×{width}.",
        "Enlarge the images or choose a network for small ones, such as striatenet.",
    )
