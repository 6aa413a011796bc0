"""Decoding: closed answers for every kind of picture, and the whole folder of odd ones."""

import csv
import io
import struct
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from striate.data.decode import decode
from striate.errors import DataError, UsageError

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)
GREY = RNG.integers(0, 256, (5, 7), dtype=np.uint8)


def encoded(image, format="PNG", **options):
    buffer = io.BytesIO()
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(
        buffer, format, **options
    )
    return buffer.getvalue()


@pytest.mark.parametrize("format", ["PNG", "BMP", "TIFF", "PPM"])
def test_lossless_formats_keep_every_pixel(format):
    decoded = decode(encoded(RGB, format), channels=3)
    np.testing.assert_array_equal(decoded.pixels, RGB)
    assert decoded.pixels.dtype == np.uint8
    assert decoded.pixels.flags.writeable
    assert decoded.notes == ()


@pytest.mark.parametrize("options", [{"format": "WEBP", "lossless": True}, {"format": "JPEG2000"}])
def test_other_lossless_formats_keep_every_pixel(options):
    np.testing.assert_array_equal(decode(encoded(RGB, **options), channels=3).pixels, RGB)


@pytest.mark.parametrize("format", ["JPEG", "AVIF"])
def test_lossy_formats_decode_as_pillow_does(format):
    data = encoded(np.full((8, 8, 3), (200, 30, 90), np.uint8), format)
    expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    np.testing.assert_array_equal(decode(data, channels=3).pixels, expected)


def test_channels_are_made_from_one_another_as_pillow_does():
    luminance = np.asarray(Image.fromarray(RGB).convert("L"))[..., None]
    np.testing.assert_array_equal(decode(encoded(RGB), channels=1).pixels, luminance)
    np.testing.assert_array_equal(decode(RGB, channels=1).pixels, luminance)
    grey = decode(encoded(GREY), channels=3)
    np.testing.assert_array_equal(grey.pixels, GREY[..., None].repeat(3, axis=2))
    assert grey.notes == ("grey",)
    assert decode(encoded(GREY), channels=None).pixels.shape == (5, 7, 1)
    assert decode(encoded(RGB), channels=None).pixels.shape == (5, 7, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_as_pillow_does(orientation):
    image = Image.fromarray(RGB)
    exif = Image.Exif()
    exif[274] = orientation
    data = encoded(image, "PNG", exif=exif.tobytes())
    decoded = decode(data, channels=3)
    turned = {
        1: RGB, 2: RGB[:, ::-1], 3: RGB[::-1, ::-1], 4: RGB[::-1],
        5: RGB.transpose(1, 0, 2), 6: np.rot90(RGB, -1), 7: np.rot90(RGB, 2).transpose(1, 0, 2),
        8: np.rot90(RGB),
    }[orientation]  # fmt: skip
    np.testing.assert_array_equal(decoded.pixels, turned)
    assert decoded.notes == (() if orientation == 1 else ("exif-rotated",))


def test_a_tiff_is_turned_once():
    data = encoded(RGB, "TIFF", tiffinfo={274: 6})
    decoded = decode(data, channels=3)
    np.testing.assert_array_equal(decoded.pixels, np.rot90(RGB, -1))
    assert decoded.notes == ("exif-rotated",)


@given(st.lists(st.integers(0, 65535), min_size=1, max_size=50))
def test_sixteen_bits_are_scaled_by_their_full_range(values):
    deep = np.array([values], dtype=np.uint16)
    expected = np.floor(deep / 257 + 0.5)[..., None]
    for source in (deep, encoded(deep, "PNG"), encoded(deep, "TIFF")):
        decoded = decode(source, channels=1)
        np.testing.assert_array_equal(decoded.pixels, expected)
        assert "16-bit" in decoded.notes


def test_twelve_bits_are_scaled_by_4095(shared_data):
    path = shared_data / "odd-images" / "mode" / "pil__12bit.cropped.tif"
    raw = np.asarray(Image.open(path)).astype(np.float64)
    assert raw.max() < 4096
    expected = np.floor(raw * 255 / 4095 + 0.5)[..., None]
    np.testing.assert_array_equal(decode(path.read_bytes(), channels=None).pixels, expected)


def test_floats_are_scaled_by_one_and_other_ranges_refused():
    values = np.array([[0, 0.5, 1]], dtype=np.float32)
    for source in (values, encoded(Image.fromarray(values), "TIFF")):
        assert decode(source, channels=1).pixels.ravel().tolist() == [0, 128, 255]
    for bad in (values * 255, values - 1, np.array([[np.nan]], np.float32)):
        with pytest.raises(DataError, match="floats must lie between 0 and 1") as caught:
            decode(bad, channels=1, where="x.tif")
        assert caught.value.code == "data-range"


def test_32_bit_integers_have_no_range():
    deep = Image.fromarray(np.array([[0, 70000]], dtype=np.int32))
    with pytest.raises(DataError, match=r"a\.tif: 32-bit whole numbers, here 0 to 70000"):
        decode(encoded(deep, "TIFF"), channels=1, where="a.tif")
    small = Image.fromarray(np.array([[0, 65535]], dtype=np.int32))  # as older Pillows give 16 bits
    assert decode(small, channels=1).pixels.ravel().tolist() == [0, 255]


@given(st.tuples(*[st.integers(0, 255)] * 4), st.tuples(*[st.integers(0, 255)] * 3))
def test_alpha_is_composited_with_exact_rounding(pixel, background):
    *front, alpha = pixel
    data = encoded(np.array([[pixel]], dtype=np.uint8))
    exact = [(f * alpha + b * (255 - alpha)) / 255 for f, b in zip(front, background, strict=True)]
    decoded = decode(data, channels=3, background=background)
    assert decoded.pixels.ravel().tolist() == [int(value + 0.5) for value in exact]
    assert decoded.notes == (() if alpha == 255 else ("alpha",))


def test_every_way_of_transparency_shows_the_background():
    clear = np.zeros((2, 2, 4), dtype=np.uint8)
    palette = Image.fromarray(clear[..., :3]).quantize(2)
    sources = [
        encoded(clear),
        encoded(clear[..., [0, 3]]),  # LA
        encoded(palette, transparency=0),
        encoded(palette, transparency=b"\0\0"),
        encoded(GREY[:2, :2] * 0, transparency=0),
        encoded(clear[..., :3], transparency=(0, 0, 0)),
        encoded(np.zeros((2, 2), np.uint16), transparency=0),
        encoded(Image.new("1", (2, 2)), transparency=0),
        encoded(palette, "GIF", transparency=0),
        Image.fromarray(clear).convert("RGBa"),
    ]
    for source in sources:
        decoded = decode(source, channels=3, background=(10, 20, 30))
        assert (decoded.pixels == (10, 20, 30)).all()
        assert "alpha" in decoded.notes
    grey = decode(sources[1], channels=None, background=(10, 20, 30)).pixels
    assert grey.shape == (2, 2, 1)
    assert (grey == 18).all()  # 0.299·10 + 0.587·20 + 0.114·30


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "HSV", "LAB", "P", "1", "RGBX"])
def test_colour_spaces_become_rgb_as_pillow_does(mode):
    source = Image.fromarray(RGB)
    if mode == "LAB":
        image = Image.frombytes("LAB", (1, 1), bytes([255, 0, 0]))
        assert decode(image, channels=3).pixels.min() >= 254  # white, by colour management
        return
    image = source.convert(mode)
    np.testing.assert_array_equal(
        decode(image, channels=3).pixels, np.asarray(image.convert("RGB"))
    )


def test_notes_name_palette_and_cmyk():
    assert decode(encoded(Image.fromarray(RGB).quantize(4)), channels=3).notes == ("palette",)
    assert decode(encoded(Image.fromarray(RGB).convert("CMYK"), "JPEG"), channels=3).notes == (
        "cmyk",
    )


def test_the_first_frame_is_taken_and_said():
    first, second = (Image.new("RGB", (4, 4), colour) for colour in ("red", "blue"))
    for format, word in (
        ("GIF", "animated: first of 3 frames"),
        ("TIFF", "pages: first of 3 pages"),
    ):
        data = encoded(first, format, save_all=True, append_images=[second, first])
        decoded = decode(data, channels=3)
        assert (decoded.pixels == (255, 0, 0)).all()
        assert word in decoded.notes


def test_a_pillow_image_is_left_as_it_is():
    exif = Image.Exif()
    exif[274] = 6
    image = Image.open(io.BytesIO(encoded(RGB, exif=exif.tobytes())))
    decode(image, channels=1)
    np.testing.assert_array_equal(np.asarray(image), RGB)
    assert image.getexif()[274] == 6


def test_many_bands_must_match():
    deep = RNG.integers(0, 256, (4, 4, 5), dtype=np.uint8)
    np.testing.assert_array_equal(decode(deep, channels=5).pixels, deep)
    pages = [Image.fromarray(deep[..., k]) for k in range(5)]
    paged = encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    np.testing.assert_array_equal(decode(paged, channels=5).pixels, deep)
    for source in (deep, RGB, encoded(RGB)):
        have = 3 if source is not deep else 5
        with pytest.raises(DataError, match=rf"x: 4 channels are needed, the image has {have}"):
            decode(source, channels=4, where="x")
    with pytest.raises(DataError, match="the image has 5"):
        decode(deep, channels=3)


def test_the_pixel_cap_is_checked_on_the_header_alone():
    bomb = bytearray(encoded(Image.new("1", (8, 8)), "PNG"))
    bomb[16:24] = struct.pack(">II", 200_000, 100_000)
    bomb[29:33] = struct.pack(">I", zlib.crc32(bomb[12:29]))
    with pytest.raises(
        DataError, match=r"200,000×100,000 = 20,000,000,000 pixels, over the cap"
    ) as e:
        decode(bytes(bomb), channels=3, where="bomb.png")
    assert e.value.code == "data-over-pixel-cap"
    assert decode(encoded(RGB), channels=3, pixel_cap=35).pixels.shape == (5, 7, 3)
    for source in (encoded(RGB), RGB, Image.fromarray(RGB)):
        with pytest.raises(DataError, match="over the cap of 34"):
            decode(source, channels=3, pixel_cap=34)


def test_our_cap_alone_counts_not_pillows(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 4)  # would refuse 35 pixels
    assert decode(encoded(RGB), channels=3).pixels.shape == (5, 7, 3)


def test_a_tiff_that_announces_many_pages_is_counted_only_so_far():
    tags = [
        (256, 1),
        (257, 1),
        (258, 8),
        (259, 1),
        (262, 1),
        (273, 8),
        (277, 1),
        (278, 1),
        (279, 1),
    ]
    page = struct.pack("<H", len(tags)) + b"".join(
        struct.pack("<HHII", t, 4, 1, v) for t, v in tags
    )
    size = len(page) + 4
    data = b"II*\0" + struct.pack("<I", 12) + b"\x80\0\0\0"
    for k in range(1, 2000):
        data += page + struct.pack("<I", 12 + k * size)
    assert decode(data + page + bytes(4), channels=1).notes == ("grey", "pages: first of 256 pages")


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (b"", "data-empty-file", "0 bytes"),
        (b"hello, world, this is text", "data-not-an-image", "text that begins 'hello, world"),
        (b"<html><body>404", "data-not-an-image", "a web page"),
        (b"%PDF-1.7 ...", "data-unsupported-format", "a PDF document"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "data-unsupported-format", "a PostScript drawing"),
        (b"\xff", "data-not-an-image", "ff …"),
        (encoded(RGB)[:60], "data-truncated", "too early"),
        (encoded(np.zeros((64, 64, 3), np.uint8), "JPEG")[:-30], "data-truncated", "too early"),
    ],
)
def test_what_is_no_image_is_refused_with_its_reason(data, code, words):
    with pytest.raises(DataError, match=words) as caught:
        decode(data, channels=3, where="photos/x.jpg")
    assert caught.value.code == code
    assert caught.value.what.startswith("photos/x.jpg: ")


def test_wrong_arguments():
    with pytest.raises(UsageError, match="channels must be 1 or more, got 0"):
        decode(RGB, channels=0)
    with pytest.raises(UsageError, match="got str"):
        decode("photo.jpg", channels=3)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"got shape \[2, 2, 2, 2\]"):
        decode(np.zeros((2, 2, 2, 2), np.uint8), channels=3)
    with pytest.raises(DataError, match="got int64"):
        decode(np.zeros((2, 2), np.int64), channels=3)


def test_pillows_warnings_become_a_note_in_threads_and_others_pass(capfd):
    chunk = b"acTL" + bytes(8)  # announces an animation of no frames
    chunk = struct.pack(">I", 8) + chunk + struct.pack(">I", zlib.crc32(chunk))
    data = encoded(RGB)
    data = data[:33] + chunk + data[33:]
    with ThreadPoolExecutor(4) as pool:
        for decoded in pool.map(lambda _: decode(data, channels=3), range(40)):
            np.testing.assert_array_equal(decoded.pixels, RGB)
            assert decoded.notes == ("damaged-metadata",)
    assert capfd.readouterr().err == ""
    with pytest.warns(UserWarning, match="still heard"):
        warnings.warn("still heard", UserWarning, stacklevel=1)


# What Pillow loads and we refuse: formats that are left out on purpose (see `FORMATS`).
REFUSED_ON_PURPOSE = {"mode/pil__hopper.psd", "mode/pil__hopper.qoi"}


def test_odd_images_are_decoded_or_refused_as_the_manifest_says(shared_data):
    root: Path = shared_data / "odd-images"
    rows = list(csv.DictReader((root / "manifest.csv").read_text().splitlines()))
    assert len(rows) >= 139
    for row in rows:
        path = row["path"]
        try:
            decoded = decode((root / path).read_bytes(), channels=None, where=path)
        except DataError:
            loads = False
        else:
            loads = True
            turned = int(row["exif_orientation"] or 1) >= 5 and row["pillow_format"] != "TIFF"
            size = (int(row["height"]), int(row["width"]))
            assert decoded.pixels.shape[:2] == (size[::-1] if turned else size), path
        assert loads == (row["pillow_load"] == "ok" and path not in REFUSED_ON_PURPOSE), path


def test_reasons_for_the_broken_odd_images(shared_data):
    reasons = {
        "bomb/sharp__giant-image.jpg": "data-over-pixel-cap",
        "bomb/pil__bmp_b_reallybig.bmp": "data-over-pixel-cap",
        "bomb/sharp__65536-uint32-limit.png": "data-over-pixel-cap",
        "truncated/pil__truncated_jpeg.jpg": "data-truncated",
        "truncated/sharp__truncated.png": "data-truncated",
        "made/jpeg_missing_eoi.jpg": "data-truncated",
        "made/text_named.jpg": "data-not-an-image",
        "made/html_named.jpg": "data-not-an-image",
        "made/._macos_resource_fork.jpg": "data-not-an-image",
        "bad-png/libpng__testpngs_crashers_badadler.png": "data-damaged",
        "mode/pil__avif_hopper.heif": "data-unsupported-format",
    }
    for path, code in reasons.items():
        with pytest.raises(DataError) as caught:
            decode((shared_data / "odd-images" / path).read_bytes(), channels=3)
        assert caught.value.code == code, path
