"""Stages of every architecture: what they hold, what freezing leaves, cuts that change no bit."""

from collections import OrderedDict

import pytest
import torch
from torch import nn

from striate import zoo
from striate.errors import ShapeError, UsageError
from striate.nn import Classifier, HeadedNetwork, pooled_linear
from striate.nn.stages import Stage, answer_path, cut, freeze, rate_scales, stages
from striate.zoo import ARCHITECTURES
from striate.zoo.foreign._match import _ends

QUICK = [
    "lenet5",
    "lenet5_1998",
    "squeezenet1_1",
    "resnet20_cifar",
    "mobilenet_v3_small",
    "enet_encoder",
    "striatenet",
]
every_real_classifier = pytest.mark.parametrize(
    "name",
    [
        name if name in QUICK else pytest.param(name, marks=pytest.mark.slow)
        for name, spec in ARCHITECTURES.items()
        if spec.task == "classification"
    ],
)


def built(name):
    with torch.device("meta"):  # names only: no memory
        return zoo.create(name, classes=5)


@pytest.fixture(scope="module", params=ARCHITECTURES)
def network(request):
    """Every architecture, each built once for all tests that ask for it."""
    return built(request.param)


def small(name):
    """A network, in eval mode, and three images that are as small as it takes them."""
    spec = ARCHITECTURES[name]
    side = max(spec.smallest, 32)
    torch.manual_seed(0)
    network = zoo.create(name, classes=5, image_size=side if spec.sized else None).eval()
    return network, torch.randn(3, spec.channels, side, side)


def learning(network):
    return {name for name, weight in network.named_parameters() if weight.requires_grad}


def test_stages_hold_every_weight_once_and_in_order(network):
    found = stages(network)
    held = [
        weight
        for stage in found
        for path in stage.paths
        for weight, _ in network.get_submodule(path).named_parameters(prefix=path)
    ]
    all_weights = [weight for weight, _ in network.named_parameters()]
    assert held == [weight for weight in all_weights if not weight.startswith("auxiliary.")]
    names = [stage.name for stage in found]
    assert names[-1] == "answer"
    assert len(set(names)) == len(names) > 2


def test_the_answer_is_the_layer_that_foreign_weights_leave_fresh(network):
    path = answer_path(network)
    if network.name != "enet":  # its last layer is a transposed convolution within the decoder
        assert path in _ends(network)[1]
    assert any(path == each or path.startswith(f"{each}.") for each in stages(network)[-1].paths)


def test_frozen_is_all_but_the_last_stages(network):
    found = stages(network)
    for last in (0, 1, len(found) - 1):
        rest = freeze(network, last)
        assert rest == tuple(stage.name for stage in found[: len(found) - 1 - last])
        frozen = {name for name, _ in network.named_parameters()} - learning(network)
        paths = [f"{path}." for stage in found[: len(rest)] for path in stage.paths]
        apart = {name for name in frozen if not name.startswith("auxiliary.")}
        assert apart == {
            name for name, _ in network.named_parameters() if name.startswith(tuple(paths))
        }
    assert not frozen


def test_the_rate_falls_from_the_answer_to_the_image(network):
    scales = rate_scales(network, 0.5)
    found = stages(network)
    assert scales[f"{answer_path(network)}.weight"] == 1.0
    values = list(scales.values())
    assert values == sorted(values)
    assert values[0] == 0.5 ** (len(found) - 1)
    assert set(scales) <= {name for name, _ in network.named_parameters()}


@every_real_classifier
def test_a_cut_changes_no_bit(name):
    network, images = small(name)
    most = len(stages(network)) - 1
    with torch.inference_mode():
        whole = network(images)
        for last in sorted({0, 1, 2, most // 2, most - 1, most}):
            if name.startswith("nasnet") and 0 < last < most:
                continue
            body, tail = cut(network, last)
            assert torch.equal(tail(body(images)), whole), last
            own = dict(network.named_parameters())
            assert all(own[key] is weight for key, weight in tail.named_parameters())
            assert all(own[key] is weight for key, weight in body.named_parameters())
            freeze(network, last)
            kept = learning(network) - {key for key in own if key.startswith("auxiliary.")}
            assert kept == {key for key, _ in tail.named_parameters()}


def test_cells_that_read_two_before_them_cannot_be_cut_apart():
    network = built("nasnet_a_mobile")
    with pytest.raises(UsageError, match="its features are a CellChain") as caught:
        cut(network, 1)
    assert caught.value.code == "model-not-a-chain"
    body, tail = cut(network, 0)
    assert [key for key, _ in tail.named_parameters()] == ["head.linear.weight", "head.linear.bias"]
    assert body.features is network.features


def test_a_segmenter_cannot_be_cut_but_frozen():
    network = built("enet")
    with pytest.raises(UsageError, match="Segmenter is more than head") as caught:
        cut(network, 0)
    assert caught.value.code == "model-not-a-chain"
    assert freeze(network, 0)[-1] == "stage5"
    assert learning(network) == {"head.fullconv.weight", "head.fullconv.bias"}


def test_dropout_goes_with_the_layer_behind_it_and_pools_with_the_one_before():
    assert stages(built("squeezenet1_1"))[-2:] == (
        Stage("fire9", ("features.fire9",)),
        Stage("answer", ("head.drop", "head.conv10", "head.act10", "head.pool", "head.flatten")),
    )
    *_, last, fc6, fc7, answer = stages(built("vgg11"))
    assert last.paths == ("features.conv5_2", "features.pool5", "head.pool", "head.flatten")
    assert fc6.paths == ("head.fc6",)
    assert fc7.paths == ("head.drop6", "head.fc7")
    assert answer.paths == ("head.drop7", "head.fc8")


@pytest.mark.parametrize(
    ("name", "stage", "path"),
    [
        ("resnet50_v2", "stage4", "features.norm"),
        ("densenet121", "stage4", "features.norm"),
        ("vit_small_16", "block12", "features.norm"),
        ("convnext_tiny", "stage4", "head.norm"),
    ],
)
def test_a_norm_alone_is_no_stage(name, stage, path):
    before = stages(built(name))[-2]
    assert before.name == stage
    assert path in before.paths


def test_fixed_prototypes_are_no_weights():
    assert answer_path(built("lenet5_1998")) == "head.f6"
    assert stages(built("lenet5_1998"))[-1].paths == ("head.f6", "head.act6", "head.output")


def test_auxiliary_heads_learn_where_what_they_read_learns():
    network = built("googlenet")
    names = [stage.name for stage in stages(network)]
    first = len(names) - 1 - names.index("inception4a")
    for last, heads in [(first, 2), (first - 1, 1), (3, 0), (0, 0)]:
        freeze(network, last)
        assert len({name.split(".")[1] for name in learning(network) if "auxil" in name}) == heads


def test_a_cut_network_leaves_modes_and_refuses_small_images():
    network = zoo.create("squeezenet1_1", classes=2).eval()
    body, tail = cut(network, 2)
    for part in (body, tail):
        assert not any(module.training for module in part.modules() if module is not body.head)
    with pytest.raises(ShapeError, match="squeezenet1_1 needs images of at least 17×17 pixels"):
        body(torch.zeros(1, 3, 16, 16))


@pytest.mark.parametrize("last", [-1, 6])
def test_numbers_of_stages_that_are_not_there(last):
    network = zoo.create("resnet18", classes=2)
    for verb in (cut, freeze):
        with pytest.raises(UsageError) as caught:
            verb(network, last)
        assert caught.value.code == "model-no-such-stage"
        assert "resnet18 has 5 stages before its answer" in caught.value.what
        assert "stem, stage1, stage2, stage3, stage4." in caught.value.what


def test_a_network_without_weights():
    with pytest.raises(UsageError) as caught:
        stages(HeadedNetwork(nn.Sequential(nn.ReLU()), nn.Flatten()))
    assert caught.value.code == "model-no-layer"


def test_networks_of_ones_own():
    """Halves that are one layer, numbered children, and one activation used twice."""
    act = nn.ReLU()
    features = nn.Sequential(nn.Conv2d(1, 2, 3), act, nn.Conv2d(2, 4, 3), act)
    network = HeadedNetwork(features, nn.Sequential(nn.Flatten(), nn.Linear(16, 2))).eval()
    assert [stage.name for stage in stages(network)] == ["features.0", "features.2", "answer"]
    assert stages(network)[1].paths == ("features.2", "features.3", "head.0")
    images = torch.randn(2, 1, 6, 6)
    for last in range(3):
        body, tail = cut(network, last)
        assert torch.equal(tail(body(images)), network(images))

    single = Classifier(nn.Conv2d(1, 16, 6), nn.Sequential(OrderedDict(mlp=pooled_linear(16, 2))))
    assert answer_path(single) == "head.mlp.linear"
    assert [stage.paths for stage in stages(single)] == [("features",), ("head.mlp",)]
