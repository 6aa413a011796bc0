"""Noise of MNIST's size, uint8 [60000, 1, 28, 28], and classes."""

import numpy as np

IMAGES, BATCH, SHIFT = 60_000, 128, 2


def small_images(seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    images = random.integers(0, 256, (IMAGES, 1, 28, 28), dtype=np.uint8)
    return images, random.integers(0, 10, IMAGES)
