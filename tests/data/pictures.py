"""Folders of small pictures for the tests of data."""

from pathlib import Path

import numpy as np
from PIL import Image


def photograph(seed: int, size: int = 64) -> Image.Image:
    """A smooth coloured picture: what a perceptual hash sees as a photograph."""
    rough = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(rough).resize((size, size), Image.Resampling.BICUBIC)


def write(root: Path, counts: dict[str, int], start: int = 0) -> Path:
    """`{"train/cats": 3}` writes three different pictures into that folder."""
    seed = start
    for name, count in counts.items():
        folder = root / name
        folder.mkdir(parents=True, exist_ok=True)
        for k in range(count):
            photograph(seed).save(folder / f"{k:03d}.png")
            seed += 1
    return root
