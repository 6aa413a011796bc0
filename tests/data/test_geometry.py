"""Windows, mirror images and random resized crops."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from striate.data.draws import Draws
from striate.data.geometry import mirror, pad_all_round, resized_crop, shifted, windows


def images(count: int = 6, channels: int = 3, height: int = 10, width: int = 12) -> torch.Tensor:
    torch.manual_seed(0)
    pixels = torch.randint(0, 256, (count, height, width, channels), dtype=torch.uint8)
    return pixels.permute(0, 3, 1, 2)


def draws(count: int = 6, seed: int = 0) -> Draws:
    return Draws(seed, 0, np.arange(count))


def test_mirror_flips_the_chosen() -> None:
    x = images()
    before = x.clone()
    turned = mirror(x, np.array([True, False, True, False, False, True]))
    for i in range(6):
        assert torch.equal(turned[i], x[i].flip(-1) if i in (0, 2, 5) else x[i])
    assert torch.equal(x, before)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
@pytest.mark.parametrize("channels", [1, 3])
def test_large_images_are_mirrored_alike(channels: int, dtype: torch.dtype) -> None:
    x = images(4, channels, 112, 120).to(dtype)
    before = x.clone()
    turned = mirror(x, np.array([False, True, True, False]))
    assert torch.equal(turned, torch.stack([x[0], x[1].flip(-1), x[2].flip(-1), x[3]]))
    assert turned.stride() == x.stride()
    assert torch.equal(x, before)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_padding_is_torchs(dtype: torch.dtype) -> None:
    x = images().to(dtype)
    reflected = F.pad(x.float(), (3, 3, 3, 3), mode="reflect").to(dtype)
    assert torch.equal(pad_all_round(x, 3, "reflect"), reflected)
    assert torch.equal(pad_all_round(x, 3, "zeros"), F.pad(x, (3, 3, 3, 3)))
    assert torch.equal(pad_all_round(x, 0, "reflect"), x)


def test_reflection_stops_at_the_image() -> None:
    assert pad_all_round(images(height=1, width=3), 5, "reflect").shape == (6, 3, 1, 7)


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_windows_are_slices(channels: int) -> None:
    x = images(channels=channels)
    tops, lefts = np.array([0, 1, 2, 3, 0, 3]), np.array([0, 4, 2, 1, 3, 4])
    cut = windows(x, tops, lefts, (7, 8))
    for i in range(6):
        assert torch.equal(cut[i], x[i, :, tops[i] : tops[i] + 7, lefts[i] : lefts[i] + 8])


def test_every_shift_comes_equally_often() -> None:
    ramp = torch.arange(5 * 5, dtype=torch.uint8).view(1, 1, 5, 5).repeat(9000, 1, 1, 1)
    cut = shifted(ramp, (5, 5), 1, "zeros", draws(9000))
    middles = cut[:, 0, 2, 2].numpy()
    counts = [int((middles == value).sum()) for value in (6, 7, 8, 11, 12, 13, 16, 17, 18)]
    assert sum(counts) == 9000
    assert stats.chisquare(counts).pvalue > 0.001


def test_no_shift_is_identity() -> None:
    x = images()
    assert torch.equal(shifted(x, (10, 12), 0, "reflect", draws()), x)


def test_the_whole_canvas_is_its_own_crop() -> None:
    flat = images(height=10, width=10)
    # at full area only the proportions can still vary, and cut a little off
    cut = resized_crop(flat, (10, 10), (1.0, 1.0), draws())
    assert cut.shape == (6, 3, 10, 10)
    assert cut.dtype == torch.uint8


def test_crops_have_the_promised_areas_and_proportions() -> None:
    """A canvas whose pixels say where they are tells which part was taken."""
    side = 200
    ramp = torch.arange(side, dtype=torch.float32)
    place = torch.stack([ramp[:, None].expand(side, side), ramp[None].expand(side, side)])
    cut = resized_crop(place.repeat(400, 1, 1, 1), (50, 50), (0.2, 0.5), draws(400))
    tall = (cut[:, 0, 30, 25] - cut[:, 0, 20, 25]) * 5  # rows that 50 output rows cover
    wide = (cut[:, 1, 25, 30] - cut[:, 1, 25, 20]) * 5
    area = tall * wide / side**2
    assert area.min() >= 0.19
    assert area.max() <= 0.51
    assert area.mean() == pytest.approx(0.35, abs=0.02)
    assert (wide / tall).min() >= 0.74
    assert (wide / tall).max() <= 1.35
    assert (wide / tall).log().mean() == pytest.approx(0, abs=0.03)


def test_a_crop_is_a_resized_slice() -> None:
    """One row of the canvas is as tall as any crop of it, so the box is known from the width."""
    x = images(count=1, height=40, width=40)
    cut = resized_crop(x, (8, 8), (0.3, 0.3), draws(1))
    candidates = (
        F.interpolate(x[:, :, t : t + h, le : le + w], (8, 8), mode="bilinear", antialias=True)
        for h in range(18, 27)
        for w in range(18, 27)
        for t in range(41 - h)
        for le in range(41 - w)
    )
    assert any(torch.equal(cut, candidate) for candidate in candidates)


@given(st.integers(0, 10**6), st.integers(1, 30), st.integers(1, 30))
def test_crops_of_any_canvas_work(seed: int, height: int, width: int) -> None:
    flat = torch.full((3, 1, height, width), 99, dtype=torch.uint8)
    cut = resized_crop(flat, (5, 4), (0.05, 1.0), draws(3, seed))
    assert cut.shape == (3, 1, 5, 4)
    assert (cut == 99).all()


def test_downsized_crops_are_antialiased() -> None:
    stripes = torch.zeros(4, 1, 64, 64, dtype=torch.uint8)
    stripes[..., ::2] = 255
    cut = resized_crop(stripes, (8, 8), (0.9, 1.0), draws(4))
    assert (cut.float() - 127.5).abs().max() < 30


def test_a_samples_crop_is_its_own() -> None:
    x = images()
    together = resized_crop(x, (5, 5), (0.3, 0.8), draws())
    alone = resized_crop(x[4:5], (5, 5), (0.3, 0.8), draws()[4:5])
    assert torch.equal(together[4:5], alone)
