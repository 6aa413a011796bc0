"""Sensitivity: does the map stay where it is when the image barely changes?"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from striate.errors import UsageError
from striate.explain._gradient import check_counts
from striate.explain._score import Score
from striate.explain.quality._maps import checked

Method = Callable[[nn.Module, Tensor, Score], Tensor]  # an attribution method, options filled in


def max_sensitivity(
    network: nn.Module,
    images: Tensor,
    score: Score,
    maps: Tensor,
    method: Method,
    *,
    radius: float = 0.02,
    samples: int = 10,
    seed: int = 0,
) -> Tensor:
    """The largest change of the map under noise too small to see; low is good.

        max_s ‖method(x + e_s) − map‖ / ‖map‖,   e_s ~ Uniform(−radius, radius)

    A map that is zero everywhere is not divided by its norm.

    Shape: images [N, C, H, W], maps [N, H, W] -> [N], >= 0.
    Args:
        method: what made the maps; options by `functools.partial`.
        radius: in units of the images; the paper takes 0.02.
        samples: noisy copies of each image; the noise is the same for all images.
        seed: of the noise.
    Raises:
        ShapeError: the maps are not finite [N, H, W].
        UsageError: `samples` is below 1, or `radius` is negative.
    Source: Yeh et al. 2019, "On the (In)fidelity and Sensitivity of Explanations",
        arXiv:1901.09392, definition 3.1; divided by the norm: the authors' code.
    """
    maps = checked(maps, images)
    check_counts("max_sensitivity", samples=samples)
    if radius < 0:
        raise UsageError(
            "explain-radius", f"max_sensitivity: radius must be at least 0, got {radius}."
        )
    generator = torch.Generator().manual_seed(seed)
    length = torch.linalg.vector_norm(maps, dim=(1, 2))
    length = torch.where(length > 0, length, 1.0)
    largest = torch.zeros_like(length)
    for _ in range(samples):
        noise = radius * (2 * torch.rand(images.shape[1:], generator=generator) - 1)
        moved = method(network, images + noise.to(images), score).to(maps)
        change = torch.linalg.vector_norm(moved - maps, dim=(1, 2)) / length
        largest = torch.maximum(largest, change)
    return largest
