"""ZFNet: nobody has it, so the sizes and weights of the paper's figure 3."""

import torch

from striate import zoo
from zoo.parity import count


def test_maps_of_figure_3():
    with torch.device("meta"):
        network = zoo.create("zfnet").eval()
        x, found = torch.empty(1, 3, 224, 224), {}
        for name, part in network.features.named_children():
            x = part(x)
            found[name] = tuple(x.shape[1:])
    assert found == {
        "conv1": (96, 110, 110),
        "pool1": (96, 55, 55),
        "norm1": (96, 55, 55),
        "conv2": (256, 26, 26),
        "pool2": (256, 13, 13),
        "norm2": (256, 13, 13),
        "conv3": (384, 13, 13),
        "conv4": (384, 13, 13),
        "conv5": (256, 13, 13),
        "pool5": (256, 6, 6),
    }


def test_weights_layer_by_layer():
    with torch.device("meta"):
        network = zoo.create("zfnet")
    parts = [*network.features.named_children(), *network.head.named_children()]
    assert {name: count(part) for name, part in parts if count(part)} == {
        "conv1": 7 * 7 * 3 * 96 + 96,
        "conv2": 5 * 5 * 96 * 256 + 256,
        "conv3": 3 * 3 * 256 * 384 + 384,
        "conv4": 3 * 3 * 384 * 384 + 384,
        "conv5": 3 * 3 * 384 * 256 + 256,
        "fc6": 6 * 6 * 256 * 4096 + 4096,
        "fc7": 4096 * 4096 + 4096,
        "fc8": 4096 * 1000 + 1000,
    }


def test_maps_are_normalised_after_the_pool():
    with torch.device("meta"):
        names = [name for name, _ in zoo.create("zfnet").features.named_children()]
    assert names[1:3] == ["pool1", "norm1"]
    assert names[4:6] == ["pool2", "norm2"]
