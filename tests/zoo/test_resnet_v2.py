"""Pre-activation residual networks: timm vouches for all."""

import pytest
import torch

from striate import zoo
from zoo.parity import check_same_answers, check_same_gradients, timm_network

slow = pytest.mark.slow


@pytest.mark.parametrize(
    ("name", "peer"),
    [
        ("resnet50_v2", "resnetv2_50"),
        pytest.param("resnet101_v2", "resnetv2_101", marks=slow),
        pytest.param("resnet152_v2", "resnetv2_152", marks=slow),
    ],
)
def test_answers_of_timm(name, peer):
    check_same_answers(name, timm_network(peer), "timm", sizes=(33, (64, 45)))


@slow
def test_gradients_of_timm():
    pair = check_same_answers("resnet50_v2", timm_network("resnetv2_50"), "timm", sizes=[64])
    check_same_gradients(*pair, "timm", 64)


def test_nothing_but_additions_lies_between_blocks():
    torch.manual_seed(0)
    block = zoo.create("resnet50_v2").eval().features.stage1[1]
    x = torch.randn(2, 256, 6, 5)  # both signs: an activation on the way would show
    torch.nn.init.zeros_(block.branch[2].conv.weight)
    assert torch.equal(block(x), x)


def test_the_pyramid_ends_after_the_last_norm():
    with torch.device("meta"):
        maps = zoo.FeatureMaps(zoo.create("resnet50_v2"))
    assert maps.names == ("stage1", "stage2", "stage3", "norm")
    assert maps.channels == (256, 512, 1024, 2048)
    assert maps.strides == (4, 8, 16, 32)
