"""Colour jitter against Pillow and against closed answers."""

import colorsys

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance

from striate.data.color import color_jitter, hue_matrix, luminance, saturation_matrix
from striate.data.draws import Draws

PIXELS = np.random.default_rng(0).integers(60, 180, (16, 16, 3), dtype=np.uint8)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


class Fixed(Draws):
    """Draws whose numbers are given by purpose; others are in the middle of their range."""

    given: dict[str, float]

    def uniform(self, purpose: str, low: float = 0.0, high: float = 1.0) -> np.ndarray:
        return np.array([self.given.get(purpose, (low + high) / 2)])


def fixed(**given: float) -> Fixed:
    draws = Fixed(0, 0, np.arange(1))
    object.__setattr__(draws, "given", {f"color.{name}": value for name, value in given.items()})
    return draws


def batch(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)[None]


@pytest.mark.parametrize(
    ("name", "enhance"),
    [
        ("brightness", ImageEnhance.Brightness),
        ("contrast", ImageEnhance.Contrast),
        ("saturation", ImageEnhance.Color),
    ],
)
@pytest.mark.parametrize("factor", [0.7, 1.0, 1.2])
def test_each_part_is_pillows(name: str, enhance: type, factor: float) -> None:
    changed = color_jitter(batch(PIXELS), 0.5, fixed(**{name: factor}))
    expected = np.asarray(enhance(Image.fromarray(PIXELS)).enhance(factor)).astype(float)
    difference = np.abs(changed[0].permute(1, 2, 0).numpy() - expected)
    assert difference.max() < 1.3  # Pillow rounds down, and rounds the mean grey


def test_a_third_of_a_turn_moves_red_to_green() -> None:
    matrix = hue_matrix(np.array([2 * np.pi / 3]))[0]
    np.testing.assert_allclose(matrix @ [1, 0, 0], [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(matrix @ [0, 1, 0], [0, 0, 1], atol=1e-12)


def test_a_small_turn_changes_the_hue_in_the_same_direction_as_hsv() -> None:
    turned = hue_matrix(np.array([0.1]))[0] @ [0.8, 0.3, 0.2]
    before, after = colorsys.rgb_to_hsv(0.8, 0.3, 0.2)[0], colorsys.rgb_to_hsv(*turned)[0]
    assert 0 < after - before < 0.05


def test_greys_keep_their_hue_and_saturation() -> None:
    grey = np.full(3, 0.4)
    np.testing.assert_allclose(hue_matrix(np.array([1.3]))[0] @ grey, grey)
    np.testing.assert_allclose(saturation_matrix(np.array([0.2]))[0] @ grey, grey)


def test_luminance_is_pillows() -> None:
    grey = np.asarray(Image.fromarray(PIXELS).convert("L")).astype(float)
    assert np.abs(luminance(batch(PIXELS))[0, 0].numpy() - grey).max() < 1


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_strength_zero_is_identity(channels: int) -> None:
    images = torch.rand(5, channels, 8, 8) * 255
    changed = color_jitter(images, 0.0, Draws(0, 0, np.arange(5)))
    torch.testing.assert_close(changed, images, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_values_stay_in_range_and_samples_apart(channels: int) -> None:
    images = torch.rand(5, channels, 8, 8) * 255
    draws = Draws(0, 0, np.arange(5))
    changed = color_jitter(images, 1.0, draws)
    assert changed.min() >= 0
    assert changed.max() <= 255
    assert not torch.equal(changed, images)
    torch.testing.assert_close(changed[2:3], color_jitter(images[2:3], 1.0, draws[2:3]))


def test_contrast_is_about_the_brightened_mean() -> None:
    changed = color_jitter(torch.full((1, 3, 4, 4), 80.0), 0.5, fixed(brightness=0.5, contrast=1.4))
    torch.testing.assert_close(changed, torch.full((1, 3, 4, 4), 40.0))
