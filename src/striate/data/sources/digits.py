"""The built-in data: 1,797 real handwritten digits, 8×8, that come with scikit-learn."""

import numpy as np

from striate.data.dataset import Dataset
from striate.data.sources.arrays import from_parts


def open_digits() -> Dataset:
    """Open the digits, unsplit; the original grey levels 0..16 become 0..255.

    Source: Alpaydin and Kaynak 1998, "Optical Recognition of Handwritten Digits", UCI Machine
        Learning Repository; the test part of it, as scikit-learn ships it.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = np.rint(digits.images * (255 / 16)).astype(np.uint8)[..., None]  # [N, 8, 8, 1]
    return from_parts({"": (images, digits.target)}, "digits", "single_label")
