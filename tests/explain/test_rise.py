"""RISE against its definition, and what its masks must be."""

import pytest
import torch
from torch import Tensor, nn

from explain.test_cam import fresh
from striate.errors import UsageError
from striate.explain import class_score, rise
from striate.explain.rise import Masks


@torch.no_grad()
def test_rise_is_its_definition() -> None:
    network, images = fresh()
    network, images = network.double().eval(), images.double()
    masks = Masks(30, 4, 0.3, (16, 12), seed=5).some(slice(0, 30)).double()
    wanted = torch.zeros(3, 16, 12, dtype=torch.float64)
    for mask in masks:
        scores = network(images * mask)[:, 2]
        wanted += scores[:, None, None] * mask / (30 * 0.3)
    for batch_size in (1, 7, 64):
        heat = rise(network, images, class_score(2), masks=30, cells=4, probability=0.3, seed=5,
                    batch_size=batch_size)  # fmt: skip
        torch.testing.assert_close(heat, wanted, rtol=1e-9, atol=1e-9)


def test_masks_are_seeded_soft_and_open_as_often_as_asked() -> None:
    masks = Masks(4000, 7, 0.4, (30, 24), seed=1)
    some = masks.some(slice(0, 4000))
    assert some.shape == (4000, 30, 24)
    assert some.min() >= 0
    assert some.max() <= 1 + 1e-6
    assert ((some > 0.01) & (some < 0.99)).float().mean() > 0.3
    mean = some.mean(dim=0)  # of every pixel: p, within four deviations
    assert (mean - 0.4).abs().max() < 4 * (0.4 * 0.6 / 4000) ** 0.5
    assert torch.equal(masks.some(slice(7, 9)), some[7:9])
    assert torch.equal(Masks(4000, 7, 0.4, (30, 24), seed=1).some(slice(0, 9)), some[:9])
    assert not torch.equal(Masks(4000, 7, 0.4, (30, 24), seed=2).some(slice(0, 9)), some[:9])


def test_the_place_that_counts_is_found() -> None:
    class Corner(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return images[:, :, 20:26, 4:10].mean(dim=(1, 2, 3))[:, None]

    heat = rise(Corner(), torch.rand(2, 3, 32, 32) + 0.5, class_score(0), masks=400)
    for top in heat.flatten(1).argmax(dim=1).tolist():
        assert 16 <= top // 32 < 30
        assert top % 32 < 14


def test_a_score_of_nought_gives_nothing() -> None:
    network, images = fresh()
    heat = rise(network, images, lambda output: 0 * output[:, 0], masks=10)
    assert heat.abs().amax() == 0


@pytest.mark.parametrize("options", [{"masks": 0}, {"cells": 0}, {"probability": 1.0}])
def test_refusals_say_why(options) -> None:
    network, images = fresh()
    (name, value), = options.items()  # fmt: skip
    with pytest.raises(UsageError, match=f"{name}={value}") as caught:
        rise(network, images, class_score(0), **options)
    assert caught.value.code == "explain-rise"
