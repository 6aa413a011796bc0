"""Photographs decoded at a part of their size: where they lie, and that no fault slips by."""

import io
import random

import numpy as np
import pytest
from PIL import Image, ImageOps

from striate.data.decode import decode, decode_raster
from striate.data.facts import examine
from striate.data.preprocessing import Preprocessing
from striate.data.reduction import TURNS, turn
from striate.errors import DataError

RNG = np.random.default_rng(0)


def scene(width: int, height: int) -> Image.Image:
    """A picture with detail at every scale that differs from all its mirror images."""
    layers = [
        np.asarray(
            Image.fromarray(RNG.integers(0, 256, (side, side, 3), dtype=np.uint8)).resize(
                (width, height), Image.Resampling.BICUBIC
            ),
            dtype=np.float32,
        )
        for side in (3, 9, 27)
    ]
    return Image.fromarray((sum(layers) / 3).astype(np.uint8))


def jpeg(image: Image.Image, orientation: int = 1, **options: object) -> bytes:
    exif = Image.Exif()
    exif[274] = orientation
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90, exif=exif.tobytes(), **options)
    return buffer.getvalue()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("fit", "size", "bound"), [("crop", (30, 44), 0.5), ("squash", 24, 0.8), ("pad", (24, 50), 0.2)]
)
def test_a_reduced_photograph_lies_where_the_full_one_does(orientation, fit, size, bound):
    content = jpeg(scene(499, 411), orientation, subsampling=0)  # 8 divides neither side
    raster = decode_raster(content, channels=3, least=(64, 64))
    assert min(raster.image.size) == 103  # 1/4, rounded up
    assert raster.size == ((499, 411) if orientation > 4 else (411, 499))
    one, other = (
        Preprocessing(size, fit=fit, reduced_decoding=reduced).to_canvas(content).astype(float)
        for reduced in (True, False)
    )
    assert not np.array_equal(one, other)
    assert np.abs(one - other).mean() < bound  # grey levels; twice as many without the extent


@pytest.mark.parametrize("orientation", TURNS)
def test_the_extent_turns_with_the_picture(orientation):
    marks = np.zeros((7, 9), np.uint8)
    marks[2:5, 1:3] = 255  # top, bottom; left, right
    turned, box = turn(Image.fromarray(marks), (1.0, 2.0, 3.0, 5.0), orientation)
    left, top, right, bottom = map(int, box)
    pixels = np.asarray(turned)
    assert (pixels[top:bottom, left:right] == 255).all()
    assert pixels.sum() == 6 * 255
    tagged = Image.fromarray(marks)
    tagged.getexif()[274] = orientation
    np.testing.assert_array_equal(pixels, np.asarray(ImageOps.exif_transpose(tagged)))


def test_how_far_a_photograph_is_reduced():
    content = jpeg(scene(400, 320))

    def side(least, source=content):
        return min(decode_raster(source, channels=3, least=least).image.size)

    assert [side((n, n)) for n in (20, 40, 41, 80, 81, 160, 161)] == [40, 40, 80, 80, 160, 160, 320]
    assert side((50, 40)) == 80
    assert side((50, 40), jpeg(scene(400, 320), 6)) == 40  # upright it is 320 wide, 400 high
    buffer = io.BytesIO()
    scene(400, 320).save(buffer, "PNG")
    assert side((20, 20), buffer.getvalue()) == 320
    assert side(None) == 320
    assert decode(content, channels=3).pixels.shape == (320, 400, 3)


def test_what_pillow_opened_is_read_like_the_file():
    content, how = jpeg(scene(400, 320), 8), Preprocessing(32)
    opened = Image.open(io.BytesIO(content))
    place = opened.fp.tell()
    expected = how.to_canvas(content)
    np.testing.assert_array_equal(how.to_canvas(opened), expected)
    assert (opened.size, opened.fp.tell()) == ((400, 320), place)  # left as it was
    np.testing.assert_array_equal(how.to_canvas(opened), expected)
    loaded = Image.open(io.BytesIO(content))
    loaded.load()
    whole = Preprocessing(32, reduced_decoding=False).to_canvas(content)
    np.testing.assert_array_equal(how.to_canvas(loaded), whole)
    shrunk = Image.open(io.BytesIO(content))
    shrunk.draft(None, (50, 40))
    assert not np.array_equal(how.to_canvas(shrunk), expected)  # as its owner wants it


@pytest.mark.parametrize(
    "options", [{}, {"progressive": True}, {"restart_marker_blocks": 4}, {"subsampling": 0}]
)
def test_a_reduced_decoding_notices_what_the_full_one_does(options):
    content = jpeg(scene(130, 90), **options)
    chance = random.Random(0)

    def verdict(data, least):
        try:
            decode_raster(data, channels=None, least=least, where="it")
        except DataError as error:
            return error.code, error.what
        return "good"

    seen = set()
    for _ in range(150):
        data = bytearray(content)
        place = chance.randrange(2, len(data))
        if chance.random() < 0.5:
            del data[place : len(data) if chance.random() < 0.7 else place + 50]
        else:
            data[place] = chance.randrange(256)
        full = verdict(bytes(data), None)
        assert verdict(bytes(data), (8, 8)) == full
        seen.add(full[0])
    assert len(seen) > 1


def test_facts_tell_the_full_size():
    facts = examine(jpeg(scene(1203, 901), 6), 10**8)
    assert (facts.height, facts.width, facts.channels) == (1203, 901, 3)
    assert facts.notes == ("exif-rotated",)
    with pytest.raises(DataError, match="over the cap"):
        decode_raster(jpeg(scene(1203, 901)), channels=3, pixel_cap=10**6, least=(9, 9))


def test_older_files_decode_in_full():
    stored = Preprocessing(8).to_json()
    assert stored.pop("reduced_decoding") is True
    assert Preprocessing.from_json(stored) == Preprocessing(8, reduced_decoding=False)
