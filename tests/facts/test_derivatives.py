"""Derivatives of the layers: each statement of the field, against the code and against autograd."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from striate import byhand
from striate.byhand import convolve, correlate

SAMPLES, CHANNELS, FILTERS = 2, 3, 4


@pytest.fixture
def layer():
    """x [N, C, 6, 7], kernels [K, C, 3, 2], and dC/dY [N, K, 4, 6] for a cost sum(Y * dC/dY)."""
    random = np.random.default_rng(0)
    x = random.normal(size=(SAMPLES, CHANNELS, 6, 7))
    kernels = random.normal(size=(FILTERS, CHANNELS, 3, 2))
    arrived = random.normal(size=(SAMPLES, FILTERS, 4, 6))
    return x, kernels, arrived


def autograd(function, arrived, *inputs):
    tensors = [torch.tensor(each, requires_grad=True) for each in inputs]
    outputs = function(*tensors)
    return [
        gradient.numpy()
        for gradient in torch.autograd.grad(outputs, tensors, torch.from_numpy(arrived))
    ]


def agree(*results):
    for one in results[1:]:
        np.testing.assert_allclose(one, results[0], atol=1e-12)


def test_kernels_get_the_input_correlated_with_the_gradient(layer):
    x, kernels, arrived = layer
    formula = np.zeros_like(kernels)
    for i in range(FILTERS):
        for j in range(CHANNELS):
            formula[i, j] = sum(correlate(x[n, j], arrived[n, i]) for n in range(SAMPLES))
    _, torchs = autograd(F.conv2d, arrived, x, kernels)
    agree(formula, byhand.conv_backward(arrived, x, kernels).weights, torchs)


def test_inputs_get_the_gradient_fully_convolved_with_the_kernels(layer):
    x, kernels, arrived = layer
    formula = np.zeros_like(x)
    turned = np.zeros_like(x)
    for n in range(SAMPLES):
        for j in range(CHANNELS):
            for i in range(FILTERS):
                formula[n, j] += convolve(arrived[n, i], kernels[i, j], padding="full")
                half_turn = np.rot90(kernels[i, j], 2)
                turned[n, j] += correlate(arrived[n, i], half_turn, padding="full")
    torchs, _ = autograd(F.conv2d, arrived, x, kernels)
    agree(formula, turned, byhand.conv_backward(arrived, x, kernels).x, torchs)


def test_a_shared_bias_gets_the_sum_over_positions_and_one_per_position_the_gradient(layer):
    x, kernels, arrived = layer
    bias = np.zeros(FILTERS)
    *_, torchs = autograd(F.conv2d, arrived, x, kernels, bias)
    shared = byhand.conv_backward(arrived, x, kernels).bias
    agree(arrived.sum(axis=(0, 2, 3)), shared, torchs)
    everywhere = np.zeros(arrived.shape[1:])  # a bias for every output value
    (own,) = autograd(
        lambda b: F.conv2d(*map(torch.from_numpy, (x, kernels))) + b, arrived, everywhere
    )
    agree(arrived.sum(axis=0), own)


def test_the_gradient_is_the_slope_of_the_cost(layer):
    x, kernels, arrived = layer

    def cost(values):
        return (byhand.conv(x, values) * arrived).sum()

    gradient = byhand.conv_backward(arrived, x, kernels).weights
    for place in np.ndindex(kernels.shape):
        nudge = np.zeros_like(kernels)
        nudge[place] = 1e-4
        slope = (cost(kernels + nudge) - cost(kernels - nudge)) / 2e-4
        assert slope == pytest.approx(gradient[place], abs=1e-8)


def test_max_pooling_routes_the_gradient_to_the_winner():
    x = np.array([[[[1.0, 5, 2, 0], [3, 4, 9, 1], [0, 0, 7, 7], [0, 6, 7, 7]]]])
    arrived = np.array([[[[10.0, 20], [30, 40]]]])
    answer = np.zeros_like(x)
    answer[0, 0, 0, 1], answer[0, 0, 1, 2], answer[0, 0, 3, 1], answer[0, 0, 2, 2] = 10, 20, 30, 40
    (torchs,) = autograd(lambda t: F.max_pool2d(t, 2), arrived, x)
    agree(answer, byhand.max_pool_backward(arrived, x), torchs)


def test_average_pooling_spreads_the_gradient_evenly():
    x = np.random.default_rng(0).normal(size=(1, 1, 4, 4))
    arrived = np.array([[[[4.0, 8], [-4, 0]]]])
    answer = np.array([[[[1.0, 1, 2, 2], [1, 1, 2, 2], [-1, -1, 0, 0], [-1, -1, 0, 0]]]])
    (torchs,) = autograd(lambda t: F.avg_pool2d(t, 2), arrived, x)
    agree(answer, byhand.average_pool_backward(arrived, x), torchs)


def test_relu_passes_the_gradient_where_the_input_was_positive():
    x, arrived = np.array([[-2.0, -0.1, 0, 0.1, 3]]), np.array([[5.0, 6, 7, 8, 9]])
    (torchs,) = autograd(F.relu, arrived, x)
    agree([[0, 0, 0, 8, 9]], byhand.ACTIVATIONS["relu"].backward(arrived, x), torchs)


@pytest.mark.parametrize("as_rows", [True, False], ids=["categorical", "sparse"])
def test_softmax_with_cross_entropy_gives_p_minus_y(as_rows):
    random = np.random.default_rng(3)
    logits, labels = random.normal(size=(5, 4)) * 3, np.array([0, 3, 1, 1, 2])
    rows = np.eye(4)[labels]
    p = byhand.softmax(logits)
    together = byhand.softmax_cross_entropy_gradient(logits, rows if as_rows else labels)
    apart = byhand.softmax_backward(byhand.cross_entropy_gradient(p, rows), logits)
    (torchs,) = autograd(
        lambda t: F.cross_entropy(t, torch.from_numpy(labels), reduction="sum"),
        np.array(1.0),
        logits,
    )
    agree(p - rows, together, apart, torchs)
