"""Inversion finds the image again where the layer keeps it, and only what it keeps."""

import pytest
import torch
from torch import nn

from striate.errors import ExplainError
from striate.explain.inversion import invert


def test_a_layer_that_keeps_everything_gives_the_image_back() -> None:
    torch.manual_seed(0)
    wanted = 0.2 + 0.6 * torch.rand(2, 3, 8, 8)
    mean, std = (0.4, 0.5, 0.6), (0.2, 0.3, 0.25)
    given = (wanted - torch.tensor(mean).view(-1, 1, 1)) / torch.tensor(std).view(-1, 1, 1)
    net = nn.Sequential(nn.Conv2d(3, 12, 1), nn.Flatten())
    found = invert(
        net, given, layer="0", mean=mean, std=std, steps=300, learning_rate=0.1,
        total_variation_weight=0, range_weight=0, fourier=False,
    )  # fmt: skip
    assert found.errors.max() < 1e-3
    torch.testing.assert_close(found.images, wanted, atol=0.05, rtol=0)


def test_what_the_layer_leaves_out_is_not_found() -> None:
    """A layer that sees red only: red comes back, green and blue stay grey."""
    net = nn.Sequential(nn.Conv2d(3, 1, 1, bias=False), nn.Flatten())
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([1.0, 0, 0]).view(1, 3, 1, 1))
    image = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    found = invert(net, image, layer="0", steps=200, fourier=False, learning_rate=0.1)
    assert (found.images - image)[:, 0].abs().mean() < 0.1
    assert (found.images - 0.5)[:, 1:].abs().max() < 0.05


def test_variation_is_paid_for() -> None:
    net = nn.Sequential(nn.AvgPool2d(4), nn.Flatten())
    image = torch.rand(1, 3, 16, 16)
    free = invert(net, image, layer="0", steps=60, total_variation_weight=0, fourier=False)
    smooth = invert(net, image, layer="0", steps=60, total_variation_weight=50, fourier=False)
    edges = [(found.images.diff(dim=3) ** 2).mean() for found in (free, smooth)]
    assert edges[1] < edges[0] / 2
    assert smooth.errors > free.errors


def test_the_network_is_left_alone_and_silence_is_told() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True)).train()
    images = torch.rand(1, 3, 10, 10)
    one, two = (invert(net, images, layer="1", steps=5, seed=3) for _ in range(2))
    assert torch.equal(one.images, two.images)
    assert one.images.shape == images.shape
    assert net[1].training
    assert all(parameter.grad is None for parameter in net.parameters())
    dead = nn.Sequential(nn.Threshold(9, 0), nn.Flatten())
    with pytest.raises(ExplainError, match="only zeros") as error:
        invert(dead, images, layer="0")
    assert error.value.code == "explain-nothing-to-invert"
