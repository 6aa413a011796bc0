"""Which files are images: by content, never by name, and only formats that are plain rasters."""

import logging
import threading
import warnings
from codecs import getincrementaldecoder
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)
from PIL.ImageFile import ImageFile

from striate.errors import DataError

# Rasters with a signature and a decoder in C. Left out on purpose: documents and drawings that
# need an interpreter (EPS, PDF, SVG, WMF), layered or scientific containers (PSD, FITS, HDF5),
# icons (ICO, ICNS), formats without a signature (TGA) and decoders in slow Python (QOI).
FORMATS = {
    "PNG": PngImagePlugin,
    "JPEG": JpegImagePlugin,  # and MPO, its form with several pictures: the first is taken
    "GIF": GifImagePlugin,
    "BMP": BmpImagePlugin,
    "TIFF": TiffImagePlugin,
    "WEBP": WebPImagePlugin,
    "PPM": PpmImagePlugin,  # PBM, PGM, PPM, PAM, PFM
    "AVIF": AvifImagePlugin,
    "JPEG2000": Jpeg2KImagePlugin,
}
logging.getLogger("PIL").addHandler(logging.NullHandler())  # what it logs, it raises as well
READABLE = "PNG, JPEG, GIF, BMP, TIFF, WebP, PPM, AVIF and JPEG 2000"

# (offset, signature, name, is a picture of a kind that is not read)
OTHERS = (
    (0, b"%PDF", "a PDF document", True),
    (0, b"%!PS", "a PostScript drawing", True),
    (0, b"\xc5\xd0\xd3\xc6", "a PostScript drawing", True),
    (0, b"8BPS", "a Photoshop document", True),
    (0, b"qoif", "a QOI image", True),
    (0, b"icns", "a macOS icon", True),
    (0, b"\0\0\1\0", "a Windows icon", True),
    (0, b"SIMPLE  =", "a FITS image", True),
    (4, b"ftyphei", "a HEIC photograph", True),
    (4, b"ftyphev", "a HEIC photograph", True),
    (4, b"ftypmif1", "a HEIF photograph", True),
    (0, b"<svg", "an SVG drawing", True),
    (0, b"<?xml", "an XML file", False),
    (0, b"<!doctype html", "a web page", False),
    (0, b"<html", "a web page", False),
    (0, b"PK\3\4", "a ZIP archive", False),
    (0, b"\x1f\x8b", "a gzip archive", False),
    (0, b"\x93NUMPY", "a NumPy array", False),
    (0, b"\0\5\x16\7", "a macOS resource fork", False),
)


def sniff(head: bytes) -> str | None:
    """The name in `FORMATS` whose signature the first 16 bytes carry, if any."""
    for name in FORMATS:
        accept = Image.OPEN[name][1]
        if accept is not None and accept(head[:16]) is True:
            return name
    return None


def refusal(data: bytes, where: str) -> DataError:
    """The error for content that no reader takes, saying what it seems to be."""
    if not data:
        return DataError("data-empty-file", f"{where}: the file is empty (0 bytes).")
    head = data[:64].lstrip(b"\xef\xbb\xbf \t\r\n") if data[:1] != b"\0" else data[:64]
    for offset, signature, name, picture in OTHERS:
        if head[offset : offset + len(signature)].lower() == signature.lower():
            code = "data-unsupported-format" if picture else "data-not-an-image"
            fix = f"Convert it to one of {READABLE}." if picture else ""
            return DataError(code, f"{where}: the content is {name}.", fix)
    try:
        text = getincrementaldecoder("utf-8")().decode(data[:48])  # a cut last letter is no fault
        seen = f"text that begins {' '.join(text.split())[:24]!r}"
    except UnicodeDecodeError:
        seen = f"{data[:8].hex(' ')} …, the signature of no known image format"
    return DataError("data-not-an-image", f"{where}: the content is {seen}.")


def open_image(data: bytes, where: str) -> ImageFile:
    """Read an image's header; nothing is decoded yet.

    Pillow's plugin is called directly, so that its own process-wide pixel limit neither warns
    nor refuses: the limit is the caller's.

    Raises:
        DataError: not an image (`data-not-an-image`, `data-unsupported-format`,
            `data-empty-file`) or one with a broken header (`data-damaged`, `data-truncated`).
    """
    name = sniff(data)
    if name is None:
        raise refusal(data, where)
    try:
        return Image.OPEN[name][0](BytesIO(data), "")
    except Exception as error:  # Pillow raises whatever the broken bytes provoke
        raise broken(error, name, where) from error


def broken(error: Exception, name: str, where: str) -> DataError:
    """The error for an image whose header or pixels cannot be decoded."""
    said = str(error) or type(error).__name__
    if isinstance(error, Image.DecompressionBombError):
        return DataError("data-over-pixel-cap", f"{where}: {said}")
    if isinstance(error, EOFError) or "truncated" in said.lower():
        return DataError("data-truncated", f"{where}: the {name} data end too early ({said}).")
    return DataError("data-damaged", f"{where}: the {name} data cannot be decoded ({said}).")


_quiet = threading.local()
_lock = threading.Lock()
_state: dict[str, Any] = {"depth": 0}
_FILTER_MODULE = r"PIL\."


@contextmanager
def pillow_warnings() -> Iterator[list[str]]:
    """Collect what Pillow warns about in this thread instead of printing it.

    `warnings.catch_warnings` may not be used in threads; here one filter and one printer are in
    place while any thread decodes, and taken back by the last. Others' warnings pass untouched.
    """
    previous: list[str] | None = getattr(_quiet, "messages", None)
    messages: list[str] = []
    _quiet.messages = messages
    with _lock:
        if _state["depth"] == 0:
            _state["show"] = warnings.showwarning
            warnings.showwarning = _show
        _state["depth"] += 1
        warnings.filterwarnings("always", module=_FILTER_MODULE)
        _state["filter"] = warnings.filters[0]
    try:
        yield messages
    finally:
        _quiet.messages = previous
        with _lock:
            _state["depth"] -= 1
            if _state["depth"] == 0:
                if warnings.showwarning is _show:
                    warnings.showwarning = _state["show"]
                if _state["filter"] in warnings.filters:
                    warnings.filters.remove(_state["filter"])  # type: ignore[attr-defined]


def _show(message: Any, *args: Any, **named: Any) -> None:
    messages = getattr(_quiet, "messages", None)
    if messages is None:
        _state["show"](message, *args, **named)
    else:
        messages.append(str(message))
