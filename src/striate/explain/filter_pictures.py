"""The filters of a network as pictures."""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from striate.errors import ExplainError
from striate.explain._hooks import named_layer, uncompiled
from striate.explain._sheet import map_pictures, sheet, zoom_to
from striate.explain.pictures import Picture, scaled

SIDE = 40  # pixels that a filter has at least on a sheet
SLICES = 24  # input channels shown of filters that see many


class Filters(NamedTuple):
    """A layer's name and its filters, [K, C, h, w]: K filters over the C channels each sees."""

    layer: str
    weights: Tensor


def filters_of(network: nn.Module, layer: str | None = None) -> Filters:
    """The filters of a convolution.

    Shape: Conv2d [K, C / groups, h, w]; of a ConvTranspose2d what each output is painted from.
    Args:
        layer: dotted name of a convolution, or of a module that begins with one. None: the
            network's first, which sees the image.
    Raises:
        UnknownName: the network has no such layer.
        ExplainError: there is no two-dimensional convolution in it.
    """
    network = uncompiled(network)
    within = network if layer is None else named_layer(network, layer)
    for name, module in within.named_modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            path = ".".join(filter(None, (layer, name)))
            return Filters(path, _by_output(module).detach().cpu())
    raise ExplainError(
        "explain-no-filters",
        f"There is no two-dimensional convolution in {layer or 'this network'!r}.",
        "Filters can be drawn of Conv2d and ConvTranspose2d layers.",
    )


def _by_output(module: nn.Conv2d | nn.ConvTranspose2d) -> Tensor:
    weights = module.weight
    if isinstance(module, nn.Conv2d):
        return weights
    channels, each, height, width = weights.shape  # [C, K / groups, h, w]
    grouped = weights.reshape(module.groups, channels // module.groups, each, height, width)
    return grouped.transpose(1, 2).flatten(0, 1)


def filter_pictures(
    network: nn.Module, layer: str | None = None, *, same_scale: bool = False
) -> npt.NDArray[np.uint8]:
    """Filters as pictures; nothing (weight 0) is the middle of the scale.

    Filters over three channels are shown in colour: grey is 0, a bright red one is excited by red
    and a cyan one by the lack of it, so opposing colours can be seen. Others show each channel by
    itself in signed colours: dark is 0, blue below, red above.

        colour = 127.5 * (1 + weight / max|weight of the filter|)

    Shape: -> uint8 [K, S, h, w, 3]: S = 1 for filters in colour, else the number of channels.
    Args:
        layer: as for `filters_of`.
        same_scale: all filters by the strongest weight of all, so that weak filters look weak.
    Raises:
        UnknownName, ExplainError: as `filters_of`.
    """
    weights = filters_of(network, layer).weights.float().numpy()
    count, channels, height, width = weights.shape
    brought = scaled(weights) if same_scale else np.stack([scaled(each) for each in weights])
    if channels == 3:
        colours = np.rint(127.5 * (1 + brought)).astype(np.uint8)
        return colours.transpose(0, 2, 3, 1)[:, None]
    slices = brought.reshape(count * channels, height, width)
    pictures = map_pictures(slices, same_scale=True, signed=True)
    return pictures.reshape(count, channels, height, width, 3)


def filter_sheet(
    network: nn.Module, layer: str | None = None, *, most: int = 96, same_scale: bool = False
) -> Picture:
    """Filters on one sheet.

    Filters in colour and those over one channel stand side by side. Of others each has a row of
    the channels that it sees. Filters of one pixel (1×1) are a table: a row per filter, a column
    per channel.

    Shape: -> uint8 [H, W, 3].
    Args:
        layer: as for `filters_of`.
        most: filters shown, the first ones; of each at most its first 24 channels.
    Source: Krizhevsky et al. 2012, "ImageNet Classification with Deep Convolutional Neural
        Networks", figure 3.
    """
    pictures = filter_pictures(network, layer, same_scale=same_scale)[:most]
    _, slices, height, width, _ = pictures.shape
    if height == width == 1 and slices > 1:
        table = np.ascontiguousarray(pictures[:, :, 0, 0])
        return sheet(table[None], gap=0, zoom=zoom_to(table.shape[0], table.shape[1], 320))
    if slices == 1:
        zoom = zoom_to(height, width, SIDE)
        return sheet(pictures[:, 0], gap=max(2, zoom // 3), zoom=zoom)
    shown = pictures[:, :SLICES]
    zoom = math.ceil(zoom_to(height, width, SIDE) / 2)
    return sheet(shown.reshape(-1, height, width, 3), columns=shown.shape[1], gap=2, zoom=zoom)
