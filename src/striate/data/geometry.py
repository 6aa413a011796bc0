"""Where a training image is cut from its canvas: windows, random resized crops, mirror images."""

import math
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from striate.data.draws import Draws

Padding = Literal["reflect", "zeros"]

LARGE = 3 * 64**2  # values; images of so many are mirrored one by one on the CPU


def mirror(images: Tensor, chosen: np.ndarray) -> Tensor:
    """Flip the chosen images left to right. [N, C, H, W], chosen bool [N]."""
    result = images.clone()
    rows = np.flatnonzero(chosen)
    if images.device.type == "cpu" and images[:1].numel() >= LARGE:
        for row in rows.tolist():  # without copies, and torch flips single images fast
            result[row : row + 1] = images[row : row + 1].flip(-1)
        return result
    chosen_rows = torch.from_numpy(rows).to(images.device)
    result[chosen_rows] = images[chosen_rows].flip(-1)
    return result


def shifted(
    canvases: Tensor, size: tuple[int, int], pad: int, padding: Padding, draws: Draws
) -> Tensor:
    """Cut a window of `size` at a random place of each canvas, widened by `pad` pixels all round.

    Shape: [N, C, Hc, Wc] -> [N, C, *size].
    Source: He et al. 2016, arXiv:1512.03385, section 4.2 (4 pixels of zeros, CIFAR-10).
    """
    wide = pad_all_round(canvases, pad, padding)
    tops = draws.whole("shift.top", 0, wide.shape[2] - size[0] + 1)
    lefts = draws.whole("shift.left", 0, wide.shape[3] - size[1] + 1)
    return windows(wide, tops, lefts, size)


def pad_all_round(images: Tensor, pad: int, padding: Padding) -> Tensor:
    """Add `pad` pixels on each side.

    Reflection does not repeat the border pixel, so it adds at most one pixel less than there are.
    """
    if padding == "zeros" or pad == 0:
        return F.pad(images, (pad, pad, pad, pad)) if pad else images
    for axis in (2, 3):
        reach = min(pad, images.shape[axis] - 1)
        before = images.narrow(axis, 1, reach).flip(axis)
        after = images.narrow(axis, images.shape[axis] - 1 - reach, reach).flip(axis)
        images = torch.cat([before, images, after], dim=axis)
    return images


def windows(images: Tensor, tops: np.ndarray, lefts: np.ndarray, size: tuple[int, int]) -> Tensor:
    """The window of each image that starts at its (top, left): [N, C, H, W] -> [N, C, *size]."""
    number = np.arange(len(images))
    if images.device.type == "cpu":  # NumPy copies whole rows: several times faster here
        pixels = images.permute(0, 2, 3, 1).numpy()
        views = np.lib.stride_tricks.sliding_window_view(pixels, size, axis=(1, 2))
        cut = views.transpose(0, 1, 2, 4, 5, 3)[number, tops, lefts]  # [N, h, w, C]
        return torch.from_numpy(cut).permute(0, 3, 1, 2)
    place = [torch.from_numpy(index).to(images.device) for index in (number, tops, lefts)]
    return images.unfold(2, size[0], 1).unfold(3, size[1], 1)[place[0], :, place[1], place[2]]


def resized_crop(
    canvases: Tensor, size: tuple[int, int], scale: tuple[float, float], draws: Draws
) -> Tensor:
    """Bring a random part of each canvas to `size`, antialiased.

    The part's share of the area is uniform in `scale`, the logarithm of its width over height
    uniform between log 3/4 and log 4/3.

    Shape: [N, C, Hc, Wc] -> [N, C, *size], same dtype.
    Source: Szegedy et al. 2015, arXiv:1409.4842, section 6.
    Differs: a part that would be taller or wider than the canvas is cut to it, not drawn anew.
    """
    boxes = _boxes(canvases.shape[2], canvases.shape[3], scale, draws)
    result = torch.empty(
        (*canvases.shape[:2], *size),
        dtype=canvases.dtype,
        device=canvases.device,
        memory_format=torch.channels_last,
    )
    for i, (top, left, height, width) in enumerate(boxes.tolist()):
        part = canvases[i : i + 1, :, top : top + height, left : left + width]
        result[i] = _resample(part, size)[0]
    return result


def _boxes(height: int, width: int, scale: tuple[float, float], draws: Draws) -> np.ndarray:
    """Top, left, height and width of a random part per sample: int64 [n, 4], pixels."""
    area = draws.uniform("crop.area", *scale) * height * width
    ratio = np.exp(draws.uniform("crop.ratio", math.log(3 / 4), math.log(4 / 3)))
    tall = np.clip(np.rint(np.sqrt(area / ratio)), 1, height).astype(np.int64)
    wide = np.clip(np.rint(np.sqrt(area * ratio)), 1, width).astype(np.int64)
    top = draws.whole("crop.top", 0, height - tall + 1)
    left = draws.whole("crop.left", 0, width - wide + 1)
    return np.stack([top, left, tall, wide], axis=1)


def _resample(part: Tensor, size: tuple[int, int]) -> Tensor:
    """Antialiased bilinear resize; only the CPU has it for uint8, others compute in float32."""
    if part.dtype != torch.uint8 or part.device.type == "cpu":
        return F.interpolate(part, size, mode="bilinear", antialias=True)
    resized = F.interpolate(part.float(), size, mode="bilinear", antialias=True)
    return resized.round_().clamp_(0, 255).to(torch.uint8)
