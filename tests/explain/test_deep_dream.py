"""DeepDream strengthens what the layer answers."""

import pytest
import torch
from torch import nn

from striate.errors import UsageError
from striate.explain.deep_dream import deep_dream
from striate.explain.synthesis import channel_score


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(inplace=True), nn.Conv2d(6, 4, 3), nn.ReLU())


def test_the_layer_answers_more_strongly_afterwards() -> None:
    net, images = network(), torch.rand(2, 3, 40, 30)
    before = images.clone()
    dreamt = deep_dream(net, images, layer="2", octaves=2, steps=5)
    assert torch.equal(images, before)
    assert dreamt.shape == images.shape
    assert dreamt.min() >= 0
    assert dreamt.max() <= 1
    strength = [net[:3](x).square().flatten(1).mean(dim=1) for x in (images, dreamt)]
    assert (strength[1] > 1.3 * strength[0]).all()
    assert net.training
    assert not any(module._forward_hooks for module in net.modules())


def test_the_step_is_the_mean_change_of_a_pixel() -> None:
    images = 0.4 + 0.2 * torch.rand(1, 3, 24, 24)
    dreamt = deep_dream(network(), images, layer="2", octaves=1, steps=1, step_size=0.01)
    assert float((dreamt - images).abs().mean()) == pytest.approx(0.01, rel=1e-3)
    still = deep_dream(network(), images, layer="2", octaves=3, steps=2, step_size=0)
    torch.testing.assert_close(still, images, atol=1e-6, rtol=0)


def test_a_channel_and_the_seed_decide() -> None:
    net, images = network(), torch.rand(1, 3, 30, 30)
    first = deep_dream(net, images, layer="2", score=channel_score(1), steps=3)
    assert torch.equal(first, deep_dream(net, images, layer="2", score=channel_score(1), steps=3))
    other = deep_dream(net, images, layer="2", score=channel_score(2), steps=3)
    assert not torch.equal(first, other)
    assert net[:3](first)[:, 1].mean() > net[:3](other)[:, 1].mean()


def test_octaves_are_checked_and_steps_are_told() -> None:
    with pytest.raises(UsageError, match=r"got 0 and 1\.4"):
        deep_dream(network(), torch.rand(1, 3, 20, 20), layer="0", octaves=0)
    told: list[tuple[int, int]] = []
    deep_dream(
        network(), torch.rand(1, 3, 20, 20), layer="0", octaves=2, steps=2,
        on_step=lambda *at: told.append(at),
    )  # fmt: skip
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
