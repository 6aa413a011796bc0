"""The health of networks whose units are dead, saturated or alike on purpose."""

import json

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from explain.peers import every_architecture, reused_relu, signed_images
from striate.errors import ExplainError, UsageError
from striate.explain import class_score
from striate.explain.health import filters_alike, health


def dying() -> nn.Module:
    """Four filters of one pixel: x, 2 x, -x, and one that is never above 0."""
    conv = nn.Conv2d(1, 4, 1)
    conv.weight.data = torch.tensor([1.0, 2.0, -1.0, 0.5]).view(4, 1, 1, 1)
    conv.bias.data = torch.tensor([0.0, 0.0, 0.0, -10.0])
    return conv


IMAGES = torch.tensor([-2.0, -1.0, 1.0, 4.0]).view(2, 1, 1, 2)


@pytest.mark.parametrize("inplace", [False, True])
def test_counts_dead_units_and_filters_alike(inplace: bool) -> None:
    found = health(nn.Sequential(dying(), nn.ReLU(inplace)), [IMAGES])
    conv, relu = found.layers
    assert found.images == 2
    assert (conv.name, conv.kind, conv.units, conv.dead) == ("0", "convolution", 4, None)
    assert (relu.name, relu.kind, relu.units, relu.dead) == ("1", "relu", 4, 1)
    assert conv.alike == 3  # x, 2 x and 0.5 x
    assert conv.nearest == pytest.approx(1.0)
    assert conv.gradient is None
    assert relu.alike is None


def test_a_unit_that_is_active_once_is_not_dead() -> None:
    network = nn.Sequential(nn.ReLU())
    never, once = torch.tensor([[-1.0, -1.0]]), torch.tensor([[-3.0, 0.1]])
    assert health(network, [never]).layers[0].dead == 2
    assert health(network, [never, once, never]).layers[0].dead == 1
    assert health(nn.LeakyReLU(), [never]).layers[0].dead is None


class Ends(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        flat = images.flatten(1)
        return flat.sigmoid() + flat.tanh() + F.relu6(flat) + F.gelu(flat)


def test_counts_units_at_the_ends_of_their_range() -> None:
    column = torch.tensor([9.0, -9.0, 0.0, 4.0, 2.5])  # sigmoid(4) = 0.98, tanh(2.5) = 0.987
    found = health(Ends(), [column.repeat(3, 1).view(3, 5, 1, 1), column.view(1, 5, 1, 1)])
    by_kind = {layer.kind: layer for layer in found.layers}
    assert by_kind["sigmoid"].saturated == 2
    assert by_kind["tanh"].saturated == 4
    assert (by_kind["relu6"].saturated, by_kind["relu6"].dead) == (1, 2)
    assert (by_kind["gelu"].saturated, by_kind["gelu"].dead) == (None, None)
    assert {layer.name for layer in found.layers} == {""}


def test_a_unit_is_saturated_from_95_percent_of_its_places_on() -> None:
    for ends, expected in ((94, 0), (95, 1)):
        values = torch.cat([torch.full((ends, 1), 20.0), torch.zeros(100 - ends, 1)])
        assert health(nn.Sigmoid(), values.split(7)).layers[0].saturated == expected


def test_mean_and_deviation_are_those_of_all_outputs_however_they_come() -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(3, 5, 3)
    images = torch.randn(11, 3, 7, 6) * 3 + 100
    outputs = conv(images).double()
    for batches in ([images], images.split(4), images.split(1)):
        layer = health(conv, batches).layers[0]
        assert layer.mean == pytest.approx(outputs.mean().item(), rel=1e-6)
        assert layer.deviation == pytest.approx(outputs.std(correction=0).item(), rel=1e-5)


def test_gradients_are_those_of_the_loss_and_leave_no_trace() -> None:
    torch.manual_seed(1)
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    pairs = [(torch.randn(5, 1, 2, 2), torch.randint(2, (5,))) for _ in range(2)]
    expected = []
    for images, labels in pairs:
        loss = F.cross_entropy(network(images), labels)
        weights = [network[1].weight, network[3].weight]
        expected.append([g.norm().item() for g in torch.autograd.grad(loss, weights)])
    network.requires_grad_(False)
    network[1].weight.grad = torch.ones(3, 4)
    with torch.no_grad():
        layers = health(network, pairs, loss=F.cross_entropy).layers
    found = [layer.gradient for layer in layers if layer.kind == "linear"]
    assert found == pytest.approx([sum(both) / 2 for both in zip(*expected, strict=True)])
    assert [layer.gradient for layer in layers if layer.kind == "relu"] == [None]
    assert network[1].weight.grad.equal(torch.ones(3, 4))
    assert not any(p.requires_grad for p in network.parameters())


def test_gradients_of_a_score() -> None:
    layer = nn.Linear(2, 2, bias=False)
    found = health(layer, [torch.tensor([[3.0, 4.0], [3.0, 4.0]])], score=class_score(1))
    assert found.layers[0].gradient == pytest.approx(5.0)


@every_architecture
def test_networks_of_all_kinds(architecture) -> None:
    network, images = architecture()
    network.train()
    found = health(network, [images[:2], images[2:]])
    assert network.training
    assert found.images == 3
    names = [(layer.name, layer.kind) for layer in found.layers]
    assert len(set(names)) == len(names)
    relus = [layer for layer in found.layers if layer.kind == "relu"]
    assert (
        len(relus) == {"inplace_relu": 9, "reused_relu": 4, "depthwise": 7}[architecture.__name__]
    )
    assert all(layer.dead is not None for layer in relus)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())


def test_a_module_that_runs_often_has_a_row_per_run() -> None:
    network, images = reused_relu()
    names = [layer.name for layer in health(network, [images]).layers if layer.kind == "relu"]
    assert names == ["relu", "relu (run 2)", "relu (run 3)", "relu (run 4)"]


def test_filters_alike_ignores_scale_and_minds_the_sign() -> None:
    filters = torch.tensor([[1.0, 0.0], [-3.0, 0.0], [0.0, 0.0], [0.5, 0.5]])
    alike, nearest = filters_alike(filters)
    assert alike == 0
    assert nearest == pytest.approx(0.5**0.5)
    assert filters_alike(torch.ones(1, 5)) == (0, None)
    assert filters_alike(torch.ones(1300, 5)) == (1300, pytest.approx(1.0))


def test_the_table_and_the_json_say_the_same() -> None:
    found = health(nn.Sequential(dying(), nn.ReLU()), [IMAGES], score=lambda x: x.sum((1, 2, 3)))
    plain = json.loads(json.dumps(found.to_json()))
    assert plain["layers"][1]["dead"] == 1
    lines = str(found).splitlines()
    assert lines[0] == "2 images: 1 units dead, 0 saturated, 3 filters like another."
    assert lines[2].split() == [
        "layer", "kind", "units", "mean", "deviation", "dead", "saturated", "gradient", "alike",
    ]  # fmt: skip
    assert lines[4].split()[:3] == ["1", "relu", "4"]
    assert lines[4].split()[5:] == ["1", "–", "–", "–"]


def test_refuses_nothing_and_a_loss_without_labels() -> None:
    with pytest.raises(ExplainError, match="no images came"):
        health(nn.ReLU(), [])
    with pytest.raises(UsageError, match="a batch came without"):
        health(nn.ReLU(), [IMAGES], loss=F.cross_entropy)
    with pytest.raises(UsageError, match="score and loss"):
        health(nn.ReLU(), [(IMAGES, 0)], loss=F.cross_entropy, score=class_score(0))
    with pytest.raises(ExplainError, match="one number per image"):
        health(nn.ReLU(), [signed_images(2, 2)], score=lambda output: output)
