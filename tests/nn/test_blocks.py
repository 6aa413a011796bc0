"""Classifier, residual block, initialisers and activations."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from striate.errors import UnknownName
from striate.nn import (
    ACTIVATIONS,
    INITIALIZERS,
    Classifier,
    Residual,
    activation,
    conv_norm,
    initialize,
    pooled_linear,
)


def test_a_classifier_is_its_head_over_its_features():
    network = Classifier(nn.Conv2d(3, 4, 3), pooled_linear(4, 5)).eval()
    images = torch.randn(2, 3, 8, 8)
    maps = network.features(images)
    assert torch.equal(network(images), network.head(maps))
    torch.testing.assert_close(network(images), network.head.linear(maps.mean((2, 3))))


def test_a_residual_block_adds_its_shortcut():
    torch.manual_seed(0)
    block = Residual(nn.Conv2d(3, 3, 3, padding=1), 3, 3)
    x = torch.randn(2, 3, 5, 5)
    assert torch.equal(block(x), (block.branch(x) + x).relu())
    assert not list(block.shortcut.parameters())


@pytest.mark.parametrize(("channels", "stride"), [(4, 1), (3, 2)])
def test_a_shortcut_projects_where_the_shape_changes(channels, stride):
    branch = conv_norm(3, channels, 3, stride, act=None, gamma=0)
    block = Residual(branch, 3, channels, stride).eval()
    x = torch.randn(2, 3, 5, 5)
    assert torch.equal(block(x), block.shortcut(x).relu())  # a branch that starts at zero


EXPECTED = {
    "linear": lambda x: x,
    "relu": lambda x: max(0, x),
    "leaky_relu": lambda x: max(0.1 * x, x),
    "elu": lambda x: x if x > 0 else math.exp(x) - 1,
    "selu": lambda x: 1.0507009873554805 * (x if x > 0 else 1.6732632423543772 * (math.exp(x) - 1)),
    "gelu": lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2,
    "relu6": lambda x: min(max(0, x), 6),
    "prelu": lambda x: max(0.25 * x, x),
    "hard_sigmoid": lambda x: min(max(x + 3, 0), 6) / 6,
    "hard_swish": lambda x: x * min(max(x + 3, 0), 6) / 6,
    "mish": lambda x: x * math.tanh(math.log(1 + math.exp(x))),
    "silu": lambda x: x / (1 + math.exp(-x)),
    "swish": lambda x: x / (1 + math.exp(-x)),
    "softplus": lambda x: math.log(1 + math.exp(x)),
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "tanh": math.tanh,
}


@pytest.mark.parametrize("name", sorted(ACTIVATIONS.keys() - {"softmax"}))
def test_activations_are_their_formula_and_not_in_place(name):
    values = [-2.5, -0.3, 0.0, 0.7, 3.0, 8.0]
    x = torch.tensor([values], dtype=torch.float64)
    output = activation(name).double()(x)
    assert output[0].tolist() == pytest.approx([EXPECTED[name](v) for v in values])
    assert x[0].tolist() == values


def test_softmax_runs_over_channels_and_for_two_is_the_sigmoid():
    x = torch.randn(2, 2, 3, 3)
    output = activation("softmax")(x)
    torch.testing.assert_close(output.sum(1), torch.ones(2, 3, 3))
    torch.testing.assert_close(output[:, 0], (x[:, 0] - x[:, 1]).sigmoid())


@pytest.mark.parametrize(
    ("name", "deviation"),
    [
        ("glorot_uniform", math.sqrt(2 / (300 + 500))),
        ("glorot_normal", math.sqrt(2 / (300 + 500))),
        ("he_uniform", math.sqrt(2 / 300)),
        ("he_normal", math.sqrt(2 / 300)),
        ("lecun_normal", math.sqrt(1 / 300)),
        ("lecun_uniform", math.sqrt(1 / 300)),
        ("ones", 0.0),
        ("zeros", 0.0),
    ],
)
def test_initializers_have_the_published_spread(name, deviation):
    torch.manual_seed(0)
    layer = nn.Linear(300, 500)
    initialize(layer, name)
    assert layer.weight.std().item() == pytest.approx(deviation, rel=0.02)
    assert not layer.bias.any()


def test_orthogonal_columns():
    layer = nn.Linear(30, 50)
    initialize(layer, "orthogonal")
    torch.testing.assert_close(layer.weight.T @ layer.weight, torch.eye(30), atol=1e-5, rtol=0)
    assert set(INITIALIZERS) >= {"orthogonal"}


def test_unknown_names_are_explained():
    with pytest.raises(UnknownName, match=r"'rleu'.*'relu'"):
        activation("rleu")
    with pytest.raises(UnknownName, match=r"'he_norml'.*'he_normal'"):
        initialize(nn.Linear(1, 1), "he_norml")


def test_dropout_of_the_head_is_off_in_evaluation():
    head = pooled_linear(4, 3, drop=0.9).eval()
    x = torch.randn(2, 4, 2, 2)
    torch.testing.assert_close(
        head(x), F.linear(x.mean((2, 3)), head.linear.weight, head.linear.bias)
    )
