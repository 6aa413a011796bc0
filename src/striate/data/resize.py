"""Resizing 8-bit pixels with Pillow's antialiased filters, whatever the number of channels."""

from typing import Literal

import numpy as np
from PIL import Image
from PIL.Image import Resampling

Fit = Literal["crop", "squash", "pad"]
Interpolation = Literal["bilinear", "bicubic", "lanczos", "nearest"]
Size = tuple[int, int]  # height, width, pixels
Box = tuple[float, float, float, float]  # left, top, right, bottom, pixels

FILTERS = {
    "bilinear": Resampling.BILINEAR,
    "bicubic": Resampling.BICUBIC,
    "lanczos": Resampling.LANCZOS,
    "nearest": Resampling.NEAREST,
}


def bring_to(
    pixels: np.ndarray,
    size: Size,
    fit: Fit = "crop",
    interpolation: Interpolation = "bilinear",
    fill: tuple[int, ...] = (255,),
) -> np.ndarray:
    """Bring an image to a size: cover and cut the centre, stretch, or fit in and fill around.

    Shape: uint8 [h, w, C] -> uint8 [*size, C].
    Args:
        fill: per channel, or one number for all, 0..255; used by `pad`.
    """
    height, width, channels = pixels.shape
    if (height, width) == size:
        return pixels
    if fit == "squash":
        return resize(pixels, size, interpolation)
    if fit == "crop":
        return resize(pixels, size, interpolation, covering_box((height, width), size))
    inner = _fitting((height, width), size)
    framed = np.empty((*size, channels), np.uint8)
    framed[:] = fill
    top, left = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    framed[top : top + inner[0], left : left + inner[1]] = resize(pixels, inner, interpolation)
    return framed


def covering_box(source: Size, target: Size) -> Box:
    """The largest centred box of the source with the target's proportions."""
    (height, width), (tall, wide) = source, target
    scale = min(height / tall, width / wide)  # source pixels for one target pixel
    box_height, box_width = min(tall * scale, height), min(wide * scale, width)
    top, left = (height - box_height) / 2, (width - box_width) / 2
    return left, top, left + box_width, top + box_height


def resize(
    pixels: np.ndarray, size: Size, interpolation: Interpolation, box: Box | None = None
) -> np.ndarray:
    """Resize the box of an image: uint8 [h, w, C] -> uint8 [*size, C].

    One and three channels go through Pillow at once, other numbers band by band, so that no
    band is taken for transparency.
    """
    channels = pixels.shape[2]
    if channels == 3:
        return _pillow(pixels, size, interpolation, box)
    bands = [_pillow(pixels[:, :, k], size, interpolation, box) for k in range(channels)]
    return np.stack(bands, axis=2)


def _pillow(
    pixels: np.ndarray, size: Size, interpolation: Interpolation, box: Box | None
) -> np.ndarray:
    image = Image.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(image.resize((size[1], size[0]), FILTERS[interpolation], box=box))


def _fitting(source: Size, target: Size) -> Size:
    """The largest size with the source's proportions that fits into the target."""
    scale = min(target[0] / source[0], target[1] / source[1])
    height, width = (max(1, round(side * scale)) for side in source)
    return min(height, target[0]), min(width, target[1])
