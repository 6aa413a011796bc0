"""Multi-band TIFF: written by hand here, since Pillow cannot; compared value by value."""

import struct
import zlib

import numpy as np
import pytest

from striate.data.decode import decode
from striate.errors import DataError

RNG = np.random.default_rng(0)


def tiff(image, order="<", deflate=False, planar=False, predictor=False, tile=0, rows=4, **extra):
    """A classic TIFF of an array [H, W, bands] in strips of `rows` or square tiles."""
    height, width, bands = image.shape
    planes = [image[..., k : k + 1] for k in range(bands)] if planar else [image]
    step, across = (tile, tile) if tile else (rows, width)
    blocks = []
    for plane in planes:
        for top in range(0, height, step):
            for left in range(0, width, across):
                block = plane[top : top + step, left : left + across]
                if tile:
                    missing = [(0, tile - block.shape[0]), (0, tile - block.shape[1]), (0, 0)]
                    block = np.pad(block, missing)
                if predictor:
                    block = np.diff(block, axis=1, prepend=np.zeros_like(block[:, :1]))
                packed = block.astype(block.dtype.newbyteorder(order)).tobytes()
                blocks.append(zlib.compress(packed) if deflate else packed)
    tags = {
        256: [width], 257: [height], 258: [8 * image.itemsize] * bands,
        259: [8 if deflate else 1], 262: [1], 277: [bands], 284: [2 if planar else 1],
        317: [2 if predictor else 1], 338: [0] * (bands - 1),
    }  # fmt: skip
    offsets = [8 + sum(map(len, blocks[:k])) for k in range(len(blocks))]
    sizes = [len(block) for block in blocks]
    tags |= {322: [tile], 323: [tile], 324: offsets, 325: sizes} if tile else {
        273: offsets, 278: [rows], 279: sizes
    }  # fmt: skip
    tags |= extra.get("tags", {})
    body = b"".join(blocks)
    lists, entries = b"", b""
    for tag, values in sorted(tags.items()):
        packed = struct.pack(f"{order}{len(values)}I", *values)
        if len(values) > 1:
            place = 8 + len(body) + len(lists)
            lists += packed
            packed = struct.pack(f"{order}I", place)
        entries += struct.pack(f"{order}HHI", tag, 4, len(values) if tag in tags else 1) + packed
    start = 8 + len(body) + len(lists)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", start)
    return head + body + lists + struct.pack(f"{order}H", len(tags)) + entries + bytes(4)


@pytest.mark.parametrize("bands", [2, 4, 5, 8])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"order": ">"},
        {"planar": True},
        {"deflate": True},
        {"deflate": True, "predictor": True, "order": ">"},
        {"tile": 16, "deflate": True, "planar": True},
    ],
)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_bands_come_back_as_they_were_written(bands, options, dtype):
    image = RNG.integers(0, np.iinfo(dtype).max, (21, 18, bands), endpoint=True).astype(dtype)
    expected = image if dtype == np.uint8 else np.floor(image / 257 + 0.5)
    for channels in (None, bands):
        decoded = decode(tiff(image, **options), channels=channels)
        np.testing.assert_array_equal(decoded.pixels, expected)


IMAGE = RNG.integers(0, 256, (21, 18, 5), dtype=np.uint8)


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (tiff(IMAGE, tags={259: [5]}), "data-unsupported-format", "TIFF of 5 bands with LZW"),
        (tiff(IMAGE, tags={339: [3]}), "data-unsupported-format", "8-bit samples in format"),
        (tiff(IMAGE, tags={317: [3]}), "data-unsupported-format", "predictor 3"),
        (tiff(IMAGE, tags={256: [10**6], 257: [10**6]}), "data-over-pixel-cap", "over the cap"),
        (tiff(IMAGE, tags={259: [8]}), "data-damaged", "cannot be decoded"),
        (tiff(IMAGE, tags={279: [9]}), "data-truncated", "has 9 of 360 bytes"),
    ],
)
def test_what_cannot_be_read_is_refused(data, code, words):
    with pytest.raises(DataError, match=words) as caught:
        decode(data, channels=5)
    assert caught.value.code == code


def test_any_damage_gives_an_error_of_ours_or_an_image():
    good = tiff(IMAGE, deflate=True)
    for _ in range(300):
        data = bytearray(good)
        for place in RNG.integers(0, len(data), 3):
            data[place] = RNG.integers(256)
        try:
            decode(bytes(data), channels=None)
        except DataError:
            continue
