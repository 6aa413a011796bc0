"""What one image's content says: whether it decodes, its size and kind, and how it looks."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from PIL import Image

from striate.data.decode import Raster, decode_raster
from striate.errors import DataError

LEAST_SIDE = 32  # pixels; below, a perceptual hash says nothing
ENOUGH = (128, 128)  # height and width that the look needs, pixels
THUMB = 16  # pixels, side of the thumbnail that is kept
FLAT = 4.0  # grey levels; a thumbnail that varies less has no look to compare


@dataclass(frozen=True)
class Facts:
    """One image's content, examined; the same bytes always give the same facts.

    Args:
        height, width: pixels after the EXIF turn; 0 where the image cannot be used.
        notes: what decoding did, see `Decoded`.
        reason: why it cannot be used, `DataError`'s code without `data-`; else empty.
        detail: the reason as a sentence.
        look: 64-bit perceptual hash; None for tiny, flat and broken images.
        thumb: RGB thumbnail, 16·16·3 bytes; empty where `look` is None.
    """

    height: int = 0
    width: int = 0
    channels: int = 0
    notes: tuple[str, ...] = ()
    reason: str = ""
    detail: str = ""
    look: int | None = None
    thumb: bytes = b""

    def to_json(self) -> dict[str, Any]:
        """As JSON values; the thumbnail in hexadecimal."""
        return asdict(self) | {"thumb": self.thumb.hex()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Facts":
        """The facts that `to_json` wrote."""
        return cls(**dict(value) | {"thumb": bytes.fromhex(value["thumb"])}).tidied()

    def tidied(self) -> "Facts":
        """With notes as a tuple, which JSON does not know."""
        return replace(self, notes=tuple(self.notes))


def examine(content: bytes | np.ndarray, pixel_cap: int) -> Facts:
    """Decode an image and note its facts; broken ones give a reason, never an error.

    Photographs are decoded as small as the look allows, which reads every byte of the file all
    the same.
    """
    try:
        raster = decode_raster(
            content, channels=None, pixel_cap=pixel_cap, where="it", least=ENOUGH
        )
    except DataError as error:
        detail = error.what.removeprefix("it: ")
        return Facts(
            reason=error.code.removeprefix("data-"), detail=detail[:1].upper() + detail[1:]
        )
    facts = Facts(*raster.size, raster.channels, raster.notes)
    return _with_look(facts, raster) if min(raster.size) >= LEAST_SIDE else facts


def _with_look(facts: Facts, raster: Raster) -> Facts:
    image = raster.image
    if isinstance(image, np.ndarray):
        if facts.channels == 1:
            image = image[:, :, 0]
        elif facts.channels != 3:
            image = image.mean(axis=2).astype(np.uint8)
        image = Image.fromarray(image)
    image = image.resize((32, 32), Image.Resampling.BOX, box=raster.extent, reducing_gap=4.0)
    colour = np.asarray(image.convert("RGB"), dtype=np.float32)  # [32, 32, 3]
    thumb = colour.reshape(THUMB, 2, THUMB, 2, 3).mean(axis=(1, 3))  # [16, 16, 3]
    if thumb.std() < FLAT:
        return facts
    look = perceptual_hash(np.asarray(image.convert("L"), dtype=np.float32))
    return replace(facts, look=look, thumb=np.rint(thumb).astype(np.uint8).tobytes())


def perceptual_hash(grey: np.ndarray) -> int:
    """64 bits: whether each of the 8×8 lowest frequencies of a picture is above their median.

    Shape: grey [32, 32].
    Source: Zauner 2010, "Implementation and Benchmarking of Perceptual Image Hash Functions",
        section 3.2.1 (pHash).
    Differs: the constant frequency is left out of the median, and its bit is always 0.
    """
    basis = _cosines()
    low = (basis @ grey @ basis.T).ravel()  # [64]
    bits = low > np.median(low[1:])
    bits[0] = False
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


@cache
def _cosines() -> np.ndarray:
    """The first 8 rows of the 32-point DCT-II, unnormalised: [8, 32]."""
    frequency, position = np.arange(8)[:, None], np.arange(32)[None, :]
    return np.cos(np.pi / 32 * (position + 0.5) * frequency).astype(np.float32)
