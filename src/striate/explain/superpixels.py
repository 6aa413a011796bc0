"""Superpixels: an image in parts that a person would call one thing."""

import math
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

from striate.errors import ExplainError, ShapeError, UsageError
from striate.explain._perturbed import Asked

Segments = Tensor | str  # integers [N, H, W] or [H, W], or "slic", or "grid"

COMPACTNESS = 10.0  # of SLIC: colours in 0..1 against distances; scikit-image's default


def superpixels(images: Tensor, segments: Segments = "slic", count: int = 50) -> Tensor:
    """Which part of its image every pixel belongs to, numbered from 0 in each image.

    Shape: images [N, C, H, W] -> integers [N, H, W].
    Args:
        segments: "slic" (of scikit-image), "grid" (equal rectangles), or parts of your own:
            integers [N, H, W], or [H, W] for all images.
        count: of parts, roughly, where they are made here.
    Raises:
        ExplainError: "slic" is asked for and scikit-image is not installed.
        UsageError: another word, or a count below 1.
        ShapeError: own parts do not fit the images.
    Source: Achanta et al. 2012, "SLIC Superpixels Compared to State-of-the-art Superpixel
        Methods", IEEE TPAMI 34(11).
    """
    if isinstance(segments, Tensor):
        return _given(images, segments)
    if count < 1:
        raise UsageError("explain-superpixels", f"superpixels must be at least 1, got {count}.")
    if segments == "grid":
        return _grid(images, count)
    if segments != "slic":
        raise UsageError(
            "explain-segments",
            f"segments must be 'slic', 'grid' or a tensor of integers, got {segments!r}.",
            "'slic' follows the edges of the image.",
        )
    return torch.stack([_slic(image, count) for image in images])


def part_counts(segments: Tensor) -> list[int]:
    """How many parts each image has."""
    return (segments.flatten(1).amax(dim=1) + 1).tolist()


def scores_with(
    asked: Asked, segments: Tensor, present: Sequence[Tensor], instead: Tensor
) -> Tensor:
    """The scores when of each image only some parts are present.

    Shape: segments [N, H, W] -> [M, N].
    Args:
        present: for each image, which of its S parts, bool [M, S].
        instead: what is seen in the place of the others, [N, C, H, W].
    """

    def keep(which: slice, slab: slice) -> Tensor:
        pairs = zip(present[slab], segments[slab], strict=True)
        return torch.stack([rows[which][:, parts] for rows, parts in pairs], dim=1)

    return asked.masked_scores(keep, len(present[0]), instead)


def painted(values: Sequence[Tensor], segments: Tensor) -> Tensor:
    """Every pixel with the value of its part: for each image [S] -> [N, H, W]."""
    return torch.stack([of[parts] for of, parts in zip(values, segments, strict=True)])


def _given(images: Tensor, segments: Tensor) -> Tensor:
    fits = segments.shape in (images.shape[2:], (len(images), *images.shape[2:]))
    if not fits or segments.is_floating_point() or segments.is_complex():
        many, _, height, width = images.shape
        raise ShapeError(
            "explain-segments-shape",
            f"Segments must be integers [{height}, {width}] or [{many}, {height}, {width}], got "
            f"{segments.dtype} {list(segments.shape)}.",
            "Give every pixel the number of its part.",
        )
    each = segments.to(images.device).expand(len(images), *images.shape[2:])
    return torch.stack([torch.unique(one, return_inverse=True)[1] for one in each])


def _grid(images: Tensor, count: int) -> Tensor:
    height, width = images.shape[2:]
    rows = min(height, max(1, round(math.sqrt(count * height / width))))
    columns = min(width, max(1, round(count / rows)))
    down = torch.arange(height, device=images.device) * rows // height
    across = torch.arange(width, device=images.device) * columns // width
    return (down[:, None] * columns + across).expand(len(images), height, width)


def _slic(image: Tensor, count: int) -> Tensor:
    low, high = image.min(), image.max()
    shown = ((image - low) / (high - low).clamp_min(1e-12)).permute(1, 2, 0).double()
    parts = _segmentation().slic(
        shown.cpu().numpy(),
        n_segments=count,
        compactness=COMPACTNESS if len(image) == 3 else COMPACTNESS / 100,  # Lab runs to 100
        start_label=0,
        channel_axis=-1,
        convert2lab=len(image) == 3,
    )
    return torch.unique(torch.from_numpy(parts), return_inverse=True)[1].to(image.device)


def _segmentation() -> Any:
    try:
        return import_module("skimage.segmentation")
    except ImportError as error:
        raise ExplainError(
            "explain-no-scikit-image",
            "Superpixels by SLIC need scikit-image, which is not installed.",
            "pip install 'striate[explain]', or pass segments='grid' or parts of your own.",
        ) from error
