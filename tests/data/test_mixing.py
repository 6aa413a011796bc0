"""Erasing, mixup and cutmix: shares, targets and rectangles."""

import numpy as np
import pytest
import torch

from striate.data.draws import Draws
from striate.data.mixing import erase, mix, soft_targets
from striate.errors import UsageError


def draws(count: int = 64, seed: int = 0) -> Draws:
    return Draws(seed, 0, np.arange(count))


def numbered(count: int = 64, side: int = 10) -> torch.Tensor:
    """Each image is filled with its own number."""
    return torch.arange(1.0, count + 1).view(-1, 1, 1, 1).repeat(1, 2, side, side)


def test_erasing_blanks_one_rectangle() -> None:
    images = erase(numbered(2000, 20), 0.5, draws(2000))
    gone = images[:, 0] == 0
    assert torch.equal(gone, images[:, 1] == 0)
    hit = gone.flatten(1).any(dim=1)
    assert hit.float().mean() == pytest.approx(0.5, abs=0.05)
    for mask in gone[hit][:50]:
        rows, columns = mask.any(dim=1), mask.any(dim=0)
        assert torch.equal(mask, rows[:, None] & columns[None])
        assert rows.int().diff().abs().sum() + columns.int().diff().abs().sum() <= 4
    share = gone[hit].float().mean(dim=(1, 2))
    assert share.max() <= 0.36
    assert share.mean() == pytest.approx((0.02 + 1 / 3) / 2, abs=0.02)


def test_probability_zero_erases_nothing() -> None:
    assert torch.equal(erase(numbered(), 0.0, draws()), numbered())


def test_whole_labels_become_one_hot() -> None:
    assert soft_targets(torch.tensor([2, 0]), 3).tolist() == [[0, 0, 1], [1, 0, 0]]
    floats = torch.rand(2, 3)
    assert soft_targets(floats, None) is floats


def test_whole_labels_need_the_number_of_classes() -> None:
    with pytest.raises(UsageError, match="need the number of classes"):
        soft_targets(torch.tensor([1]), None)


@pytest.mark.parametrize("alpha", [0.2, 1.0])
def test_mixup_mixes_images_and_targets_alike(alpha: float) -> None:
    images, targets = numbered(), torch.arange(1.0, 65)
    mixed, soft = mix(images, targets, alpha, 0.0, draws())
    torch.testing.assert_close(mixed[:, 0, 0, 0], soft)
    assert torch.equal(mixed, mixed[:, :1, :1, :1].expand_as(mixed))
    share = soft[1:] - targets[:-1]  # 1 keeps the image, 0 takes the one before
    assert share.min() >= -1e-5
    assert share.max() <= 1 + 1e-5


@pytest.mark.parametrize("alpha", [0.2, 1.0, 3.0])
def test_shares_follow_the_beta_distribution(alpha: float) -> None:
    targets = torch.arange(0.0, 4000)
    _, soft = mix(torch.zeros(4000, 1), targets, alpha, 0.0, draws(4000))
    share = (soft[1:].double() - targets[:-1]).numpy()
    assert share.mean() == pytest.approx(0.5, abs=0.03)
    assert share.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.08)


def test_cutmix_targets_are_the_shares_of_pixels() -> None:
    images, targets = numbered(side=16), torch.arange(1.0, 65)
    mixed, soft = mix(images, targets, 0.0, 1.0, draws())
    before = images.roll(1, 0)
    assert ((mixed == images) | (mixed == before)).all()
    kept = (mixed == images).float().mean(dim=(1, 2, 3))
    torch.testing.assert_close(soft, kept * targets + (1 - kept) * targets.roll(1))
    assert 0.3 < kept.mean() < 0.8
    assert torch.equal(images, numbered(side=16))


def test_both_share_the_batch() -> None:
    mixed, soft = mix(numbered(), soft_targets(torch.arange(64) % 5, 5), 1.0, 1.0, draws())
    flat = (mixed == mixed[:, :1, :1, :1]).flatten(1).all(dim=1) & (mixed[:, 0, 0, 0] % 1 != 0)
    assert 20 < flat.sum() < 44  # mixed up; the others are cut
    torch.testing.assert_close(soft.sum(dim=1), torch.ones(64))


def test_a_batch_of_one_mixes_with_itself() -> None:
    images = torch.rand(1, 3, 4, 4)
    mixed, soft = mix(images, torch.tensor([[0.0, 1.0]]), 1.0, 1.0, draws(1))
    torch.testing.assert_close(mixed, images)
    assert soft.tolist() == [[0, 1]]
