"""What is seen where a part of an image is taken away."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from striate.errors import UsageError

Fill = str | float  # "grey", "mean", "blur", or a number

BLUR = 10 / 224  # standard deviation, in parts of the shorter side (Fong & Vedaldi 2017, sec. 4.1)


def replacement(images: Tensor, fill: Fill) -> Tensor:
    """Images with nothing left to recognise, [N, C, H, W].

    Args:
        fill: "grey": 0, which is grey for images normalised by the mean of their kind; "mean":
            each image's own mean colour; "blur": the image, Gaussian-blurred; or a number.
    Raises:
        UsageError: another word.
    """
    if fill == "blur":
        return blurred(images, BLUR * min(images.shape[2:]))
    if fill == "mean":
        return images.mean(dim=(2, 3), keepdim=True).expand_as(images)
    if isinstance(fill, str) and fill != "grey":
        raise UsageError(
            "explain-fill",
            f"fill must be 'grey', 'mean', 'blur' or a number, got {fill!r}.",
            "Take 'grey' for images normalised to mean 0.",
        )
    value = 0.0 if isinstance(fill, str) else float(fill)
    return images.new_full((1, 1, 1, 1), value).expand_as(images)


def blurred(images: Tensor, deviation: float) -> Tensor:
    """Gaussian blur of that standard deviation in pixels; the border pixels go on outside."""
    if deviation <= 0:
        return images
    radius = math.ceil(3 * deviation)
    distance = torch.arange(-radius, radius + 1, dtype=images.dtype, device=images.device)
    weights = torch.exp(-((distance / deviation) ** 2) / 2)
    channels = images.shape[1]
    kernel = (weights / weights.sum()).expand(channels, 1, -1)  # [C, 1, 2 radius + 1]
    wide = F.pad(images, (radius, radius, radius, radius), mode="replicate")
    across = F.conv2d(wide, kernel[:, :, None, :], groups=channels)
    return F.conv2d(across, kernel[:, :, :, None], groups=channels)
