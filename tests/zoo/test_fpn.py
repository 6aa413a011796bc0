"""The feature pyramid network: torchvision's operator with the same weights vouches for it."""

from importlib import import_module

import pytest
import torch

from striate import zoo
from striate.errors import ShapeError
from striate.zoo import FeaturePyramid
from torchvision_peer import torchvision_models
from zoo.parity import perturb


def peer(pyramid, widths, channels):
    """torchvision's, with our weights."""
    torchvision_models()
    ops = import_module("torchvision.ops.feature_pyramid_network")
    theirs = ops.FeaturePyramidNetwork(widths, channels, extra_blocks=ops.LastLevelMaxPool())
    state = {}
    for kind, layers in (("inner", pyramid.lateral), ("layer", pyramid.smooth)):
        for i, conv in enumerate(layers):
            state[f"{kind}_blocks.{i}.0.weight"] = conv.weight
            state[f"{kind}_blocks.{i}.0.bias"] = conv.bias
    theirs.double().load_state_dict(state)
    return theirs


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small"])
@pytest.mark.parametrize("size", [(64, 64), (75, 97)])
def test_answers_of_torchvision(name, size):
    torch.manual_seed(0)
    pyramid = FeaturePyramid(zoo.create(name, classes=2), channels=8).double().eval()
    perturb(pyramid)
    images = torch.randn(2, 3, *size, dtype=torch.float64)
    maps = [m for m in pyramid.backbone(images) if size[0] / m.shape[2] > 3]
    theirs = peer(pyramid, [m.shape[1] for m in maps], 8)
    expected = theirs({str(i): each for i, each in enumerate(maps)})
    found = pyramid(images)
    assert list(found) == ["level2", "level3", "level4", "level5", "level6"]
    assert pyramid.strides == (4, 8, 16, 32, 64)
    for ours, other in zip(found.values(), expected.values(), strict=True):
        torch.testing.assert_close(ours, other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["resnet50", "densenet121", "enet", "inception_v3"])
def test_levels_are_alike_over_other_backbones(name):
    with torch.device("meta"):
        pyramid = FeaturePyramid(zoo.create(name))
        levels = pyramid(torch.empty(1, 3, 256, 256))
    assert all(level.shape[1] == 256 for level in levels.values())
    for (name, level), stride in zip(levels.items(), pyramid.strides, strict=True):
        assert 2 ** int(name.removeprefix("level")) == stride
        assert abs(level.shape[2] - 256 / stride) <= 4  # borders lost to "valid" windows


def test_weights_are_shared_with_the_backbone_and_learn():
    network = zoo.create("resnet20_cifar")
    pyramid = FeaturePyramid(network, channels=4)
    assert pyramid.backbone.features is network.features
    sum(level.square().sum() for level in pyramid(torch.randn(2, 3, 32, 32)).values()).backward()
    assert network.features.stem.conv.weight.grad.any()
    assert network.head.linear.weight.grad is None
    assert not any(conv.bias.any() for conv in (*pyramid.lateral, *pyramid.smooth))


def test_small_images_and_backbones_without_maps_are_refused():
    with pytest.raises(ShapeError, match="inception_v3 needs images"):
        FeaturePyramid(zoo.create("inception_v3"))(torch.zeros(1, 3, 32, 32))
    with pytest.raises(ShapeError, match="which is no map"):
        FeaturePyramid(zoo.create("vit_small_16"))


def test_a_backbone_that_hardly_shrinks_is_refused():
    network = zoo.create("striatenet")
    del network.features.stage2, network.features.stage3, network.features.stage4
    network.features.stage1 = torch.nn.Identity()
    with pytest.raises(ShapeError, match="striatenet has maps at the strides 2 only"):
        FeaturePyramid(network)
