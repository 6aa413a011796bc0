"""VGG: torchvision vouches for all, timm for two."""

import pytest
import torch

from striate import zoo
from zoo.parity import (
    check_same_answers,
    check_same_gradients,
    timm_network,
    torchvision_network,
)

NAMES = [f"vgg{layers}{norm}" for layers in (11, 13, 16, 19) for norm in ("", "_bn")]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_answers_of_torchvision(name):
    check_same_answers(name, torchvision_network(name), "torchvision", sizes=(32, (64, 96)))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vgg11", "vgg13_bn"])
def test_answers_of_timm(name):
    check_same_answers(name, timm_network(name), "timm", sizes=(32, (64, 96)))


@pytest.mark.slow
def test_gradients_of_torchvision():
    pair = check_same_answers(
        "vgg11_bn", torchvision_network("vgg11_bn"), "torchvision", sizes=[32]
    )
    check_same_gradients(*pair, "torchvision", 32)


def test_names_are_those_of_the_authors():
    with torch.device("meta"):
        taps = zoo.create("vgg16").taps()
    assert [name for name in taps if name.startswith("conv")] == [
        "conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1", "conv3_2", "conv3_3",
        "conv4_1", "conv4_2", "conv4_3", "conv5_1", "conv5_2", "conv5_3",
    ]  # fmt: skip
    assert {"pool1", "pool5", "fc6", "fc7", "fc8"} < taps.keys()


def test_the_pyramid_holds_the_last_maps_before_each_pool():
    with torch.device("meta"):
        maps = zoo.FeatureMaps(zoo.create("vgg16"))
    assert maps.names == ("conv1_2", "conv2_2", "conv3_3", "conv4_3", "conv5_3", "pool5")
    assert maps.strides == (1, 2, 4, 8, 16, 32)
    assert maps.channels == (64, 128, 256, 512, 512, 512)
