"""Maps as they are judged: checked, and as an order of pixels."""

import torch
from torch import Tensor

from striate.errors import ShapeError

TIES = 0  # seed of the order among equal pixels


def checked(maps: Tensor, images: Tensor) -> Tensor:
    """The maps, outside every graph.

    Raises:
        ShapeError: they are not finite [N, H, W] of the images.
    """
    size = (len(images), *images.shape[2:])
    if maps.shape != size or not bool(maps.isfinite().all()):
        what = list(maps.shape) if maps.shape != size else "numbers that are not finite"
        raise ShapeError(
            "explain-maps",
            f"Maps to be judged must be finite {list(size)}, as their images, got {what}.",
            "Pass what an attribution method gives for the same images.",
        )
    return maps.detach()


def removal_order(maps: Tensor) -> Tensor:
    """Every pixel's place when the most relevant is taken first: 0 to H·W − 1. Shape: [N, H, W].

    Equal pixels come in an order drawn at random, the same for all images: maps that are zero in
    large parts would else be taken row by row.
    """
    count, height, width = maps.shape
    shuffled = torch.randperm(height * width, generator=torch.Generator().manual_seed(TIES))
    shuffled = shuffled.to(maps.device)
    found = maps.flatten(1)[:, shuffled].argsort(dim=1, descending=True, stable=True)
    order = shuffled[found]  # [N, H·W], pixels from the most relevant to the least
    places = torch.empty_like(order)
    places.scatter_(1, order, torch.arange(height * width, device=maps.device).expand(count, -1))
    return places.reshape(count, height, width)
