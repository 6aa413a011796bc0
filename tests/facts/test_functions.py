"""The functions and losses of the field, by their formulas, in `byhand` and in the networks."""

import math

import numpy as np
import pytest
import torch
from numpy import exp, log, maximum

from striate import byhand, layers, losses, nn

X = np.concatenate([np.linspace(-6, 6, 49), [-40, -1e-9, 0, 1e-9, 40]])
FORMULAS = {
    "sigmoid": lambda x: 1 / (1 + exp(-x)),
    "tanh": lambda x: (exp(x) - exp(-x)) / (exp(x) + exp(-x)),
    "relu": lambda x: maximum(0, x),
    "leaky_relu": lambda x: maximum(0.1 * x, x),
    "elu": lambda x: np.where(x > 0, x, exp(x) - 1),
    "swish": lambda x: x * (1 / (1 + exp(-x))),
    "silu": lambda x: x * (1 / (1 + exp(-x))),
    "softplus": lambda x: log(1 + exp(x)),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_activation_functions(name):
    answer = FORMULAS[name](X)
    np.testing.assert_allclose(byhand.ACTIVATIONS[name].forward(X), answer, rtol=1e-12, atol=1e-9)
    built = nn.activation(name)(torch.from_numpy(X))
    np.testing.assert_allclose(built, answer, rtol=1e-7, atol=1e-7)


def through(layer, x):
    """What the network of one layer gives, [N, features] -> [N, units]."""
    return layers.build([layer], x.shape[1:]).double()(torch.from_numpy(x)).detach().numpy()


@pytest.mark.parametrize("name", FORMULAS)
def test_activation_layers(name):
    answer = FORMULAS[name](X)[None]
    own = {"relu": layers.ReLU(), "leaky_relu": layers.LeakyReLU(), "elu": layers.ELU()}
    for layer in (layers.Activation(name), own.get(name)):
        if layer is not None:
            np.testing.assert_allclose(through(layer, X[None]), answer, rtol=1e-7, atol=1e-7)


def test_an_activation_of_a_layer_is_applied_after_it():
    network = layers.build([layers.Dense(2, "relu", use_bias=False)], (2,))
    torch.nn.init.eye_(network[0].weight)
    assert network(torch.tensor([[-3.0, 4.0]])).tolist() == [[0, 4]]


@pytest.mark.parametrize("alpha", [0.3, 1.0, 2.0])
def test_elu_has_an_alpha(alpha):
    answer = np.where(X > 0, X, alpha * (exp(X) - 1))
    np.testing.assert_allclose(byhand.elu(X, alpha), answer, atol=1e-9)
    np.testing.assert_allclose(through(layers.ELU(alpha), X[None])[0], answer, atol=1e-9)


def test_maxout_is_the_largest_of_several_linear_functions():
    random = np.random.default_rng(0)
    x, weights, bias = random.normal(size=5), random.normal(size=(2, 5)), random.normal(size=2)
    answer = max(weights[0] @ x + bias[0], weights[1] @ x + bias[1])
    result = byhand.maxout(x[None], weights[:, None], bias[:, None])
    assert result.item() == pytest.approx(answer, abs=1e-12)
    magnitude = byhand.maxout([[-3.0]], [[[1.0]], [[-1.0]]], [[0.0], [0.0]])
    assert magnitude.item() == 3  # max(x, -x)
    network = layers.build([layers.Maxout(1, pieces=2)], (5,)).double()
    linear = network[0].linear
    with torch.no_grad():
        linear.weight.copy_(torch.from_numpy(weights))
        linear.bias.copy_(torch.from_numpy(bias))
    assert network(torch.from_numpy(x)[None]).item() == pytest.approx(answer, abs=1e-12)


def test_softplus_is_the_smooth_relu():
    gap = byhand.softplus(X) - byhand.relu(X)
    assert (gap >= 0).all()
    assert gap.max() == pytest.approx(math.log(2))  # at 0
    assert byhand.softplus(40.0) == pytest.approx(40)
    np.testing.assert_allclose(byhand.softplus_derivative(X), byhand.sigmoid(X))


def test_softmax_sums_to_1_and_is_the_sigmoid_for_two_classes():
    rows = np.random.default_rng(0).normal(size=(50, 7)) * 20
    p = byhand.softmax(rows)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)
    assert (p > 0).all()
    np.testing.assert_allclose(p, exp(rows) / exp(rows).sum(axis=1, keepdims=True), rtol=1e-9)
    two = np.stack([X, np.zeros_like(X)], axis=1)
    np.testing.assert_allclose(byhand.softmax(two)[:, 0], byhand.sigmoid(X), atol=1e-12)
    for layer in (layers.Activation("softmax"), layers.Softmax()):
        np.testing.assert_allclose(through(layer, rows), p, atol=1e-12)


@pytest.fixture
def answers():
    """Logits [6, 4] with their probabilities, labels and one-hot rows."""
    logits = np.random.default_rng(1).normal(size=(6, 4)) * 2
    labels = np.array([0, 1, 2, 3, 1, 1])
    return logits, exp(logits) / exp(logits).sum(axis=1, keepdims=True), labels, np.eye(4)[labels]


def test_categorical_cross_entropy(answers):
    logits, p, labels, rows = answers
    formula = -(rows * log(p)).sum(axis=1)
    np.testing.assert_allclose(formula, -log(p[range(6), labels]))
    agree("categorical_crossentropy", logits, rows, formula)
    agree("sparse_categorical_crossentropy", logits, labels, formula)
    np.testing.assert_allclose(byhand.cross_entropy(p, rows), formula)
    from_p = losses.CategoricalCrossentropy()(torch.from_numpy(p), torch.from_numpy(rows))
    np.testing.assert_allclose(from_p, formula, rtol=1e-6)


def test_binary_cross_entropy(answers):
    logits, *_, rows = answers
    p = 1 / (1 + exp(-logits))
    formula = -(rows * log(p) + (1 - rows) * log(1 - p)).mean(axis=1)
    agree("binary_crossentropy", logits, rows, formula)
    np.testing.assert_allclose(byhand.binary_cross_entropy(p, rows), formula)


def test_mean_squared_and_absolute_error(answers):
    outputs, *_, wanted = answers
    agree("mean_squared_error", outputs, wanted, ((outputs - wanted) ** 2).mean(axis=1))
    agree("mean_absolute_error", outputs, wanted, abs(outputs - wanted).mean(axis=1))


def test_multi_class_svm_hinge(answers):
    scores, _, labels, _ = answers
    formula = [
        sum(max(0, s[j] - s[y] + 1) for j in range(4) if j != y)
        for s, y in zip(scores, labels, strict=True)
    ]
    agree("multiclass_hinge", scores, labels, formula)
    np.testing.assert_allclose(byhand.hinge(scores, labels), formula)
    squares = [
        sum(max(0, s[j] - s[y] + 1) ** 2 for j in range(4) if j != y)
        for s, y in zip(scores, labels, strict=True)
    ]
    agree("multiclass_squared_hinge", scores, labels, squares)
    np.testing.assert_allclose(byhand.squared_hinge(scores, labels), squares)
    assert byhand.hinge([[3.2, 5.1, -1.7]], [0]).item() == pytest.approx(2.9)
    assert byhand.hinge([[1.3, 4.9, 2.0]], [1]).item() == 0
    assert byhand.hinge([[2.2, 2.5, -3.1]], [2]).item() == pytest.approx(12.9)


def test_huber_is_squared_near_and_absolute_far():
    errors = np.array([[0.0], [0.5], [-1], [3], [-10]])
    agree("huber", errors, np.zeros_like(errors), [0, 0.125, 0.5, 2.5, 9.5])


@pytest.mark.parametrize("size", [1e3, 1e6])
def test_losses_from_logits_are_finite_at_any_size(size):
    logits, rows = np.array([[size, -size]]), np.array([[0.0, 1]])
    assert byhand.softmax_cross_entropy(logits, rows).item() == 2 * size
    assert byhand.sigmoid_cross_entropy(logits, rows).item() == size
    assert np.isfinite(byhand.softmax_cross_entropy_gradient(logits, rows)).all()


def agree(name, outputs, targets, formula):
    """`byhand` and `striate.losses` both give the formula's numbers."""
    np.testing.assert_allclose(byhand.LOSSES[name].value(outputs, targets), formula, rtol=1e-9)
    built = losses.get(name)(torch.from_numpy(outputs), torch.from_numpy(targets), from_logits=True)
    np.testing.assert_allclose(built, formula, rtol=1e-6)


def test_penalties_on_the_weights():
    weights = np.array([1.0, -2, 0, 0.5])
    tensor = torch.from_numpy(weights)
    assert layers.L1(0.1)(tensor).item() == pytest.approx(0.1 * abs(weights).sum())
    assert layers.L2(0.1)(tensor).item() == pytest.approx(0.1 * (weights**2).sum())
