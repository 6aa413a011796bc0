"""MobileNet v2: torchvision and timm vouch for the symmetric borders, Keras for TensorFlow's."""

import pytest
import torch

from striate import zoo
from striate.nn import InvertedResidual
from zoo.parity import (
    check_same_answers,
    check_same_answers_keras,
    check_same_gradients,
    timm_network,
    torchvision_network,
)

SIZES = (64, (75, 96))
WIDTHS = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)
each_width = pytest.mark.parametrize(
    "width", [0.35, *(pytest.param(w, marks=pytest.mark.slow) for w in WIDTHS[1:])]
)


def named(start, width):
    return start if width == 1 else f"{start}_{width}"


@each_width
def test_answers_of_torchvision(width):
    peer = torchvision_network("mobilenet_v2", width_mult=width)
    check_same_answers(named("mobilenet_v2", width), peer, "torchvision", sizes=SIZES)


@pytest.mark.slow
@pytest.mark.parametrize("width", WIDTHS)
def test_answers_of_keras(width):
    check_same_answers_keras(named("mobilenet_v2_same", width), "MobileNetV2", SIZES, alpha=width)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("mobilenet_v2", "mobilenetv2_100"),
        ("mobilenet_v2_0.5", "mobilenetv2_050"),
        ("mobilenet_v2_1.4", "mobilenetv2_140"),
    ],
)
def test_answers_of_timm(name, theirs):
    check_same_answers(name, timm_network(theirs), "timm", sizes=SIZES)


@pytest.mark.slow
def test_gradients_of_torchvision():
    peer = torchvision_network("mobilenet_v2", width_mult=0.35)
    pair = check_same_answers("mobilenet_v2_0.35", peer, "torchvision", sizes=[64])
    check_same_gradients(*pair, "torchvision", 64)


@pytest.mark.parametrize("name", ["mobilenet_v2_0.35", "mobilenet_v2_same_0.35"])
def test_activations_stop_at_six_and_narrow_ends_have_none(name):
    torch.manual_seed(0)
    network = zoo.create(name).eval()
    images = 1e4 * torch.randn(1, 3, 64, 64)
    assert network.features.stem(images).max() == 6
    for block in (m for m in network.modules() if isinstance(m, InvertedResidual)):
        *inside, project = block.branch
        maps = 1e4 * torch.randn(1, inside[0].conv.in_channels, 8, 8)
        for part in inside:
            assert (part(maps).min().item(), part(maps).max().item()) == (0, 6)
            maps = 1e4 * part(maps)
        assert project(maps).min() < 0
        assert project(maps).max() > 6
