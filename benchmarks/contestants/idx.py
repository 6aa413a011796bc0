"""MNIST's own files, with NumPy."""

import gzip
from pathlib import Path

import numpy as np


def mnist(data: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    """uint8 [N, 28, 28] and classes [N]; `part` is "train" or "t10k"."""
    images = gzip.decompress((data / "mnist" / f"{part}-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((data / "mnist" / f"{part}-labels-idx1-ubyte.gz").read_bytes())
    pixels = np.frombuffer(images, np.uint8, offset=16).reshape(-1, 28, 28)
    return pixels, np.frombuffer(labels, np.uint8, offset=8)
