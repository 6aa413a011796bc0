"""From deeper numbers to 8 bits, by the range they can have, not the one they happen to have."""

import numpy as np

from striate.errors import DataError


def scale(values: np.ndarray, top: int) -> np.ndarray:
    """Whole numbers 0..top to 0..255, rounded to the nearest."""
    table = (np.arange(top + 1, dtype=np.int64) * 255 + top // 2) // top
    return table.astype(np.uint8)[np.minimum(values, top)]


def scale_floats(values: np.ndarray, where: str) -> np.ndarray:
    """Floats 0..1 to 0..255, rounded to the nearest; others are refused, since whole data sets
    must be scaled alike."""
    low, high = float(values.min()), float(values.max())
    if not (low >= 0 and high <= 1):  # also false for NaN
        raise DataError(
            "data-range",
            f"{where}: floats must lie between 0 and 1, got {low:g} to {high:g}.",
            "Divide by the largest possible value first.",
        )
    return np.rint(values * np.float32(255)).astype(np.uint8)


def eight_bits(array: np.ndarray, where: str) -> tuple[np.ndarray, list[str]]:
    """An image array as uint8, and the notes about it."""
    if array.dtype == np.uint8:
        return array, []
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255), []
    if array.dtype == np.uint16:
        return scale(array, top=65535), ["16-bit"]
    if np.issubdtype(array.dtype, np.floating):
        return scale_floats(array, where), ["float"]
    raise DataError(
        "data-range",
        f"{where}: an image array is uint8, uint16, bool or floats in 0..1, got {array.dtype}.",
        "Convert it with .astype('uint8') if its values are 0..255.",
    )
