"""Overlays: what they leave alone, and what they colour."""

import numpy as np
import pytest
import torch
from PIL import Image

from striate.errors import ShapeError
from striate.explain import overlay

GREY = np.full((8, 6, 3), 100, dtype=np.uint8)


def test_a_map_of_zeros_gives_the_photograph_in_grey() -> None:
    np.testing.assert_array_equal(overlay(GREY, np.zeros((8, 6))), GREY)
    image = np.random.default_rng(0).integers(0, 256, (8, 6, 3), dtype=np.uint8)
    grey = np.asarray(Image.fromarray(image).convert("L"), dtype=int)
    picture = overlay(image, np.zeros((8, 6))).astype(int)
    assert np.abs(picture - grey[:, :, None]).max() <= 1


def test_the_peak_has_the_brightest_colour_and_the_rest_stays() -> None:
    heat = torch.zeros(8, 6)
    heat[2, 3] = 7.0
    picture = overlay(GREY, heat)
    inferno_end = np.array([252, 255, 164])  # matplotlib's published last colour
    np.testing.assert_allclose(picture[2, 3], 0.3 * 100 + 0.7 * inferno_end, atol=1)
    picture[2, 3] = 100
    np.testing.assert_array_equal(picture, GREY)


def test_scale_does_not_matter_and_signs_do() -> None:
    heat = np.linspace(-1, 1, 48).reshape(8, 6)
    np.testing.assert_array_equal(overlay(GREY, heat), overlay(GREY, 1e-6 * heat))
    red_minus_blue = overlay(GREY, heat).astype(int)[..., 0] - overlay(GREY, heat)[..., 2]
    assert red_minus_blue[0, 0] < 0 < red_minus_blue[-1, -1]


def test_small_maps_are_enlarged_and_grey_images_become_colour() -> None:
    assert overlay(np.zeros((10, 12), dtype=np.uint8), np.ones((2, 3))).shape == (10, 12, 3)
    assert overlay(np.zeros((10, 12, 1), dtype=np.uint8), np.ones((2, 3))).shape == (10, 12, 3)


@pytest.mark.parametrize(
    ("image", "heat", "message"),
    [
        (GREY.astype(np.float32), np.zeros((8, 6)), "uint8 .*got float32"),
        (GREY[..., :2], np.zeros((8, 6)), r"got uint8 \[8, 6, 2\]"),
        (GREY, np.zeros((1, 8, 6)), r"\[h, w\], got \[1, 8, 6\]"),
        (GREY, np.full((8, 6), np.nan), "must be finite"),
    ],
)
def test_refusals(image, heat, message) -> None:
    with pytest.raises(ShapeError, match=message) as caught:
        overlay(image, heat)
    assert caught.value.code == "explain-picture"
