"""MobileNet v3: torchvision vouches for the full width, timm for both widths."""

import pytest

from zoo.parity import (
    check_same_answers,
    check_same_gradients,
    timm_network,
    torchvision_network,
)

SIZES = (64, (75, 96))


@pytest.mark.parametrize(
    "name", ["mobilenet_v3_small", pytest.param("mobilenet_v3_large", marks=pytest.mark.slow)]
)
def test_answers_of_torchvision(name):
    check_same_answers(name, torchvision_network(name), "torchvision", sizes=SIZES)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("mobilenet_v3_small", "mobilenetv3_small_100"),
        ("mobilenet_v3_small_0.75", "mobilenetv3_small_075"),
        ("mobilenet_v3_large", "mobilenetv3_large_100"),
        ("mobilenet_v3_large_0.75", "mobilenetv3_large_075"),
    ],
)
def test_answers_of_timm(name, theirs):
    check_same_answers(name, timm_network(theirs, bn_eps=1e-3), "timm", sizes=SIZES)


@pytest.mark.slow
def test_gradients_of_torchvision():
    peer = torchvision_network("mobilenet_v3_small")
    pair = check_same_answers("mobilenet_v3_small", peer, "torchvision", sizes=[64])
    check_same_gradients(*pair, "torchvision", 64)
