"""Networks of features and a head: taps, small images, auxiliary heads, segmenters."""

from collections import OrderedDict

import pytest
import torch
from torch import nn

from striate.errors import ShapeError, UnknownName
from striate.nn import (
    AuxiliaryClassifier,
    Classifier,
    MapsOnTheWay,
    Segmenter,
    maps_on_the_way,
    pooled_linear,
)


def parts() -> "OrderedDict[str, nn.Module]":
    return OrderedDict(
        stem=nn.Conv2d(1, 2, 3, 2, 1), stage1=nn.Conv2d(2, 3, 3, 2, 1), stage3=nn.ReLU()
    )


def small() -> Classifier:
    torch.manual_seed(0)
    return Classifier(nn.Sequential(parts()), pooled_linear(3, 4))


def auxiliary() -> AuxiliaryClassifier:
    torch.manual_seed(0)
    heads = {"stem": pooled_linear(2, 4), "stage1": pooled_linear(3, 4)}
    return AuxiliaryClassifier(nn.Sequential(parts()), pooled_linear(3, 4, drop=0.5), heads)


def test_taps_are_the_named_parts_of_both_halves():
    assert small().taps() == {
        "stem": "features.stem",
        "stage1": "features.stage1",
        "stage3": "features.stage3",
        "pool": "head.pool",
        "flatten": "head.flatten",
        "drop": "head.drop",
        "linear": "head.linear",
    }


def test_parts_without_a_name_are_no_taps():
    features = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU())
    assert "0" not in Classifier(features, pooled_linear(3, 4)).taps()


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("stage3", "features.stage3"),
        ("layer3", "features.stage3"),
        ("linear", "head.linear"),
        ("features.stage1", "features.stage1"),
        ("head", "head"),
    ],
)
def test_a_tap_is_found_by_its_name_its_other_name_and_its_path(name, path):
    network = small()
    assert network.tap(name) == path
    assert network.get_submodule(path) is network.get_submodule(network.tap(path))


def test_an_unknown_tap_is_an_error_that_names_the_nearest():
    with pytest.raises(UnknownName, match=r"No tap is named 'stage4'.*'stage3'"):
        small().tap("stage4")


def test_a_part_called_layer_is_found_as_it_is_called():
    network = Classifier(nn.Sequential(OrderedDict(layer1=nn.ReLU())), nn.Flatten())
    assert network.tap("layer1") == "features.layer1"


@pytest.mark.parametrize("shape", [(7, 9), (9, 7)])
def test_small_images_are_refused_with_both_sizes(shape):
    network = small()
    network.smallest = 8
    with pytest.raises(ShapeError, match=rf"Classifier needs.* 8×8 .* got {shape[0]}×{shape[1]}"):
        network(torch.zeros(1, 1, *shape))
    assert network(torch.zeros(1, 1, 8, 8)).shape == (1, 4)
    network.made_by = {"name": "tiny"}
    with pytest.raises(ShapeError, match="tiny needs images of at least 8×8"):
        network(torch.zeros(1, 1, *shape))


def test_auxiliary_heads_answer_in_training_only():
    network, images = auxiliary(), torch.randn(5, 1, 8, 8)
    outputs = network(images)
    assert [tuple(each.shape) for each in outputs] == [(5, 4)] * 3
    stem = network.features.stem(images)
    assert torch.equal(outputs[1], network.auxiliary["stem"](stem))
    assert torch.equal(outputs[2], network.auxiliary["stage1"](network.features.stage1(stem)))
    network.eval()
    answer = network(images)
    assert torch.equal(answer, network.head(network.features(images)))


def test_auxiliary_heads_refuse_small_images_in_training_too():
    network = auxiliary()
    network.smallest = 8
    with pytest.raises(ShapeError, match="got 7×8"):
        network(torch.zeros(1, 1, 7, 8))


@pytest.mark.parametrize("make", [small, auxiliary])
def test_it_exports_with_the_check_of_sizes_in_it(make):
    network, images = make().eval(), torch.randn(2, 1, 9, 8)
    network.smallest = 8
    exported = torch.export.export(network, (images,), strict=True).module()
    torch.testing.assert_close(exported(images), network(images))


def test_it_is_traced_by_fx():
    network, images = small().eval(), torch.randn(2, 1, 9, 8)
    network.smallest = 8
    assert torch.equal(torch.fx.symbolic_trace(network)(images), network(images))


def test_what_the_parts_give_ends_in_the_features():
    features, images = nn.Sequential(parts()), torch.randn(2, 1, 8, 8)
    steps = dict(maps_on_the_way(features, images))
    assert list(steps) == ["stem", "stage1", "stage3"]
    assert torch.equal(steps["stem"], features.stem(images))
    assert torch.equal(steps["stage3"], features(images))
    together = MapsOnTheWay(parts())
    together.load_state_dict(features.state_dict())
    assert all(map(torch.equal, together(images), steps.values()))


class Enlarge(nn.Module):
    def forward(self, maps):
        return nn.functional.interpolate(maps[0], scale_factor=2)


def test_a_segmenter_answers_for_every_pixel_and_no_more():
    network = Segmenter(MapsOnTheWay(parts()), Enlarge())
    images = torch.randn(2, 1, 7, 10)
    answer = network.head(network.features(images))
    assert answer.shape == (2, 2, 8, 10)
    assert torch.equal(network(images), answer[:, :, :7])
    assert network.tap("layer1") == "features.stage1"
    network.smallest = 8
    with pytest.raises(ShapeError, match="Segmenter needs"):
        network(images)
