"""Photographs as SqueezeNet's weights want them, in plain torch and Pillow."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

MEAN = torch.tensor([123.0, 117.0, 104.0]).view(1, 3, 1, 1)
CANVAS, SIDE = 256, 224


def opened(folder: Path) -> tuple[Tensor, Tensor]:
    """uint8 [N, 3, 256, 256] and class numbers [N]."""
    kinds = sorted(kind for kind in folder.iterdir())
    files = [(file, number) for number, kind in enumerate(kinds) for file in sorted(kind.iterdir())]
    labels = torch.tensor([number for _, number in files])
    return torch.stack([canvas(file) for file, _ in files]), labels


def canvas(file: Path) -> Tensor:
    """uint8 [3, 256, 256]: the short side to 256, then the middle."""
    picture = Image.open(file).convert("RGB")
    scale = CANVAS / min(picture.size)
    width, height = (max(CANVAS, round(side * scale)) for side in picture.size)
    left, top = (width - CANVAS) // 2, (height - CANVAS) // 2
    resized = picture.resize((width, height), Image.Resampling.BILINEAR)
    pixels = np.asarray(resized.crop((left, top, left + CANVAS, top + CANVAS)))
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)


def network_input(images: Tensor) -> Tensor:
    return (images.float() - MEAN).contiguous(memory_format=torch.channels_last)
