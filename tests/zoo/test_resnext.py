"""Aggregated residual networks: torchvision vouches for both, timm for one."""

import pytest
import torch

from striate import zoo
from zoo.parity import (
    check_same_answers,
    check_same_gradients,
    count,
    timm_network,
    torchvision_network,
)

slow = pytest.mark.slow
SIZES = (33, (64, 45))


@pytest.mark.parametrize("name", ["resnext50_32x4d", pytest.param("resnext101_32x8d", marks=slow)])
def test_answers_of_torchvision(name):
    check_same_answers(name, torchvision_network(name), "torchvision", sizes=SIZES)


@slow
def test_answers_of_timm():
    check_same_answers("resnext50_32x4d", timm_network("resnext50_32x4d"), "timm", sizes=SIZES)


@slow
def test_gradients_of_torchvision():
    peer = torchvision_network("resnext50_32x4d")
    pair = check_same_answers("resnext50_32x4d", peer, "torchvision", sizes=[64])
    check_same_gradients(*pair, "torchvision", 64)


def test_thirty_two_paths_weigh_as_much_as_one_wide_one():
    """Section 3.3 of the paper: 256·64 + 3·3·64·64 + 64·256 against 32 paths of 4 channels."""
    with torch.device("meta"):
        networks = zoo.create("resnet50"), zoo.create("resnext50_32x4d")
    blocks = [network.features.stage1[1] for network in networks]
    weights = [sum(p.numel() for p in block.parameters() if p.ndim == 4) for block in blocks]
    assert weights == [69_632, 70_144]
    assert count(networks[1]) < count(networks[0])
