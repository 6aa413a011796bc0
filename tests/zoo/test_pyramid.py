"""Feature maps of every architecture that makes maps."""

import copy
from itertools import pairwise

import pytest
import torch

from striate import zoo
from striate.errors import ShapeError
from striate.nn import Classifier, pooled_linear
from striate.zoo import ARCHITECTURES, FAMILIES, FeatureMaps

LARGE = 16384  # pixels: what windows lose at the borders is nothing against it; no memory is taken
QUICK = {family.FAMILY[0].name for family in FAMILIES.values()} - {"nasnet_a_mobile"}
WITH_MAPS = [
    name if name in QUICK else pytest.param(name, marks=pytest.mark.slow)
    for name, spec in ARCHITECTURES.items()
    if spec.stride is not None
]


@pytest.mark.parametrize("name", WITH_MAPS)
def test_maps_are_as_promised(name):
    spec = ARCHITECTURES[name]
    with torch.device("meta"):
        maps = zoo.create(name, features_only=True)
        found = maps(torch.empty(2, spec.channels, LARGE, LARGE))
    assert len(found) == len(set(maps.names))
    assert tuple(each.shape[1] for each in found) == maps.channels
    assert tuple(round(LARGE / each.shape[2]) for each in found) == maps.strides
    assert tuple(round(LARGE / each.shape[3]) for each in found) == maps.strides
    assert all(deep == 2 * shallow for shallow, deep in pairwise(maps.strides))
    assert maps.strides[-1] == spec.stride


@pytest.mark.parametrize(
    ("name", "names", "strides", "channels"),
    [
        (
            "resnet50",
            ("stage1", "stage2", "stage3", "stage4"),
            (4, 8, 16, 32),
            (256, 512, 1024, 2048),
        ),
        ("lenet5", ("act1", "act3", "s4"), (1, 2, 4), (6, 16, 16)),
        (
            "convnext_tiny",
            ("stage1", "stage2", "stage3", "stage4"),
            (4, 8, 16, 32),
            (96, 192, 384, 768),
        ),
        ("enet", ("stem", "stage1", "stage3"), (2, 4, 8), (16, 64, 128)),
    ],
)
def test_known_pyramids(name, names, strides, channels):
    with torch.device("meta"):
        maps = zoo.create(name, features_only=True)
    assert (maps.names, maps.strides, maps.channels) == (names, strides, channels)


@pytest.mark.parametrize("name", ["resnet20_cifar", "striatenet", "nasnet_a_mobile"])
def test_maps_are_those_that_the_network_makes(name):
    torch.manual_seed(0)
    network = zoo.create(name, classes=3).eval()
    maps, images = FeatureMaps(network), torch.randn(1, 3, 48, 40)
    heard = {}
    for part in maps.names:
        network.get_submodule(network.tap(part)).register_forward_hook(
            lambda _module, _inputs, output, part=part: heard.update({part: output})
        )
    network(images)
    found = maps(images)
    assert all(map(torch.equal, found, (heard[part] for part in maps.names)))
    assert torch.equal(found[-1], network.features(images))


def test_trying_out_leaves_the_network_as_it_was():
    network = zoo.create("resnet20_cifar", classes=3)
    before = copy.deepcopy(network.state_dict())
    maps = FeatureMaps(network)
    assert all(torch.equal(before[key], tensor) for key, tensor in network.state_dict().items())
    assert network.training
    assert {id(p) for p in maps.parameters()} <= {id(p) for p in network.parameters()}
    assert not any(key.startswith("head") for key in maps.state_dict())


def test_other_channels_and_precision():
    network = zoo.create("resnet20_cifar", channels=5).double()
    images = torch.randn(1, 5, 33, 40, dtype=torch.float64)
    assert [tuple(each.shape) for each in FeatureMaps(network)(images)] == [
        (1, 16, 33, 40),
        (1, 32, 17, 20),
        (1, 64, 9, 10),
    ]


def test_it_exports():
    maps = zoo.create("resnet20_cifar", features_only=True).eval()
    images = torch.randn(1, 3, 32, 32)
    exported = torch.export.export(maps, (images,)).module()
    for ours, theirs in zip(maps(images), exported(images), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_small_images_are_refused_by_name():
    maps = zoo.create("inception_v3", features_only=True)
    smallest = ARCHITECTURES["inception_v3"].smallest
    with pytest.raises(ShapeError, match=f"inception_v3 needs images of at least {smallest}×"):
        maps(torch.zeros(1, 3, smallest - 1, smallest))


def test_networks_without_maps_say_so():
    with pytest.raises(ShapeError, match=r"features.stem gives \[1, 197, 384\], which is no map"):
        zoo.create("vit_small_16", features_only=True)
    with pytest.raises(ShapeError, match="its features are one Conv2d, not a sequence"):
        FeatureMaps(Classifier(torch.nn.Conv2d(3, 4, 3), pooled_linear(4, 2)))
