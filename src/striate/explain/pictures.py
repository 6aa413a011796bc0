"""Attribution maps as pictures."""

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from striate.errors import ShapeError

Picture = npt.NDArray[np.uint8]  # [H, W, 3]
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601, as Pillow
STRONGEST = 0.7  # share of the colour where the map is highest; the photograph stays visible


def overlay(image: Any, heat: Any) -> Picture:
    """A heat map laid over its photograph: the stronger the map, the more of its colour.

    Maps that are nowhere negative run from dark to bright (inferno); signed ones diverge from
    zero, blue below and red above (berlin). Both are perceptually uniform. The largest absolute
    value has the full colour. The photograph is shown in grey, so that all colour is the map's.

    Shape: image uint8 [H, W, 3], or grey [H, W] or [H, W, 1]; heat [h, w], enlarged to the image
        -> uint8 [H, W, 3].
    """
    picture, shown = np.asarray(image), np.asarray(heat, dtype=np.float32)
    if picture.ndim == 2:
        picture = picture[:, :, None]
    if picture.ndim != 3 or picture.shape[2] not in (1, 3) or picture.dtype != np.uint8:
        raise ShapeError(
            "explain-picture",
            f"overlay: the image must be uint8 [H, W, 3], got {picture.dtype} "
            f"{list(picture.shape)}.",
            "Pass the pixels, not the normalised tensor.",
        )
    if shown.ndim != 2 or not np.isfinite(shown).all():
        raise ShapeError(
            "explain-picture",
            f"overlay: the map must be finite and [h, w], got {list(shown.shape)}.",
            "Pass the map of one image.",
        )
    height, width = picture.shape[:2]
    shown = scaled(enlarged(shown, height, width))
    colours = 255 * coloured(shown)  # [H, W, 3]
    share = STRONGEST * np.abs(shown)[:, :, None]
    grey = picture @ LUMA if picture.shape[2] == 3 else picture[:, :, 0]
    return np.rint((1 - share) * grey[:, :, None] + share * colours).astype(np.uint8)


def scaled(heat: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Divided by the largest absolute value: −1..1, or all zero."""
    largest = float(np.abs(heat).max(initial=0))
    return heat / largest if largest > 0 else np.zeros_like(heat)


def enlarged(heat: npt.NDArray[np.float32], height: int, width: int) -> npt.NDArray[np.float32]:
    """Bilinear, to [height, width]."""
    if heat.shape == (height, width):
        return heat
    resized = Image.fromarray(heat).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(resized, dtype=np.float32)


def coloured(heat: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """A map in −1..1 as colours in 0..1. Shape: [H, W] -> [H, W, 3]."""
    from matplotlib import colormaps  # here, since it takes half a second

    if heat.min(initial=0) < 0:
        return np.asarray(colormaps["berlin"]((heat + 1) / 2)[..., :3], dtype=np.float32)
    return np.asarray(colormaps["inferno"](heat)[..., :3], dtype=np.float32)


def colour_scale(*, signed: bool, steps: int = 256) -> Picture:
    """The colours of a map from its lowest value to its highest, uint8 [1, steps, 3]."""
    values = np.linspace(-1 if signed else 0, 1, steps, dtype=np.float32)[None]
    return np.rint(255 * coloured(values)).astype(np.uint8)
