"""RandAugment: a few random operations of one common strength.

Float32 images [N, C, H, W] on the 0..255 scale. `level` is the strength of each image's operation,
float [N] in -1..1; operations for which a sign has no meaning take its size.

Source: Cubuk et al. 2019, "RandAugment", arXiv:1909.13719; operations and ranges of Cubuk et al.
    2018, "AutoAugment", arXiv:1805.09501, table 6.
Differs: the colours change first, then one affine map moves the pixels once; what comes in from
    outside is mid-grey; solarize inverts values above the threshold, so strength 0 changes nothing.
"""

import math
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from striate.data.color import luminance, per_image
from striate.data.draws import Draws

STRONGEST = 10.0  # the paper's top of the scale of magnitudes
OUTSIDE = 128.0  # the grey beyond the border


def _blend(base: Tensor, images: Tensor, level: np.ndarray) -> Tensor:
    """From the base (factor 0) through the image (1) beyond it: factor 1 ± 0.9."""
    return torch.lerp(base, images, per_image(1 + 0.9 * level, images)).clamp_(0, 255)


def _brightness(images: Tensor, level: np.ndarray) -> Tensor:
    return _blend(torch.zeros_like(images), images, level)


def _contrast(images: Tensor, level: np.ndarray) -> Tensor:
    return _blend(luminance(images).mean(dim=(2, 3), keepdim=True).expand_as(images), images, level)


def _color(images: Tensor, level: np.ndarray) -> Tensor:
    return _blend(luminance(images).expand_as(images), images, level)


def _sharpness(images: Tensor, level: np.ndarray) -> Tensor:
    """Pillow's smoothing kernel is the base; border pixels stay."""
    if min(images.shape[2:]) < 3:
        return images
    channels = images.shape[1]
    kernel = torch.tensor([[1.0, 1, 1], [1, 5, 1], [1, 1, 1]], device=images.device) / 13
    smooth = images.clone()
    smooth[:, :, 1:-1, 1:-1] = F.conv2d(images, kernel.expand(channels, 1, 3, 3), groups=channels)
    return _blend(smooth, images, level)


def _posterize(images: Tensor, level: np.ndarray) -> Tensor:
    """Keep 8 to 4 bits."""
    step = per_image(2 ** np.rint(4 * np.abs(level)), images)
    return (images / step).floor_() * step if np.any(level) else images


def _solarize(images: Tensor, level: np.ndarray) -> Tensor:
    threshold = per_image(255 * (1 - np.abs(level)), images)
    return torch.where(images > threshold, 255 - images, images)


def _auto_contrast(images: Tensor, _: np.ndarray) -> Tensor:
    """Stretch each channel to 0..255; flat channels stay."""
    low, high = images.amin(dim=(2, 3), keepdim=True), images.amax(dim=(2, 3), keepdim=True)
    stretched = (images - low) * (255 / (high - low).clamp_min(1e-6))
    return torch.where(high > low, stretched, images).clamp_(0, 255)


def _equalize(images: Tensor, _: np.ndarray) -> Tensor:
    """Spread each channel's values evenly, by Pillow's formula (ImageOps.equalize)."""
    planes = images.round().long().flatten(2).flatten(0, 1)  # [N * C, H * W]
    first = torch.arange(len(planes), device=images.device)[:, None] * 256
    counts = torch.bincount((planes + first).flatten(), minlength=256 * len(planes)).view(-1, 256)
    last = planes.amax(dim=1, keepdim=True)  # the brightest value that occurs
    step = (planes.shape[1] - counts.gather(1, last)).div(255, rounding_mode="floor")
    below = counts.cumsum(dim=1) - counts
    table = (below + step.div(2, rounding_mode="floor")).div(
        step.clamp_min(1), rounding_mode="floor"
    )
    even = table.clamp_(0, 255).gather(1, planes)
    return torch.where(step > 0, even, planes).float().view(images.shape)


def _identity(images: Tensor, _: np.ndarray) -> Tensor:
    return images


def _rotate(level: np.ndarray, _: tuple[int, int]) -> np.ndarray:
    angle = level * math.radians(30)
    return _affine(a=np.cos(angle), b=np.sin(angle), d=-np.sin(angle), e=np.cos(angle))


def _shear_x(level: np.ndarray, _: tuple[int, int]) -> np.ndarray:
    return _affine(b=0.3 * level)


def _shear_y(level: np.ndarray, _: tuple[int, int]) -> np.ndarray:
    return _affine(d=0.3 * level)


def _translate_x(level: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return _affine(c=0.45 * size[1] * level)


def _translate_y(level: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return _affine(f=0.45 * size[0] * level)


def _affine(**entries: np.ndarray) -> np.ndarray:
    """Output to input pixels about the centre, [[a, b, c], [d, e, f], [0, 0, 1]]: [N, 3, 3]."""
    count = len(next(iter(entries.values())))
    maps = np.tile(np.eye(3), (count, 1, 1))
    for name, values in entries.items():
        maps[:, "abcdef".index(name) // 3, "abcdef".index(name) % 3] = values
    return maps


COLOR_OPERATIONS: dict[str, Callable[[Tensor, np.ndarray], Tensor]] = {
    "identity": _identity,
    "auto_contrast": _auto_contrast,
    "equalize": _equalize,
    "solarize": _solarize,
    "color": _color,
    "posterize": _posterize,
    "contrast": _contrast,
    "brightness": _brightness,
    "sharpness": _sharpness,
}
MOVES: dict[str, Callable[[np.ndarray, tuple[int, int]], np.ndarray]] = {
    "rotate": _rotate,
    "shear_x": _shear_x,
    "shear_y": _shear_y,
    "translate_x": _translate_x,
    "translate_y": _translate_y,
}
OPERATIONS = (*COLOR_OPERATIONS, *MOVES)


def rand_augment(images: Tensor, operations: int, magnitude: float, draws: Draws) -> Tensor:
    """Apply `operations` random operations to each image.

    Args:
        operations: how many, one after the other; 0 changes nothing.
        magnitude: 0..10, the strength of all.
    """
    height, width = images.shape[2:]
    images = images.clone()
    maps = np.tile(np.eye(3), (len(images), 1, 1))
    for turn in range(operations):
        picked = draws.whole(f"randaugment.{turn}", 0, len(OPERATIONS))
        sign = np.where(draws.chance(f"randaugment.{turn}.sign"), 1.0, -1.0)
        level = sign * magnitude / STRONGEST
        for number, name in enumerate(OPERATIONS):
            rows = np.flatnonzero(picked == number)
            if not len(rows) or name == "identity":
                continue
            if name in MOVES:
                maps[rows] = maps[rows] @ MOVES[name](level[rows], (height, width))
            else:
                where = torch.from_numpy(rows).to(images.device)
                images[where] = COLOR_OPERATIONS[name](images[where], level[rows])
    return move(images, maps)


def move(images: Tensor, maps: np.ndarray) -> Tensor:
    """Resample bilinearly, in place, the images whose map is not the identity."""
    rows = np.flatnonzero((maps != np.eye(3)).any(axis=(1, 2)))
    if not len(rows):
        return images
    where = torch.from_numpy(rows).to(images.device)
    grid = _grid(maps[rows], images)
    images[where] = F.grid_sample(images[where] - OUTSIDE, grid, align_corners=False) + OUTSIDE
    return images


def _grid(maps: np.ndarray, like: Tensor) -> Tensor:
    """Where each output pixel reads, in grid_sample's units: [n, 3, 3] -> [n, H, W, 2]."""
    height, width = like.shape[2:]
    entries = torch.from_numpy(maps[:, :2].reshape(-1, 6).astype(np.float32)).to(like.device)
    a, b, c, d, e, f = (entries[:, k, None, None] for k in range(6))
    x = torch.arange(width, device=like.device) - (width - 1) / 2  # [W]
    y = (torch.arange(height, device=like.device) - (height - 1) / 2)[:, None]  # [H, 1]
    # pixels from the centre -> -1 and 1 at the outer edges of the border pixels
    return torch.stack(
        [(a * x + b * y + c) * (2 / width), (d * x + e * y + f) * (2 / height)], dim=-1
    )
