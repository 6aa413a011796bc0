"""What the header of an opened image says, read before its pixels are decoded."""

from contextlib import suppress
from typing import Any

from PIL import Image

GREY_MODES = ("1", "L", "LA", "La", "I", "F", "I;16", "I;16L", "I;16B", "I;16N")
UPRIGHT, MOST_ORIENTATION = 1, 8
MOST_PAGES = 256
ORIENTATION = 274  # EXIF and TIFF tag


def describe(image: Image.Image) -> list[str]:
    """Notes that the header gives; reads before loading, since Pillow forgets depth then."""
    notes = ["grey"] if image.mode in GREY_MODES else []
    tile: Any = getattr(image, "tile", None)
    if image.mode.startswith("I") or any(";16" in str(part[3]) for part in tile or ()):
        notes.append("16-bit")
    words = {"F": "float", "P": "palette", "PA": "palette", "CMYK": "cmyk", "LAB": "lab"}
    if image.mode in words:
        notes.append(words[image.mode])
    if image.format == "TIFF" and UPRIGHT < orientation(image, notes) <= MOST_ORIENTATION:
        notes.append("exif-rotated")
    if (count := frames(image)) > 1:
        kind = (
            "pages: first of {} pages" if image.format == "TIFF" else "animated: first of {} frames"
        )
        notes.append(kind.format(count))
    return notes


def orientation(image: Image.Image, notes: list[str]) -> int:
    """EXIF orientation, 1..8; unreadable metadata count as upright, with a note."""
    try:
        return int(image.getexif().get(ORIENTATION, UPRIGHT))
    except Exception:  # metadata are hints: broken ones must not cost the picture
        notes.append("damaged-metadata")
        return UPRIGHT


def frames(image: Image.Image) -> int:
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
