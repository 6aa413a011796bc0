"""RandAugment's operations against Pillow and scipy, and as a whole."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps

from striate.data.draws import Draws
from striate.data.rand_augment import (
    COLOR_OPERATIONS,
    MOVES,
    OPERATIONS,
    OUTSIDE,
    move,
    rand_augment,
)

RANDOM = np.random.default_rng(0)
PIXELS = RANDOM.integers(20, 200, (24, 24, 3), dtype=np.uint8)
SPARSE = (RANDOM.integers(0, 8, (24, 24, 3)) * 31).astype(np.uint8)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def batch(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)[None]


def pixels_of(images: torch.Tensor) -> np.ndarray:
    return images[0].permute(1, 2, 0).numpy()


@pytest.mark.parametrize(
    ("name", "level", "pillow", "tolerance"),
    [
        ("brightness", -0.5, lambda i: ImageEnhance.Brightness(i).enhance(0.55), 1.01),
        ("contrast", 0.5, lambda i: ImageEnhance.Contrast(i).enhance(1.45), 1.46),
        ("color", -1.0, lambda i: ImageEnhance.Color(i).enhance(0.1), 1.46),
        ("sharpness", 1.0, lambda i: ImageEnhance.Sharpness(i).enhance(1.9), 1.6),
        ("posterize", 1.0, lambda i: ImageOps.posterize(i, 4), 0),
        ("posterize", -0.5, lambda i: ImageOps.posterize(i, 6), 0),
        ("solarize", 0.4, lambda i: ImageOps.solarize(i, 154), 0),
        ("auto_contrast", 0.3, lambda i: ImageOps.autocontrast(i), 1.01),
        ("equalize", 0.3, lambda i: ImageOps.equalize(i), 0),
    ],
)
@pytest.mark.parametrize("source", [PIXELS, SPARSE])
def test_colours_are_pillows(
    name: str, level: float, pillow: object, tolerance: float, source: np.ndarray
) -> None:
    changed = COLOR_OPERATIONS[name](batch(source), np.array([level]))
    expected = np.asarray(pillow(Image.fromarray(source))).astype(float)
    assert np.abs(pixels_of(changed) - expected).max() <= tolerance


@pytest.mark.parametrize("name", ["auto_contrast", "equalize"])
def test_flat_images_stay(name: str) -> None:
    flat = torch.full((2, 3, 8, 8), 90.0)
    assert torch.equal(COLOR_OPERATIONS[name](flat, np.ones(2)), flat)


@pytest.mark.parametrize("name", set(OPERATIONS) - {"auto_contrast", "equalize"})
@pytest.mark.parametrize("channels", [1, 3])
def test_level_zero_is_identity(name: str, channels: int) -> None:
    images = (torch.rand(2, channels, 9, 11) * 255).round()
    images[0, 0, 0, 0] = 255
    if name in MOVES:
        changed = move(images.clone(), MOVES[name](np.zeros(2), (9, 11)))
    else:
        changed = COLOR_OPERATIONS[name](images, np.zeros(2))
    torch.testing.assert_close(changed, images, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "level", "size", "rows", "columns"),
    [("translate_x", 0.5, 20, 0, 4.5), ("translate_y", -1.0, 20, -9, 0)],
)
def test_translationsmove_by_their_share(
    name: str, level: float, size: int, rows: float, columns: float
) -> None:
    maps = MOVES[name](np.array([level]), (size, size))
    ramp = torch.arange(float(size))
    place = torch.stack([ramp[:, None].expand(size, size), ramp[None].expand(size, size)])[None]
    moved = move(place.clone(), maps)
    assert float(moved[0, 0, 12, 7]) == pytest.approx(12 + rows, abs=1e-3)
    assert float(moved[0, 1, 12, 7]) == pytest.approx(7 + columns, abs=1e-3)


def test_a_quarter_turn_is_exact() -> None:
    images = torch.rand(1, 3, 9, 9) * 255
    quarter = MOVES["rotate"](np.array([3.0]), (9, 9))  # 3 x 30 degrees
    turned = images.rot90(-1, (2, 3)).contiguous()
    torch.testing.assert_close(move(images.clone(), quarter), turned, rtol=0, atol=1e-3)


def test_shear_leaves_the_middle_row() -> None:
    images = torch.rand(1, 1, 9, 9) * 255
    moved = move(images.clone(), MOVES["shear_x"](np.array([1.0]), (9, 9)))
    torch.testing.assert_close(moved[:, :, 4], images[:, :, 4], rtol=0, atol=1e-3)
    assert not torch.allclose(moved[:, :, 0], images[:, :, 0])


def test_outside_is_grey() -> None:
    moved = move(torch.zeros(1, 3, 10, 10), MOVES["translate_x"](np.array([1.0]), (10, 10)))
    assert (moved[..., 6:] == OUTSIDE).all()
    assert moved[..., :5].abs().max() < 1e-3


def testmoves_on_oblong_images_keep_angles() -> None:
    """A turn of a wide image leaves a pixel as far from the centre as before."""
    images = torch.zeros(1, 1, 21, 61)
    images[0, 0, 10, 30 + 8] = 255
    moved = move(images.clone(), MOVES["rotate"](np.array([3.0]), (21, 61)))
    row, column = divmod(int(moved[0, 0].argmax()), 61)
    assert (abs(row - 10), column) == (8, 30)
    images = torch.zeros(1, 1, 21, 61)
    images[0, 0, 10 + 7, 30 + 20] = 255
    moved = move(images.clone(), MOVES["rotate"](np.array([6.0]), (21, 61)))
    assert divmod(int(moved[0, 0].argmax()), 61) == (10 - 7, 30 - 20)


class Scripted(Draws):
    """Draws that pick the operations shear_x, then translate_y, with a positive sign."""

    def whole(self, purpose: str, low: int, high: int | np.ndarray) -> np.ndarray:
        names = {"randaugment.0": "shear_x", "randaugment.1": "translate_y"}
        return np.array([OPERATIONS.index(names[purpose])])

    def chance(self, purpose: str, probability: float = 0.5) -> np.ndarray:
        return np.array([True])


def test_moves_follow_one_another() -> None:
    images = torch.rand(1, 3, 20, 20) * 255
    together = rand_augment(images, 2, 10, Scripted(0, 0, np.arange(1)))
    shear = MOVES["shear_x"](np.ones(1), (20, 20))
    shift = MOVES["translate_y"](np.ones(1), (20, 20))  # 9 pixels
    apart = move(move(images.clone(), shear), shift)
    inside = (slice(None), slice(None), slice(0, 9), slice(4, 16))
    torch.testing.assert_close(together[inside], apart[inside], rtol=0, atol=1e-2)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_samples_stand_alone(channels: int) -> None:
    images = torch.rand(40, channels, 12, 12) * 255
    before = images.clone()
    draws = Draws(0, 0, np.arange(40))
    together = rand_augment(images, 3, 9, draws)
    assert torch.equal(images, before)
    assert together.min() >= -1e-3
    assert together.max() <= 255 + 1e-3
    for i in (0, 13, 39):
        alone = rand_augment(images[i : i + 1], 3, 9, draws[i : i + 1])
        torch.testing.assert_close(together[i : i + 1], alone, rtol=1e-5, atol=1e-3)
    changed = (together != images).flatten(1).any(dim=1)
    assert changed.float().mean() > 0.8


def test_no_operation_is_identity() -> None:
    images = torch.rand(4, 3, 6, 6) * 255
    assert torch.equal(rand_augment(images, 0, 9, Draws(0, 0, np.arange(4))), images)
