"""From the bytes of a photograph, or an array, to 8-bit pixels: one function, the same everywhere.

Orientation from EXIF is applied; 16-bit depth is scaled by its true range; transparency is laid
on a stated background; CMYK, palettes and other colour spaces become RGB; of an animation the
first frame is taken. What was done is said in `Decoded.notes`.
"""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image
from PIL.Image import Transpose

from striate.data.formats import broken, open_image, pillow_warnings
from striate.data.scaling import eight_bits, scale, scale_floats
from striate.data.tiff import multi_band, read_bands
from striate.errors import DataError, UsageError

PIXEL_CAP = 100_000_000  # pixels, width x height
WHITE = (255, 255, 255)
GREY_MODES = ("1", "L", "LA", "La", "I", "F", "I;16", "I;16L", "I;16B", "I;16N")
TURNS = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}
MOST_PAGES = 256
ORIENTATION, BITS_PER_SAMPLE = 274, 258  # EXIF and TIFF tags


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
    with pillow_warnings() as warned:
        image = source if isinstance(source, Image.Image) else open_image(source, where)
        _check_size(image.width, image.height, pixel_cap, where)
        try:
            pixels, notes = _from_image(image, channels, background, where)
        except DataError:
            raise
        except Exception as error:  # Pillow raises whatever the broken bytes provoke
            raise broken(error, image.format or "image", where) from error
    if warned and "damaged-metadata" not in notes:
        notes.append("damaged-metadata")
    return Decoded(pixels, tuple(notes))


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
    image: Image.Image, channels: int | None, background: tuple[int, int, int], where: str
) -> tuple[np.ndarray, list[str]]:
    notes = _describe(image)
    if channels not in (None, 1, 3):
        return _bands(image, channels or 0, where), notes
    image.load()
    turn = TURNS.get(_orientation(image, notes))  # none in a TIFF: it turned itself while loading
    if turn is not None:
        notes.append("exif-rotated")
    grey = image.mode in GREY_MODES
    flat = _eight_bit(image, where)
    if flat.has_transparency_data:
        flat, seen = _flatten(flat, background, colour=channels == 3 or not grey)
        notes += ["alpha"] if seen else []
    mode = {1: "L", 3: "RGB", None: "L" if grey else "RGB"}[channels]
    flat = flat if flat.mode == mode else flat.convert(mode)
    flat = flat.transpose(turn) if turn is not None else flat
    pixels = np.array(flat)  # a copy: writable, owned
    return pixels.reshape(*pixels.shape[:2], -1), notes


def _describe(image: Image.Image) -> list[str]:
    """Notes that the header gives; reads before loading, since Pillow forgets depth then."""
    notes = ["grey"] if image.mode in GREY_MODES else []
    tile: Any = getattr(image, "tile", None)
    if image.mode.startswith("I") or any(";16" in str(part[3]) for part in tile or ()):
        notes.append("16-bit")
    words = {"F": "float", "P": "palette", "PA": "palette", "CMYK": "cmyk", "LAB": "lab"}
    if image.mode in words:
        notes.append(words[image.mode])
    if image.format == "TIFF" and _orientation(image, notes) in TURNS:
        notes.append("exif-rotated")
    if (frames := _frames(image)) > 1:
        kind = (
            "pages: first of {} pages" if image.format == "TIFF" else "animated: first of {} frames"
        )
        notes.append(kind.format(frames))
    return notes


def _orientation(image: Image.Image, notes: list[str]) -> int:
    """EXIF orientation, 1..8; unreadable metadata count as upright, with a note."""
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except Exception:  # metadata are hints: broken ones must not cost the picture
        notes.append("damaged-metadata")
        return 1


def _frames(image: Image.Image) -> int:
    """How many frames or pages there are; 1 where a later one is too broken to count."""
    if image.format == "MPO":  # a photograph with its preview or depth map
        return 1
    try:
        return _pages(image) if image.format == "TIFF" else int(getattr(image, "n_frames", 1))
    except Exception:  # only the first frame is used: faults in later ones do not matter
        return 1


def _pages(image: Image.Image) -> int:
    """Pages of a TIFF, counted up to `MOST_PAGES`: a small file can announce very many."""
    pages, here = 1, image.tell()
    with suppress(EOFError):
        while pages < MOST_PAGES:
            image.seek(pages)
            pages += 1
    image.seek(here)
    return pages


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
    pages = _frames(image) if image.format == "TIFF" else 1
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


def _from_array(array: np.ndarray, channels: int | None, pixel_cap: int, where: str) -> Decoded:
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
        return Decoded(np.array(pixels, order="C"), tuple(notes))
    if (have, channels) == (1, 3):
        return Decoded(pixels.repeat(3, axis=2), tuple(notes))
    if (have, channels) == (3, 1):
        luminance = Image.fromarray(np.ascontiguousarray(pixels)).convert("L")
        return Decoded(np.array(luminance)[:, :, None], tuple(notes))
    raise _wrong_channels(have, channels or 0, where)
