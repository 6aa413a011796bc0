"""What a layer makes of an image, channel by channel."""

import torch
from torch import Tensor, nn

from striate.errors import ShapeError
from striate.explain._hooks import uncompiled
from striate.explain._sheet import map_pictures, sheet, zoom_to
from striate.explain.cam import layer_maps
from striate.explain.pictures import Picture

SIDE = 48  # pixels that a map has at least on a sheet


def feature_maps(network: nn.Module, images: Tensor, *, layer: str) -> Tensor:
    """The maps that a layer gives.

    Shape: images [N, C, H, W] -> [N, K, h, w].
    Args:
        layer: dotted name of a module; of one that runs several times, the last run.
    Raises:
        UnknownName: the network has no such layer.
        ExplainError: it did not run, or gives no map.
    """
    with torch.inference_mode(False):
        images = images.detach()
        images = images.clone() if images.is_inference() else images
        return layer_maps(uncompiled(network), images, layer)


def strongest_channels(maps: Tensor, most: int) -> Tensor:
    """The channels whose maps are strongest, by the mean absolute value over all images.

    Shape: maps [N, K, h, w] -> integers [min(most, K)], strongest first.
    """
    return maps.abs().mean(dim=(0, 2, 3)).topk(min(most, maps.shape[1])).indices


def feature_map_sheet(maps: Tensor, *, most: int = 64, same_scale: bool = False) -> Picture:
    """The maps of one image on one sheet, in the order of the channels.

    Maps that are nowhere negative run from dark to bright; else blue is below zero and red above.
    Every map pixel is a square: nothing is smoothed.

    Shape: maps [K, h, w] -> uint8 [H, W, 3].
    Args:
        most: maps shown, the first ones; for others hand over `maps[strongest_channels(…)]`.
        same_scale: all by the strongest value of all, so that quiet channels look quiet.
    Raises:
        ShapeError: the maps are not [K, h, w].
    """
    if maps.ndim != 3 or not len(maps):
        raise ShapeError(
            "explain-picture",
            f"feature_map_sheet: the maps of one image are [K, h, w], got {list(maps.shape)}.",
            "Take one image: feature_maps(…)[0].",
        )
    shown = maps[:most].detach().float().cpu().numpy()
    pictures = map_pictures(shown, same_scale=same_scale)
    return sheet(pictures, gap=2, zoom=zoom_to(shown.shape[1], shown.shape[2], SIDE))
