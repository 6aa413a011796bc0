"""Multi-band TIFF, which Pillow does not read: any number of 8- or 16-bit bands in one picture.

Source: Adobe 1992, "TIFF, Revision 6.0": sections 2 (structure), 14 (predictor), 15 (tiles).
Differs: classic TIFF only, uncompressed or Deflate; the rest is refused by name.
"""

import struct
import zlib
from dataclasses import dataclass

import numpy as np

from striate.errors import DataError

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 256, 257, 258, 259, 262
STRIP_OFFSETS, SAMPLES, STRIP_ROWS, STRIP_SIZES, PLANAR, PREDICTOR = 273, 277, 278, 279, 284, 317
TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_SIZES, EXTRA, FORMAT = 322, 323, 324, 325, 338, 339
TYPES = {1: "B", 3: "H", 4: "I"}  # BYTE, SHORT, LONG
LARGEST_LIST = 1_000_000  # values of one tag
UNCOMPRESSED, DEFLATE = (1,), (8, 32946)
COMPRESSIONS = {
    2: "CCITT",
    3: "CCITT",
    4: "CCITT",
    5: "LZW",
    6: "JPEG",
    7: "JPEG",
    32773: "PackBits",
}
Tags = dict[int, tuple[int, ...]]


@dataclass(frozen=True)
class Header:
    """The first picture of a TIFF: its byte order (`<` or `>`) and whole-number tags."""

    order: str
    tags: Tags

    def one(self, tag: int, default: int) -> int:
        """A tag's first value."""
        return self.tags.get(tag, (default,))[0]


def multi_band(data: bytes, channels: int | None) -> Header | None:
    """The header of a TIFF whose bands are no colours.

    That are five or more, grey and unnamed ones, or colours and unnamed ones when exactly so
    many channels are asked for.
    """
    try:
        header = _read_header(data)
    except (struct.error, IndexError):
        return None
    if header is None:
        return None
    bands, alpha = header.one(SAMPLES, 1), header.one(EXTRA, 0) in (1, 2)
    grey = header.one(PHOTOMETRIC, 1) in (0, 1) and bands > 1 and not (alpha and bands == 2)
    asked = bands == channels and bands > 3 and not alpha
    return header if bands > 4 or grey or asked else None


def _read_header(data: bytes) -> Header | None:
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[:4])
    if order is None:
        return None
    (start,) = struct.unpack_from(f"{order}I", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, start)
    tags: Tags = {}
    for entry in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind, length = struct.unpack_from(f"{order}HHI", data, entry)
        if kind not in TYPES or not 0 < length <= LARGEST_LIST:
            continue
        layout = f"{order}{length}{TYPES[kind]}"
        place = entry + 8
        if struct.calcsize(layout) > 4:
            (place,) = struct.unpack_from(f"{order}I", data, place)
        tags[tag] = struct.unpack_from(layout, data, place)
    return Header(order, tags)


def read_bands(data: bytes, header: Header, pixel_cap: int, where: str) -> np.ndarray:
    """Decode all bands: uint8 or uint16 [H, W, bands].

    Raises:
        DataError: too large, cut short, or of a kind that is not read.
    """
    height, width, bands = (header.one(tag, 0) for tag in (HEIGHT, WIDTH, SAMPLES))
    if height * width * bands > 4 * pixel_cap or height * width > pixel_cap:
        raise DataError(
            "data-over-pixel-cap",
            f"{where}: {width:,}×{height:,} pixels of {bands} bands, over the cap of "
            f"{pixel_cap:,} (with four bands).",
        )
    dtype = _check_kind(header, where)
    tiled = TILE_OFFSETS in header.tags
    rows = header.one(TILE_HEIGHT if tiled else STRIP_ROWS, height) or height
    block_height = rows if tiled else min(rows, height)
    block_width = header.one(TILE_WIDTH, width) if tiled else width
    planar = header.one(PLANAR, 1) == 2
    depth = 1 if planar else bands
    image = np.zeros((height, width, bands), dtype=dtype.newbyteorder("="))
    blocks = iter(
        zip(
            header.tags.get(TILE_OFFSETS if tiled else STRIP_OFFSETS, ()),
            header.tags.get(TILE_SIZES if tiled else STRIP_SIZES, ()),
            strict=False,
        )
    )
    for band in range(bands if planar else 1):
        for top in range(0, height, max(1, block_height)):
            for left in range(0, width, max(1, block_width)):
                full = block_height if tiled else min(block_height, height - top)
                offset, size = next(blocks, (0, 0))
                block = _block(
                    data[offset : offset + size], (full, block_width, depth), dtype, header, where
                )
                part = block[: height - top, : width - left]
                bottom, right = top + part.shape[0], left + part.shape[1]
                image[top:bottom, left:right, band : band + depth] = part
    return image


def _check_kind(header: Header, where: str) -> np.dtype[np.unsignedinteger]:
    """The type of a sample, or the error that says why it cannot be read."""
    bits, form = set(header.tags.get(BITS, (1,))), set(header.tags.get(FORMAT, (1,)))
    compression = header.one(COMPRESSION, 1)
    fault = ""
    if compression not in (*UNCOMPRESSED, *DEFLATE):
        fault = f"with {COMPRESSIONS.get(compression, f'compression {compression}')}"
    elif len(bits) != 1 or not bits <= {8, 16} or form != {1}:
        fault = f"of {'/'.join(map(str, sorted(bits)))}-bit samples in format {sorted(form)}"
    elif header.one(PREDICTOR, 1) not in (1, 2):
        fault = f"with predictor {header.one(PREDICTOR, 1)}"
    if fault:
        raise DataError(
            "data-unsupported-format",
            f"{where}: a TIFF of {header.one(SAMPLES, 1)} bands {fault} is not read.",
            "Save it uncompressed or with Deflate, with 8 or 16 bits; or give arrays.",
        )
    return np.dtype(f"{header.order}u{bits.pop() // 8}")


def _block(
    packed: bytes,
    shape: tuple[int, int, int],
    dtype: np.dtype[np.unsignedinteger],
    header: Header,
    where: str,
) -> np.ndarray:
    """One strip or tile: [rows, columns, bands of it]."""
    expected = int(np.prod(shape)) * dtype.itemsize
    if header.one(COMPRESSION, 1) in DEFLATE:
        try:
            packed = zlib.decompressobj().decompress(packed, expected)
        except zlib.error as error:
            raise DataError(
                "data-damaged", f"{where}: the TIFF data cannot be decoded ({error})."
            ) from error
    if len(packed) < expected:
        raise DataError(
            "data-truncated",
            f"{where}: a block of the TIFF has {len(packed):,} of {expected:,} bytes.",
        )
    values = np.frombuffer(packed, dtype, count=int(np.prod(shape))).reshape(shape)
    if header.one(PREDICTOR, 1) == 2:  # each sample is stored as its difference to the left one
        return np.cumsum(values, axis=1, dtype=dtype.newbyteorder("="))
    return values
