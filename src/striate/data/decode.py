"""From the bytes of a photograph, or an array, to 8-bit pixels: one function, the same everywhere.

Orientation from EXIF is applied; 16-bit depth is scaled by its true range; transparency is laid
on a stated background; CMYK, palettes and other colour spaces become RGB; of an animation the
first frame is taken. What was done is said in `Decoded.notes`.
"""

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from striate.data.formats import broken, open_image, pillow_warnings
from striate.data.header import GREY_MODES, describe, frames, orientation
from striate.data.reduction import TURNS, reduce, turn, unread_content, upright
from striate.data.resize import Box, Size
from striate.data.scaling import eight_bits, scale, scale_floats
from striate.data.tiff import multi_band, read_bands
from striate.errors import DataError, UsageError

PIXEL_CAP = 100_000_000  # pixels, width x height
WHITE = (255, 255, 255)
BITS_PER_SAMPLE = 258  # TIFF tag


@dataclass(frozen=True)
class Decoded:
    """An image's pixels and what was done to get them.

    Args:
        pixels: uint8 [H, W, C], writable and contiguous.
        notes: stable words: `grey`, `16-bit`, `float`, `alpha`, `palette`, `cmyk`, `lab`,
            `exif-rotated`, `animated: first of 30 frames`, `pages: first of 3`,
            `damaged-metadata`.
    """

    pixels: np.ndarray
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Raster:
    """An image decoded as far as it is needed, not yet copied out of Pillow.

    Args:
        image: of mode L or RGB, or uint8 [h, w, C].
        size: (height, width) of the whole picture, upright, pixels.
        extent: where that lies in `image`, which may be reduced: left, top, right, bottom, pixels.
        notes: see `Decoded`.
    """

    image: np.ndarray | Image.Image
    size: Size
    extent: Box
    notes: tuple[str, ...]

    @property
    def channels(self) -> int:
        if isinstance(self.image, Image.Image):
            return len(self.image.getbands())
        return int(self.image.shape[2])


def decode(
    source: bytes | np.ndarray | Image.Image,
    *,
    channels: int | None,
    background: tuple[int, int, int] = WHITE,
    pixel_cap: int = PIXEL_CAP,
    where: str = "image",
) -> Decoded:
    """Decode an image to uint8 [H, W, C].

    Args:
        source: a file's content, an array [H, W] or [H, W, C] (uint8, uint16, bool, or floats
            in 0..1), or a Pillow image, which is left as it is.
        channels: 1 gives luminance (ITU-R 601), 3 gives RGB, another number takes an array or a
            TIFF with exactly so many bands as they are, None keeps what is there.
        background: the RGB colour, 0..255, seen through transparent pixels.
        pixel_cap: refuse images of more pixels; checked on the header, before decoding.
        where: the image's name in messages.
    Raises:
        DataError: `data-not-an-image`, `data-unsupported-format`, `data-empty-file`,
            `data-truncated`, `data-damaged`, `data-over-pixel-cap`, `data-channels`,
            `data-range` (floats outside 0..1 or integers of unknown range).

    >>> decode(np.array([[0, 65535]], np.uint16), channels=1).pixels.tolist()
    [[[0], [255]]]
    """
    raster = decode_raster(
        source, channels=channels, background=background, pixel_cap=pixel_cap, where=where
    )
    if isinstance(raster.image, np.ndarray):
        return Decoded(raster.image, raster.notes)
    pixels = np.array(raster.image)  # a copy: writable, owned
    return Decoded(pixels.reshape(*pixels.shape[:2], -1), raster.notes)


def decode_raster(
    source: bytes | np.ndarray | Image.Image,
    *,
    channels: int | None,
    background: tuple[int, int, int] = WHITE,
    pixel_cap: int = PIXEL_CAP,
    where: str = "image",
    least: Size | None = None,
) -> Raster:
    """What `decode` does, for those who only resize the result.

    Args:
        least: (height, width) that suffices, pixels: JPEG photographs, as bytes or opened but not
            loaded by Pillow, are then decoded at 1/8, 1/4 or 1/2 of their size where so much is
            left. None decodes in full.
    """
    if channels is not None and channels < 1:
        raise UsageError("usage-channels", f"decode: channels must be 1 or more, got {channels}.")
    if isinstance(source, np.ndarray):
        return _from_array(source, channels, pixel_cap, where)
    if not isinstance(source, (bytes, Image.Image)):
        raise UsageError(
            "usage-image",
            f"{where}: an image is bytes, an array or a Pillow image, got {type(source).__name__}.",
        )
    if isinstance(source, bytes) and (header := multi_band(source, channels)) is not None:
        return _from_array(read_bands(source, header, pixel_cap, where), channels, pixel_cap, where)
    if least is not None and isinstance(source, Image.Image):
        source = unread_content(source) or source
    with pillow_warnings() as warned:
        image = source if isinstance(source, Image.Image) else open_image(source, where)
        _check_size(image.width, image.height, pixel_cap, where)
        if isinstance(source, Image.Image):
            least = None  # it is left as it is
        try:
            raster = _from_image(image, channels, background, where, least)
        except DataError:
            raise
        except Exception as error:  # Pillow raises whatever the broken bytes provoke
            raise broken(error, image.format or "image", where) from error
    if warned and "damaged-metadata" not in raster.notes:
        return replace(raster, notes=(*raster.notes, "damaged-metadata"))
    return raster


def _check_size(width: int, height: int, pixel_cap: int, where: str) -> None:
    if width < 1 or height < 1:
        raise DataError("data-damaged", f"{where}: the image is {width}×{height} pixels.")
    if width * height > pixel_cap:
        raise DataError(
            "data-over-pixel-cap",
            f"{where}: {width:,}×{height:,} = {width * height:,} pixels, over the cap of "
            f"{pixel_cap:,}.",
            "Make the image smaller, or raise the cap if you trust it.",
        )


def _from_image(
    image: Image.Image,
    channels: int | None,
    background: tuple[int, int, int],
    where: str,
    least: Size | None,
) -> Raster:
    notes = describe(image)
    if channels not in (None, 1, 3):
        return _whole(_bands(image, channels or 0, where), notes)
    size = image.size
    reduced = None if least is None else reduce(image, least)
    image.load()
    turned = orientation(image, notes)  # upright in a TIFF: it turned itself while loading
    if turned in TURNS:
        notes.append("exif-rotated")
    grey = image.mode in GREY_MODES
    flat = _eight_bit(image, where)
    if flat.has_transparency_data:
        flat, seen = _flatten(flat, background, colour=channels == 3 or not grey)
        notes += ["alpha"] if seen else []
    mode = {1: "L", 3: "RGB", None: "L" if grey else "RGB"}[channels]
    flat = flat if flat.mode == mode else flat.convert(mode)
    whole = (0.0, 0.0, float(flat.width), float(flat.height))
    flat, extent = turn(flat, reduced or whole, turned)
    width, height = flat.size if reduced is None else upright(size, turned)
    return Raster(flat, (height, width), extent, tuple(notes))


def _whole(pixels: np.ndarray, notes: list[str]) -> Raster:
    """An array that is all of a picture."""
    height, width, _ = pixels.shape
    return Raster(pixels, (height, width), (0.0, 0.0, float(width), float(height)), tuple(notes))


def _eight_bit(image: Image.Image, where: str) -> Image.Image:
    """Scale deeper greys (16-bit, 32-bit, float) to 8 bits; other modes come back as they are."""
    if image.mode not in ("I", "F") and not image.mode.startswith("I;16"):
        return image
    values = np.asarray(image)
    if image.mode == "F":
        grey = scale_floats(values, where)
    elif image.mode == "I" and (image.format == "TIFF" or values.min() < 0 or values.max() > 65535):
        raise DataError(
            "data-range",
            f"{where}: 32-bit whole numbers, here {values.min()} to {values.max()}, "
            "have no known range.",
            "Save the image with 8 or 16 bits, or as floats between 0 and 1.",
        )
    else:
        bits = getattr(image, "tag_v2", {}).get(BITS_PER_SAMPLE, (16,))
        grey = scale(values, top=4095 if tuple(bits) == (12,) else 65535)
    scaled = Image.fromarray(grey)
    key = image.info.get("transparency")
    if isinstance(key, int):
        scaled.putalpha(Image.fromarray(np.where(values == key, 0, 255).astype(np.uint8)))
    return scaled


def _flatten(
    image: Image.Image, background: tuple[int, int, int], colour: bool
) -> tuple[Image.Image, bool]:
    """Lay a transparent image on the background: (a·front + (255 − a)·back) / 255, rounded.

    Returns the RGB or grey image, and whether anything was transparent.
    """
    key = image.info.get("transparency")
    if isinstance(key, tuple) and max(key) > 255:  # a 16-bit key; Pillow kept the high bytes
        image = image.copy()
        image.info["transparency"] = tuple(value >> 8 for value in key)
    layered = image.convert("RGBA")
    alpha = layered.getchannel("A")
    front = layered.convert("RGB")
    if alpha.getextrema() == (255, 255):
        return front, False
    back = Image.new("RGB", image.size, background)
    if not colour:
        front, back = front.convert("L"), back.convert("L")
    back.paste(front, mask=alpha)
    return back, True


def _bands(image: Image.Image, channels: int, where: str) -> np.ndarray:
    """The bands as they are: of one picture, or one grey page of a TIFF for each."""
    if len(image.getbands()) == channels:
        image.load()
        return np.array(image)
    pages = frames(image) if image.format == "TIFF" else 1
    if pages != channels or len(image.getbands()) != 1:
        raise _wrong_channels(len(image.getbands()), channels, where, pages)
    planes = []
    for page in range(pages):
        image.seek(page)
        image.load()
        planes.append(np.array(_eight_bit(image, where).convert("L")))
    if len({plane.shape for plane in planes}) > 1:
        raise DataError("data-channels", f"{where}: the {pages} pages differ in size.")
    return np.stack(planes, axis=-1)


def _wrong_channels(have: int, want: int, where: str, pages: int = 1) -> DataError:
    paged = f" in each of {pages} pages" if pages > 1 else ""
    return DataError(
        "data-channels",
        f"{where}: {want} channels are needed, the image has {have}{paged}.",
        "Only 1 and 3 channels are made from one another; other numbers must match.",
    )


def _from_array(array: np.ndarray, channels: int | None, pixel_cap: int, where: str) -> Raster:
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or array.size == 0:
        raise DataError(
            "data-shape",
            f"{where}: an image array is [H, W] or [H, W, C], got shape {list(array.shape)}.",
        )
    _check_size(array.shape[1], array.shape[0], pixel_cap, where)
    pixels, notes = eight_bits(array, where)
    have = pixels.shape[2]
    if have == 1:
        notes.insert(0, "grey")
    if channels in (None, have):
        return _whole(np.array(pixels, order="C"), notes)
    if (have, channels) == (1, 3):
        return _whole(pixels.repeat(3, axis=2), notes)
    if (have, channels) == (3, 1):
        luminance = Image.fromarray(np.ascontiguousarray(pixels)).convert("L")
        return _whole(np.array(luminance)[:, :, None], notes)
    raise _wrong_channels(have, channels or 0, where)
