"""Receptive fields: measured ones equal those that arithmetic gives."""

import numpy as np
import pytest
import torch
from torch import nn

from striate.errors import ExplainError
from striate.explain.receptive_field import (
    TWO_DEVIATIONS,
    Box,
    Fields,
    noise_like,
    receptive_field,
    receptive_field_picture,
    support,
)


def network() -> nn.Module:
    """Field 3, then 4 (stride 2), then 8 (stride 2)."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(2, 8, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2),
        nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(640, 3),
    )  # fmt: skip


NOISE = torch.randn(16, 2, 20, 16, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("layer", "box"),
    [("0", Box(9, 7, 12, 10)), ("2", Box(9, 7, 13, 11)), ("3", Box(7, 5, 15, 13))],
)
def test_the_measured_field_is_the_theoretical_one(layer: str, box: Box) -> None:
    net = network()
    for parameter in net.parameters():
        parameter.requires_grad_(False)
    found = receptive_field(net, NOISE, layer=layer)
    assert found.shape == (20, 16)
    assert support(found) == box
    assert all(parameter.grad is None for parameter in net.parameters())
    assert not any(module._forward_hooks for module in net.modules())
    assert net.training


def test_the_field_of_a_linear_layer_is_its_weight() -> None:
    """One channel and no bias: the gradient is the kernel itself, wherever it lies."""
    net = nn.Conv2d(1, 1, 3, bias=False)
    found = receptive_field(net, NOISE[:, :1], layer="", position=(2, 4))
    torch.testing.assert_close(found[2:5, 4:7], net.weight[0, 0].abs().detach())
    assert float(found.sum()) == pytest.approx(net.weight.abs().sum().item())


def test_the_effective_field_of_stacked_means_is_smaller_and_centred() -> None:
    blurs = nn.Sequential(*(nn.Conv2d(1, 1, 3, padding=1, bias=False) for _ in range(8)))
    for layer in blurs:
        nn.init.constant_(layer.weight, 1 / 9)
    field = receptive_field(blurs, torch.zeros(1, 1, 41, 41), layer="7")
    assert support(field) == Box(12, 12, 29, 29)  # 17 = 1 + 8 * 2
    inner = support(field, TWO_DEVIATIONS)
    assert inner.top + inner.bottom == 41  # around pixel 20
    assert inner.height < 17


def test_fields_follow_the_stride_and_are_cut_at_the_border() -> None:
    fields = Fields(network(), NOISE[:1], layer="3")
    assert fields.positions == (10, 8)
    assert fields(5, 4) == Box(7, 5, 15, 13)
    assert fields(0, 0) == Box(0, 0, 5, 5)
    assert fields(9, 7) == Box(15, 11, 20, 16)
    whole = Fields(nn.Sequential(nn.AdaptiveAvgPool2d(1)), NOISE[:1], layer="0")
    assert whole(0, 0) == Box(0, 0, 20, 16)


def test_what_cannot_be_measured_is_told() -> None:
    net = network()
    with pytest.raises(ExplainError, match="10 × 8 positions") as error:
        receptive_field(net, NOISE, layer="3", position=(10, 0))
    assert error.value.code == "explain-position"
    with pytest.raises(ExplainError, match="No pixel moves") as error:
        support(torch.zeros(3, 3))
    assert error.value.code == "explain-no-gradient"

    class Detached(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images.detach()

    with pytest.raises(ExplainError, match="does not depend"):
        receptive_field(nn.Sequential(Detached()), NOISE, layer="0")


def test_noise_has_mean_and_spread_of_the_image() -> None:
    images = 3 * torch.rand(1, 3, 40, 40) + 7
    noise = noise_like(images)
    assert noise.shape == (16, 3, 40, 40)
    assert float(noise.mean()) == pytest.approx(float(images.mean()), abs=0.05)
    assert float(noise.std()) == pytest.approx(float(images.std()), rel=0.05)
    assert torch.equal(noise, noise_like(images))


def test_the_picture_has_a_frame_at_the_support() -> None:
    field = torch.zeros(30, 40)
    field[10:20, 5:15] = torch.rand(10, 10, generator=torch.Generator().manual_seed(0)) + 0.5
    photo = np.full((30, 40, 3), 90, np.uint8)
    shown = receptive_field_picture(photo, field, Box(6, 1, 24, 19))
    assert shown.shape == (30, 40, 3)
    assert shown[5, 8].tolist() == [255, 176, 0]  # the theoretical box, one pixel outside
    assert shown[0, 39].tolist() == [90, 90, 90]
    assert not np.array_equal(shown[15, 10], photo[15, 10])
