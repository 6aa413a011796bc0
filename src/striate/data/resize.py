"""Resizing 8-bit pixels with Pillow's antialiased filters, whatever the number of channels."""

from typing import Literal, TypeAlias

import numpy as np
from PIL import Image
from PIL.Image import Resampling

Fit = Literal["crop", "squash", "pad"]
Interpolation = Literal["bilinear", "bicubic", "lanczos", "nearest"]
Picture: TypeAlias = np.ndarray | Image.Image
Size = tuple[int, int]  # height, width, pixels
Box = tuple[float, float, float, float]  # left, top, right, bottom, pixels

FILTERS = {
    "bilinear": Resampling.BILINEAR,
    "bicubic": Resampling.BICUBIC,
    "lanczos": Resampling.LANCZOS,
    "nearest": Resampling.NEAREST,
}


def bring_to(
    image: Picture,
    size: Size,
    fit: Fit = "crop",
    interpolation: Interpolation = "bilinear",
    fill: tuple[int, ...] = (255,),
    extent: Box | None = None,
) -> np.ndarray:
    """Bring an image to a size: cover and cut the centre, stretch, or fit in and fill around.

    Shape: uint8 [h, w, C], or Pillow's of mode L or RGB -> uint8 [*size, C].
    Args:
        fill: per channel, or one number for all, 0..255; used by `pad`.
        extent: the part of the image to bring; None is all of it.
    """
    have = (image.height, image.width) if isinstance(image, Image.Image) else image.shape[:2]
    whole = (0.0, 0.0, float(have[1]), float(have[0]))
    box = extent or whole
    if have == size and box == whole:
        return image if isinstance(image, np.ndarray) else _array(image)
    left, top, right, bottom = box
    source = (bottom - top, right - left)
    if fit == "squash":
        return resize(image, size, interpolation, box)
    if fit == "crop":
        inside = covering_box(source, size)
        place = (left + inside[0], top + inside[1], left + inside[2], top + inside[3])
        return resize(image, size, interpolation, place)
    inner = _fitting(source, size)
    brought = resize(image, inner, interpolation, box)
    framed = np.empty((*size, brought.shape[2]), np.uint8)
    framed[:] = fill
    top_edge, left_edge = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    framed[top_edge : top_edge + inner[0], left_edge : left_edge + inner[1]] = brought
    return framed


def covering_box(source: tuple[float, float], target: Size) -> Box:
    """The largest centred box of the source with the target's proportions."""
    (height, width), (tall, wide) = source, target
    scale = min(height / tall, width / wide)  # source pixels for one target pixel
    box_height, box_width = min(tall * scale, height), min(wide * scale, width)
    top, left = (height - box_height) / 2, (width - box_width) / 2
    return left, top, left + box_width, top + box_height


def resize(
    image: Picture, size: Size, interpolation: Interpolation, box: Box | None = None
) -> np.ndarray:
    """Resize the box of an image: uint8 [h, w, C], or Pillow's -> uint8 [*size, C].

    One and three channels go through Pillow at once, other numbers band by band, so that no
    band is taken for transparency.
    """
    if isinstance(image, Image.Image):
        return _array(_resized(image, size, interpolation, box))
    channels = image.shape[2]
    if channels == 3:
        return _array(_resized(_picture(image), size, interpolation, box))
    bands = [_resized(_picture(image[:, :, k]), size, interpolation, box) for k in range(channels)]
    return np.stack([np.asarray(band) for band in bands], axis=2)


def _resized(
    image: Image.Image, size: Size, interpolation: Interpolation, box: Box | None
) -> Image.Image:
    return image.resize((size[1], size[0]), FILTERS[interpolation], box=box)


def _picture(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(pixels))


def _array(image: Image.Image) -> np.ndarray:
    """Of mode L or RGB -> uint8 [h, w, C]."""
    pixels = np.asarray(image)
    return pixels.reshape(*pixels.shape[:2], -1)


def _fitting(source: tuple[float, float], target: Size) -> Size:
    """The largest size with the source's proportions that fits into the target."""
    scale = min(target[0] / source[0], target[1] / source[1])
    height, width = (max(1, round(side * scale)) for side in source)
    return min(height, target[0]), min(width, target[1])
