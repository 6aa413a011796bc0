"""EfficientNet: torchvision vouches for all, timm for three."""

import pytest
import torch

from striate import zoo
from striate.nn import DropPath
from zoo.parity import (
    check_same_answers,
    check_same_gradients,
    timm_network,
    torchvision_network,
)

SIZES = (64, (75, 96))
SLOW = [f"efficientnet_b{i}" for i in range(1, 8)] + ["efficientnet_v2_s"]


@pytest.mark.parametrize(
    "name", ["efficientnet_b0", *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)]
)
def test_answers_of_torchvision(name):
    check_same_answers(name, torchvision_network(name), "torchvision", sizes=SIZES)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "theirs", "eps"),
    [
        ("efficientnet_b0", "efficientnet_b0", 1e-5),
        ("efficientnet_b3", "efficientnet_b3", 1e-5),
        ("efficientnet_v2_s", "efficientnetv2_s", 1e-3),
    ],
)
def test_answers_of_timm(name, theirs, eps):
    check_same_answers(name, timm_network(theirs, bn_eps=eps), "timm", sizes=SIZES)


@pytest.mark.slow
def test_gradients_of_torchvision():
    pair = check_same_answers(
        "efficientnet_b0", torchvision_network("efficientnet_b0"), "torchvision", sizes=[64]
    )
    check_same_gradients(*pair, "torchvision", 64)


def test_deeper_blocks_are_skipped_more_often():
    with torch.device("meta"):
        network = zoo.create("efficientnet_b0")
    rates = [m.rate for m in network.modules() if isinstance(m, DropPath)]
    numbers = (
        2,
        4,
        6,
        7,
        9,
        10,
        12,
        13,
        14,
    )  # of the 16 blocks, from 0, those that add their input
    assert rates == pytest.approx([0.2 * number / 16 for number in numbers])
