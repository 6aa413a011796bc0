"""The maps a network makes on its way down, for detectors, segmenters and pictures."""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.func import functional_call

from striate.errors import ShapeError
from striate.nn import Classifier


class FeatureMaps(nn.Module):
    """The last map at every stride of a classifier's features, shallow to deep; no head.

    Shape: images [N, C, H, W] -> one [N, channels[i], H / strides[i], W / strides[i]] for each i.
    Args:
        network: a classifier whose features are a sequence of named parts; its weights are shared.
        image_size: pixels, height = width, at which the strides are told apart.
    Raises:
        ShapeError: the features are no sequence of maps.
    """

    names: tuple[str, ...]
    channels: tuple[int, ...]
    strides: tuple[int, ...]

    def __init__(self, network: Classifier, image_size: int = 224) -> None:
        super().__init__()
        if not isinstance(network.features, nn.Sequential):
            raise ShapeError(
                "zoo-no-maps",
                f"{type(network).__name__}: its features are one {type(network.features).__name__}"
                ", not a sequence of named parts.",
                "Take a network whose features are an nn.Sequential.",
            )
        self.check_size = network.check_size
        shapes = _shapes(network.features, image_size)
        strides = {name: _stride(image_size, shape[2]) for name, shape in shapes.items()}
        last = [
            name for name, deeper in pairwise([*shapes, ""]) if strides[name] != strides.get(deeper)
        ]
        self.names = tuple(last)
        self.channels = tuple(shapes[name][1] for name in last)
        self.strides = tuple(strides[name] for name in last)
        self.features = network.features

    def forward(self, images: Tensor) -> list[Tensor]:
        self.check_size(images)
        maps, found = images, []
        for name, part in self.features.named_children():
            maps = part(maps)
            if name in self.names:
                found.append(maps)
        return found


def _shapes(features: nn.Sequential, image_size: int) -> dict[str, torch.Size]:
    """What every part gives for one image, found without arithmetic."""
    channels = next(p.shape[1] for p in features.parameters() if p.ndim == 4)
    maps = torch.empty(1, channels, image_size, image_size, device="meta")
    shapes = {}
    for name, part in features.named_children():
        weightless = {key: tensor.to("meta") for key, tensor in part.state_dict().items()}
        maps = functional_call(part, weightless, (maps,))
        if maps.ndim != 4:
            raise ShapeError(
                "zoo-no-maps",
                f"features.{name} gives {[*maps.shape]}, which is no map [N, K, h, w].",
                "A network of tokens has no pyramid; take its tokens by a tap.",
            )
        shapes[name] = maps.shape
    return shapes


def _stride(image_size: int, pixels: int) -> int:
    """The power of two that a map is smaller by; borders lost to "valid" padding do not count."""
    return int(2 ** round(math.log2(image_size / pixels)))
