"""Resizing agrees with Pillow and keeps what it should."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from striate.data.resize import FILTERS, bring_to, covering_box, resize

RANDOM = np.random.default_rng(0)


def picture(height: int, width: int, channels: int = 3) -> np.ndarray:
    return RANDOM.integers(0, 256, (height, width, channels), dtype=np.uint8)


@pytest.mark.parametrize("interpolation", FILTERS)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_resize_is_pillows(interpolation: str, channels: int) -> None:
    pixels = picture(40, 30, channels)
    image = Image.fromarray(pixels.squeeze())
    expected = np.asarray(image.resize((20, 16), FILTERS[interpolation])).reshape(16, 20, channels)
    assert np.array_equal(resize(pixels, (16, 20), interpolation), expected)


def test_five_bands_are_resized_one_by_one() -> None:
    pixels = picture(31, 17, 5)
    together = resize(pixels, (8, 9), "bicubic")
    assert together.shape == (8, 9, 5)
    for band in range(5):
        alone = resize(pixels[:, :, band : band + 1], (8, 9), "bicubic")
        assert np.array_equal(together[:, :, band : band + 1], alone)


def test_four_bands_are_not_taken_for_transparency() -> None:
    pixels = np.full((20, 20, 4), 200, np.uint8)
    pixels[..., 3] = 0
    assert (resize(pixels, (7, 7), "bilinear")[..., :3] == 200).all()


def test_the_right_size_is_left_alone() -> None:
    pixels = picture(12, 9)
    assert bring_to(pixels, (12, 9)) is pixels


def test_crop_takes_the_centre() -> None:
    pixels = picture(20, 60)
    assert np.array_equal(bring_to(pixels, (20, 20), "crop"), pixels[:, 20:40])


def test_squash_takes_everything() -> None:
    pixels = picture(20, 60)
    assert np.array_equal(
        bring_to(pixels, (20, 20), "squash"), resize(pixels, (20, 20), "bilinear")
    )


def test_pad_keeps_everything_on_the_background() -> None:
    pixels = np.zeros((10, 30, 3), np.uint8)
    framed = bring_to(pixels, (30, 30), "pad", fill=(1, 2, 3))
    assert (framed[10:20] == 0).all()
    assert (framed[:10] == (1, 2, 3)).all()
    assert (framed[20:] == (1, 2, 3)).all()


def test_downsizing_is_antialiased() -> None:
    stripes = np.zeros((64, 64, 1), np.uint8)
    stripes[:, ::2] = 255
    small = bring_to(stripes, (16, 16), interpolation="bilinear")
    assert np.abs(small.astype(int) - 127.5).max() < 40


@given(st.tuples(*[st.integers(1, 80)] * 4))
def test_the_covering_box_has_the_targets_proportions(sides: tuple[int, int, int, int]) -> None:
    height, width, tall, wide = sides
    left, top, right, bottom = covering_box((height, width), (tall, wide))
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height
    assert (right - left) / (bottom - top) == pytest.approx(wide / tall)
    assert right - left == pytest.approx(width) or bottom - top == pytest.approx(height)
    assert left == pytest.approx(width - right, abs=1e-6)


@given(
    st.tuples(*[st.integers(1, 40)] * 4),
    st.sampled_from(["crop", "squash", "pad"]),
    st.sampled_from([1, 2, 3]),
)
def test_a_flat_image_stays_flat(sides: tuple[int, int, int, int], fit: str, channels: int) -> None:
    flat = np.full((*sides[:2], channels), 77, np.uint8)
    brought = bring_to(flat, sides[2:], fit, fill=(77,))
    assert brought.shape == (*sides[2:], channels)
    assert (brought == 77).all()
