"""Augmentation as a whole: identity at rest, rules named."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from striate.data.augment import Augmentation
from striate.data.draws import Draws
from striate.errors import UsageError

EVERYTHING = Augmentation(
    crop="resized", flip=True, color_jitter=0.4, randaugment=2, erasing=0.5, mixup=0.2, cutmix=1.0
)


def canvases(count: int = 8) -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randint(0, 256, (count, 3, 12, 14), dtype=torch.uint8)


@given(st.integers(0, 2**32), st.integers(0, 50))
def test_at_rest_it_is_the_centre(seed: int, epoch: int) -> None:
    draws = Draws(seed, epoch, np.arange(8))
    images = Augmentation()(canvases(), (10, 10), draws)
    assert torch.equal(images, canvases()[:, :, 1:11, 2:12])
    targets = torch.arange(8)
    finished = Augmentation().finish(images.float(), targets, draws)
    assert torch.equal(finished[0], images.float())
    assert finished[1] is targets


def test_uint8_until_colours_change() -> None:
    draws = Draws(0, 0, np.arange(8))
    moved = Augmentation(crop="shift", shift=2, flip=True)(canvases(), (10, 10), draws)
    assert moved.dtype == torch.uint8
    assert Augmentation(color_jitter=0.1)(canvases(), (10, 10), draws).dtype == torch.float32


def test_a_sample_is_changed_alone_and_the_canvas_never() -> None:
    draws = Draws(0, 0, np.arange(8))
    given_canvases = canvases()
    together = EVERYTHING(given_canvases, (10, 10), draws)
    assert torch.equal(given_canvases, canvases())
    for i in range(8):
        alone = EVERYTHING(given_canvases[i : i + 1], (10, 10), draws[i : i + 1])
        torch.testing.assert_close(together[i : i + 1], alone, rtol=1e-5, atol=1e-3)


def test_epochs_differ() -> None:
    first, second = (
        EVERYTHING(canvases(), (10, 10), Draws(0, epoch, np.arange(8))) for epoch in (0, 1)
    )
    assert not torch.equal(first, second)


def test_one_switch_leaves_the_other_numbers_alone() -> None:
    draws = Draws(0, 0, np.arange(8))
    flipped = Augmentation(flip=True)(canvases(), (12, 14), draws)
    erased = Augmentation(flip=True, erasing=1.0)
    assert torch.equal(erased(canvases(), (12, 14), draws), flipped)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"crop": "zoom"}, "crop must be one of none, shift, resized, got zoom"),
        ({"padding": "wrap"}, "padding must be reflect or zeros, got wrap"),
        ({"scale": (0.0, 1.0)}, "scale must be two shares"),
        ({"shift": -1}, "shift must be 0 or more, got -1"),
        ({"randaugment": -1}, "randaugment must be 0 or more"),
        ({"magnitude": 11}, "magnitude must be 0..10, got 11"),
        ({"color_jitter": 1.5}, "color_jitter must be 0..1, got 1.5"),
        ({"erasing": -0.1}, "erasing must be 0..1"),
        ({"mixup": float("nan")}, "mixup must be 0 or more, got nan"),
    ],
)
def test_wrong_values_name_the_rule(options: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Augmentation(**options)
