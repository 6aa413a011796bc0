"""The maps a network makes on its way down, for detectors, segmenters and pictures."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.conv import _ConvNd

from striate.errors import ShapeError
from striate.nn import HeadedNetwork, maps_on_the_way
from striate.nn.headed import check_size

FURTHER = 256  # pixels, a multiple of every stride: so many more give FURTHER / stride more


class FeatureMaps(nn.Module):
    """The last map at every stride of a network's features, shallow to deep; no head.

    Shape: images [N, C, H, W] -> one [N, channels[i], ~H / strides[i], ~W / strides[i]] for each
        i; the exact sizes follow from the borders of the network's windows.
    Args:
        network: one whose features are a sequence of named parts; its weights are shared.
        image_size: pixels, height = width, at which it is tried out.
    Raises:
        ShapeError: the features are no sequence of maps.
    """

    names: tuple[str, ...]
    channels: tuple[int, ...]
    strides: tuple[int, ...]

    def __init__(self, network: HeadedNetwork, image_size: int = 224) -> None:
        super().__init__()
        if not isinstance(network.features, nn.Sequential):
            raise ShapeError(
                "zoo-no-maps",
                f"{network.name}: its features are one {type(network.features).__name__}"
                ", not a sequence of named parts.",
                "Take a network whose features are an nn.Sequential.",
            )
        shapes = _shapes(network.features, image_size)
        strides = _strides(network.features, image_size, shapes)
        last = [name for name, next_ in pairwise([*shapes, ""]) if strides[name] != strides[next_]]
        self.names = tuple(last)
        self.channels = tuple(shapes[name][1] for name in last)
        self.strides = tuple(strides[name] for name in last)
        self.features = network.features
        self.smallest, self.name = network.smallest, network.name

    def forward(self, images: Tensor) -> list[Tensor]:
        check_size(self.name, self.smallest, images)
        steps = maps_on_the_way(self.features, images)
        return [maps for name, maps in steps if name in self.names]


class _Shapes(nn.Module):
    """The shape of what every part gives, by its name."""

    def __init__(self, features: nn.Sequential) -> None:
        super().__init__()
        self.features = features

    def forward(self, images: Tensor) -> dict[str, torch.Size]:
        shapes = {}
        for name, maps in maps_on_the_way(self.features, images):
            if maps.ndim != 4:
                raise ShapeError(
                    "zoo-no-maps",
                    f"features.{name} gives {[*maps.shape]}, which is no map [N, K, h, w].",
                    "A network of tokens has no pyramid; take its tokens by a tap.",
                )
            shapes[name] = maps.shape
        return shapes


def _shapes(features: nn.Sequential, image_size: int) -> dict[str, torch.Size]:
    """What every part gives for one image, found without arithmetic."""
    first = next(module for module in features.modules() if isinstance(module, _ConvNd))
    size = (1, first.in_channels, image_size, image_size)
    image = torch.empty(size, device="meta", dtype=first.weight.dtype)
    parts = _Shapes(features)
    weightless = {key: tensor.to("meta") for key, tensor in parts.state_dict().items()}
    shapes: dict[str, torch.Size] = functional_call(parts, weightless, (image,))
    return shapes


def _strides(
    features: nn.Sequential, image_size: int, shapes: dict[str, torch.Size]
) -> dict[str, int]:
    """By how many pixels the image must grow for each part to give one more; borders that "valid"
    windows lose do not count. The name "" stands for the end."""
    larger = _shapes(features, image_size + FURTHER)
    more = {name: larger[name][2] - shape[2] for name, shape in shapes.items()}
    return {name: FURTHER // pixels for name, pixels in more.items()} | {"": 0}
