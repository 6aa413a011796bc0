"""Squeeze-and-excitation networks: timm vouches for all."""

import pytest
import torch

from striate import zoo
from zoo.parity import check_same_answers, check_same_gradients, timm_network

slow = pytest.mark.slow


@pytest.mark.parametrize(
    "name",
    [
        "se_resnet50",
        pytest.param("se_resnext50_32x4d", marks=slow),
        pytest.param("senet154", marks=slow),
    ],
)
def test_answers_of_timm(name):
    peer = timm_network(f"legacy_{name.replace('_res', 'res')}")
    check_same_answers(name, peer, "timm", sizes=(33, (64, 45)))


@slow
def test_gradients_of_timm():
    peer = timm_network("legacy_seresnet50")
    pair = check_same_answers("se_resnet50", peer, "timm", sizes=[64])
    check_same_gradients(*pair, "timm", 64)


def test_a_gate_sees_the_whole_image():
    torch.manual_seed(0)
    block = zoo.create("se_resnet50").eval().features.stage1[1]
    torch.nn.init.ones_(block.branch[2].norm.weight)  # it starts at 0
    x = torch.randn(1, 256, 9, 9)
    changed = x.clone()
    changed[..., 8, 8] += 10
    moved = (block(changed) - block(x))[0].abs().sum(dim=0)  # [9, 9]
    assert moved[0, 0] > 0  # eight pixels away, through two 3×3 convolutions at most


def test_the_first_pool_rounds_up_and_has_no_border():
    stem = zoo.create("se_resnet50").features.stem
    x = torch.arange(8.0).reshape(1, 1, 1, 8).expand(1, 1, 8, 8)
    assert stem[-1](x)[0, 0, 0].tolist() == [2, 4, 6, 7]


def test_only_the_largest_drops_out():
    with torch.device("meta"):
        rates = {name: zoo.create(name).head.drop.p for name in ("se_resnet50", "senet154")}
    assert rates == {"se_resnet50": 0.0, "senet154": 0.2}
