"""The gates of squeeze-and-excite blocks, of our networks and others'."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from explain.peers import signed_images
from striate import zoo
from striate.errors import ExplainError
from striate.explain.gates import gates, gates_picture
from striate.nn import SqueezeExcite
from zoo.parity import timm_network, torchvision_network


class Closed(nn.Module):
    """A gate by functions, stretched to the map: open for the first colour alone."""

    def forward(self, images: Tensor) -> Tensor:
        opened = torch.tensor([30.0, -30.0, 0.0]).double() + 0 * images.mean(dim=(2, 3))
        return images * torch.sigmoid(opened)[:, :, None, None].expand_as(images)


def test_a_closed_answer() -> None:
    (name, found), *none = gates(Closed(), signed_images(4, 4)).items()
    assert (name, none) == ("", [])
    torch.testing.assert_close(found, torch.tensor([[1.0, 0.0, 0.5]] * 3).double())


def test_are_what_the_block_multiplies_with() -> None:
    torch.manual_seed(0)
    block = SqueezeExcite(8, reduction=2)
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.SiLU(), block, nn.ReLU6()).double().train()
    images = signed_images(6, 6)
    found = gates(network, images)
    assert network.training
    maps = network[:2](images)
    expected = block(maps) / maps
    assert list(found) == ["2"]
    torch.testing.assert_close(found["2"], expected[:, :, 1, 2])


@pytest.mark.parametrize(
    ("build", "blocks"),
    [
        (lambda: zoo.create("mobilenet_v3_small"), 9),
        (lambda: torchvision_network("mobilenet_v3_small"), 9),
        (lambda: timm_network("efficientnet_b0"), 16),
    ],
    ids=["ours", "torchvision", "timm"],
)
def test_networks_of_three_libraries(build, blocks: int) -> None:
    torch.manual_seed(1)
    found = gates(build(), torch.randn(2, 3, 96, 96))
    assert len(found) == blocks
    for values in found.values():
        assert values.shape[0] == 2
        assert values.ndim == 2
        assert values.min() >= 0
        assert values.max() <= 1


def test_a_block_that_runs_twice_is_shown_twice() -> None:
    torch.manual_seed(2)
    block = SqueezeExcite(3, reduction=1, act=nn.Tanh)
    found = gates(nn.Sequential(block, block).double(), signed_images(4, 4))
    assert list(found) == ["0", "0 (run 2)"]
    assert not found["0"].equal(found["0 (run 2)"])


def test_gates_in_place_are_found() -> None:
    class InPlace(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            gate = images.mean(dim=(2, 3), keepdim=True).add_(3.0).clamp_(0.0, 6.0).div_(6.0)
            return images.clone().mul_(gate)

    images = signed_images(4, 4)
    torch.testing.assert_close(gates(InPlace(), images)[""], F.hardsigmoid(images.mean(dim=(2, 3))))


def test_networks_without_gates_are_refused() -> None:
    class Swish(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return images * images.sigmoid() + F.hardtanh(images)

    with pytest.raises(ExplainError, match="no block that multiplies") as caught:
        gates(Swish(), signed_images(4, 4))
    assert caught.value.code == "explain-no-gates"


def test_the_picture_is_bright_where_gates_are_open() -> None:
    picture = gates_picture({"a": torch.tensor([[0.0, 1.0]]), "b": torch.full((2, 8), 0.5)})
    assert picture.shape == (12 + 4 + 24, 512, 3)
    assert picture.dtype == np.uint8
    brightness = picture.astype(float).sum(axis=2)
    assert brightness[0, 0] > 500  # the open channel is left
    assert brightness[0, -1] < 10
    assert (brightness[12:16] == 3 * 255).all()
    assert np.ptp(brightness[16:]) == 0
