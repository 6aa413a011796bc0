"""ConvNeXt: torchvision and timm vouch for it."""

import pytest
import torch

from striate import zoo
from striate.nn import DropPath
from striate.zoo.convnext import LayerScale
from zoo.parity import (
    check_same_answers,
    check_same_gradients,
    timm_network,
    torchvision_network,
)


def test_answers_of_torchvision():
    check_same_answers(
        "convnext_tiny", torchvision_network("convnext_tiny"), "torchvision", sizes=[(33, 65)]
    )


@pytest.mark.slow
def test_gradients_of_torchvision():
    theirs = torchvision_network("convnext_tiny")
    pair = check_same_answers("convnext_tiny", theirs, "torchvision", sizes=[32])
    check_same_gradients(*pair, "torchvision", 32)


@pytest.mark.slow
@pytest.mark.parametrize("source", ["torchvision", "timm"])
def test_answers(source):
    make = {"torchvision": torchvision_network, "timm": timm_network}[source]
    check_same_answers("convnext_tiny", make("convnext_tiny"), source, sizes=[64, (75, 96)])


def test_a_fresh_block_hardly_changes_what_it_gets():
    torch.manual_seed(0)
    block = zoo.create("convnext_tiny", classes=2).eval().features.stage1.block1
    x = torch.randn(1, 96, 5, 5)
    assert 0 < (block(x) - x).abs().max() < 1e-4


def test_the_last_blocks_are_skipped_most():
    with torch.device("meta"):
        network = zoo.create("convnext_tiny")
    rates = [module.rate for module in network.modules() if isinstance(module, DropPath)]
    assert rates == pytest.approx([0.1 * i / 17 for i in range(18)])


def test_a_scale_is_of_each_channel():
    scale = LayerScale(2)
    scale.weight.data.copy_(torch.tensor([2.0, 3.0]).reshape(2, 1, 1))
    assert scale(torch.ones(1, 2, 1, 2)).tolist() == [[[[2, 2]], [[3, 3]]]]
