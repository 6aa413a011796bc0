"""Activations as layers, and what is dropped at random."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from layers.parity import check_parity, kind, many_cases, shapes
from striate import layers
from striate.nn import ACTIVATIONS

PAIRS = [
    (layers.ReLU(), lambda x: x.clamp(min=0)),
    (layers.ReLU(max_value=1.5), lambda x: x.clamp(0, 1.5)),
    (layers.LeakyReLU(0.2), lambda x: torch.where(x > 0, x, 0.2 * x)),
    (layers.ELU(0.7), lambda x: torch.where(x > 0, x, 0.7 * (x.exp() - 1))),
    (layers.Softmax(), lambda x: x.exp() / x.exp().sum(1, keepdim=True)),
    (layers.Activation("softplus"), lambda x: (1 + x.exp()).log()),
    (layers.Activation("silu"), lambda x: x * x.sigmoid()),
    (layers.Activation("hard_swish"), lambda x: x * (x + 3).clamp(0, 6) / 6),
    (layers.Activation("gelu"), lambda x: x * (1 + torch.erf(x / 2**0.5)) / 2),
    (layers.Activation("sigmoid"), lambda x: 1 / (1 + (-x).exp())),
    (layers.Activation("selu"), F.selu),
    (layers.Activation("linear"), lambda x: x + 0),
    (layers.Activation("relu"), lambda x: x.clamp(min=0)),
    (layers.Activation("relu6"), lambda x: x.clamp(0, 6)),
    (layers.Activation("leaky_relu"), lambda x: torch.maximum(0.1 * x, x)),
    (layers.Activation("elu"), lambda x: torch.where(x > 0, x, x.exp() - 1)),
    (layers.Activation("swish"), lambda x: x / (1 + (-x).exp())),
    (layers.Activation("hard_sigmoid"), lambda x: (x + 3).clamp(0, 6) / 6),
    (layers.Activation("mish"), lambda x: x * (1 + x.exp()).log().tanh()),
    (layers.Activation("tanh"), lambda x: (x.exp() - (-x).exp()) / (x.exp() + (-x).exp())),
    (layers.Activation("softmax"), lambda x: x.exp() / x.exp().sum(1, keepdim=True)),
]


@many_cases
def test_activations_are_their_formulas(cases):
    @settings(max_examples=cases, deadline=None)
    @given(st.integers(0, 3).flatmap(shapes), st.sampled_from(PAIRS))
    def check(shape, pair):
        layer, formula = pair
        check_parity(layer, shape, lambda x, _: formula(x))

    check()


def test_every_name_has_its_formula():
    named = {layer.activation for layer, _ in PAIRS if isinstance(layer, layers.Activation)}
    assert named == ACTIVATIONS.keys() - {"prelu"}  # which has weights: next


@many_cases
def test_prelu_learns_a_slope_for_each_channel(cases):
    @settings(max_examples=cases, deadline=None)
    @given(st.integers(0, 3).flatmap(shapes))
    def check(shape):
        beside = (1, -1, *[1] * (len(shape) - 1))
        check_parity(
            layers.PReLU(),
            shape,
            lambda x, w: torch.where(x >= 0, x, w["weight"].reshape(beside) * x),
        )

    check()
    assert layers.build([layers.PReLU()], (4, 4, 3))[0].weight.tolist() == [0.25] * 3


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_spatial_dropout_drops_whole_channels(rank):
    torch.manual_seed(0)
    network = layers.build([kind("SpatialDropout{}D", rank)(0.5)], (*[4] * rank, 50))
    x = torch.ones(4, 50, *[4] * rank)
    values = network(x).flatten(2)
    assert set(values.unique().tolist()) == {0.0, 2.0}
    assert torch.equal(values.amin(2), values.amax(2))
    assert torch.equal(network.eval()(x), x)


def test_drop_path_drops_whole_samples_and_keeps_the_mean():
    torch.manual_seed(0)
    network = layers.build([layers.DropPath(0.2)], (2, 2, 3))
    x = torch.ones(4000, 3, 2, 2)
    values = network(x).flatten(1)
    assert torch.equal(values.amin(1), values.amax(1))
    assert set(values.unique().tolist()) == {0.0, 1.25}
    assert values.mean().item() == pytest.approx(1, abs=0.03)
    assert torch.equal(network.eval()(x), x)


def test_a_last_softmax_layer_can_be_left_off():
    stack = [layers.Dense(3), layers.Softmax()]
    assert layers.final_activation(stack) == "softmax"
    network = layers.build(stack, (4,))
    x = torch.randn(2, 4)
    torch.testing.assert_close(network[:-1](x).softmax(1), network(x))
