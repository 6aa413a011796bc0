import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from byhand.peers import agree, autograd, draw_numbers, given, seeds
from striate import nn
from striate.byhand import (
    ACTIVATIONS,
    elu,
    elu_derivative,
    leaky_relu,
    leaky_relu_derivative,
    maxout,
    maxout_backward,
    softmax,
    softmax_backward,
)

PEERS = {
    "linear": lambda x: x * 1,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": F.relu,
    "leaky_relu": lambda x: F.leaky_relu(x, 0.1),
    "elu": F.elu,
    "selu": F.selu,
    "softplus": lambda x: F.softplus(x, threshold=100),
    "swish": F.silu,
    "silu": F.silu,
    "hard_swish": F.hardswish,
    "hard_sigmoid": lambda x: F.relu6(x + 3) / 6,  # torch's own way back has 1/6 in float32
    "relu6": F.relu6,
    "mish": F.mish,
    "gelu": F.gelu,
    "softmax": lambda x: F.softmax(x, dim=1),
}
reals = arrays(np.float64, (2, 3), elements=st.floats(-50, 50))


def test_every_activation_has_a_peer():
    assert set(PEERS) == set(ACTIVATIONS)


@pytest.mark.parametrize("name", ACTIVATIONS)
@given(reals, seeds)
def test_values_and_gradients_are_autograds(name, x, seed):
    (arrived,) = draw_numbers(seed, x.shape)
    y, dx = autograd(PEERS[name], arrived, x)
    agree(ACTIVATIONS[name].forward(x), y)
    agree(ACTIVATIONS[name].backward(arrived, x), dx)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_far_out_nothing_overflows(name):
    x = np.array([[-1e4, -800.0, 0, 800, 1e4]])
    assert np.isfinite(ACTIVATIONS[name].forward(x)).all()
    assert np.isfinite(ACTIVATIONS[name].backward(np.ones_like(x), x)).all()


@pytest.mark.parametrize("name", sorted(set(ACTIVATIONS) & set(nn.ACTIVATIONS)))
def test_the_networks_have_the_same_functions(name):
    (x,) = draw_numbers(0, (4, 5))
    np.testing.assert_allclose(
        ACTIVATIONS[name].forward(x), nn.activation(name)(torch.from_numpy(x)), rtol=1e-9
    )


@given(reals, st.floats(0.1, 3))
def test_elu_alpha(x, alpha):
    y, dx = autograd(lambda t: F.elu(t, alpha), 1.0, x)
    agree(elu(x, alpha), y)
    agree(elu_derivative(x, alpha), dx)


@given(reals, st.floats(0, 0.9))
def test_leaky_relu_slope(x, slope):
    y, dx = autograd(lambda t: F.leaky_relu(t, slope), 1.0, x)
    agree(leaky_relu(x, slope), y)
    agree(leaky_relu_derivative(x, slope), dx)


@given(st.integers(1, 4), st.integers(1, 5), st.integers(1, 3), st.integers(1, 4), seeds)
def test_maxout(samples, features, units, pieces, seed):
    x, weights, bias, arrived = draw_numbers(
        seed, (samples, features), (pieces, units, features), (pieces, units), (samples, units)
    )

    def peer(x, weights, bias):
        return (torch.einsum("nf,muf->nmu", x, weights) + bias).amax(dim=1)

    y, *gradients = autograd(peer, arrived, x, weights, bias)
    agree(maxout(x, weights, bias), y)
    for ours, theirs in zip(maxout_backward(arrived, x, weights, bias), gradients, strict=True):
        agree(ours, theirs)


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_softmax_along_any_axis(axis):
    x, arrived = draw_numbers(1, (2, 3, 4), (2, 3, 4))
    y, dx = autograd(lambda t: F.softmax(t, dim=axis), arrived, x)
    agree(softmax(x, axis), y)
    agree(softmax_backward(arrived, x, axis), dx)
