"""The most exciting patches are those that were planted."""

import pytest
import torch
from torch import nn

from striate.errors import ExplainError
from striate.explain.exciting_patches import exciting_patches
from striate.explain.receptive_field import Box


def bright_square_finder() -> nn.Module:
    """Channel 0 is the mean of 3×3 pixels with stride 2, channel 1 its opposite."""
    net = nn.Sequential(nn.Conv2d(1, 2, 3, stride=2, bias=False), nn.Flatten(), nn.LazyLinear(2))
    with torch.no_grad():
        net(torch.zeros(1, 1, 13, 13))
        net[0].weight.copy_(torch.tensor([1 / 9, -1 / 9]).view(2, 1, 1, 1).expand(2, 1, 3, 3))
    return net


def planted() -> torch.Tensor:
    """Image n has a square of brightness n at row 4, column 2 (n even) or 8 (odd)."""
    images = torch.zeros(10, 1, 13, 13)
    for number in range(10):
        column = 2 if number % 2 == 0 else 8
        images[number, 0, 4:7, column : column + 3] = number
    return images


def test_the_strongest_images_with_their_patches() -> None:
    images = planted()
    found = exciting_patches(bright_square_finder(), images, layer="0", channels=[0], k=3)
    assert found.images.tolist() == [[9, 8, 7]]
    torch.testing.assert_close(found.values, torch.tensor([[9.0, 8.0, 7.0]]))
    assert found.boxes == [[Box(4, 8, 7, 11), Box(4, 2, 7, 5), Box(4, 8, 7, 11)]]
    for value, patch in zip((9, 8, 7), found.patches[0], strict=True):
        torch.testing.assert_close(patch, torch.full((1, 3, 3), float(value)))


@pytest.mark.parametrize("size", [1, 3, 4, 10])
def test_batches_do_not_matter(size: int) -> None:
    net, images = bright_square_finder(), planted()
    whole = exciting_patches(net, images, layer="0", k=4)
    parts = exciting_patches(net, iter(images.split(size)), layer="0", k=4)
    assert whole.channels == parts.channels == (0, 1)
    assert torch.equal(whole.values, parts.values)
    assert torch.equal(whole.images[0], parts.images[0])
    assert whole.boxes[0] == parts.boxes[0]
    assert all(torch.equal(a, b) for a, b in zip(whole.patches[0], parts.patches[0], strict=True))


def test_one_unit_is_asked_at_its_own_place() -> None:
    found = exciting_patches(
        bright_square_finder(), planted(), layer="0", channels=[0], k=2, unit=(2, 1)
    )
    assert found.images.tolist() == [[8, 6]]  # the even images have their square there
    assert found.boxes[0][0] == Box(4, 2, 7, 5)


def test_fewer_images_than_asked_for() -> None:
    found = exciting_patches(bright_square_finder(), planted()[:2], layer="0", k=9)
    assert found.values.shape == (2, 2)


def test_what_cannot_be_answered() -> None:
    net = bright_square_finder()
    with pytest.raises(ExplainError, match=r"channels 0 to 1, got \[5\]") as error:
        exciting_patches(net, planted(), layer="0", channels=[5])
    assert error.value.code == "explain-channel"
    with pytest.raises(ExplainError, match="no images"):
        exciting_patches(net, [], layer="0")
    with pytest.raises(ExplainError, match="must give a map"):
        exciting_patches(net, planted(), layer="2")
    with pytest.raises(ExplainError, match="6 × 6 positions"):
        exciting_patches(net, planted(), layer="0", unit=(6, 0))
    assert not any(module._forward_hooks for module in net.modules())
