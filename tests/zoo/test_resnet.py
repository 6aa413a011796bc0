"""Residual networks: torchvision vouches for all, timm for one."""

import pytest

from zoo.parity import (
    check_same_answers,
    check_same_gradients,
    timm_network,
    torchvision_network,
)

SIZES = (64, (75, 96))


@pytest.mark.parametrize(
    "name",
    [
        "resnet18",
        "resnet34",
        pytest.param("resnet50", marks=pytest.mark.slow),
        pytest.param("resnet101", marks=pytest.mark.slow),
        pytest.param("resnet152", marks=pytest.mark.slow),
    ],
)
def test_answers_of_torchvision(name):
    check_same_answers(name, torchvision_network(name), "torchvision", sizes=SIZES)


def test_answers_of_timm():
    check_same_answers("resnet18", timm_network("resnet18"), "timm", sizes=SIZES)


def test_gradients_of_torchvision():
    pair = check_same_answers(
        "resnet18", torchvision_network("resnet18"), "torchvision", sizes=[64]
    )
    check_same_gradients(*pair, "torchvision", 64)
