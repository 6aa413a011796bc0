"""The field's list of losses, penalties, optimizers and metrics, through the public API."""

import math

import numpy as np
import pytest
import torch

import striate as st
from striate import layers, losses, optimizers

SCORES = torch.tensor([[3.2, 5.1, -1.7], [1.3, 4.9, 2.0], [2.2, 2.5, -3.1]])
TRUE = torch.tensor([0, 1, 2])


def test_softmax_sums_to_one_and_is_the_sigmoid_for_two_classes():
    s = torch.tensor([[0.3, -1.2]])
    p = layers.build([layers.Activation("softmax")], (2,))(s)
    assert p.sum().item() == pytest.approx(1)
    assert p[0, 0].item() == pytest.approx(1 / (1 + math.exp(-(0.3 + 1.2))))


def test_categorical_cross_entropy_is_minus_log_p_of_the_true_class():
    p = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1]])
    one_hot = torch.tensor([[1.0, 0, 0], [0, 1, 0]])
    expected = [-math.log(0.7), -math.log(0.8)]
    assert losses.CategoricalCrossentropy()(p, one_hot).tolist() == pytest.approx(expected)
    sparse = losses.SparseCategoricalCrossentropy()(p, torch.tensor([0, 1]))
    assert sparse.tolist() == pytest.approx(expected)


def test_binary_cross_entropy():
    p, t = torch.tensor([0.9, 0.2]), torch.tensor([1.0, 0.0])
    expected = [-math.log(0.9), -math.log(0.8)]
    assert losses.BinaryCrossentropy()(p, t).tolist() == pytest.approx(expected)


def test_cross_entropy_with_softmax_has_the_gradient_p_minus_y():
    scores = SCORES.clone().requires_grad_()
    losses.CategoricalCrossentropy(from_logits=True)(scores, TRUE).sum().backward()
    torch.testing.assert_close(scores.grad, SCORES.softmax(1) - torch.eye(3))


def test_squared_and_absolute_errors():
    y, t = torch.tensor([1.0, 2.0, 5.0]), torch.tensor([1.0, 4.0, 1.0])
    assert losses.MeanSquaredError()(y, t).mean().item() == pytest.approx((0 + 4 + 16) / 3)
    assert losses.MeanAbsoluteError()(y, t).mean().item() == pytest.approx((0 + 2 + 4) / 3)


def test_the_multi_class_hinge_by_hand():
    # max(0, 5.1-3.2+1) + max(0, -1.7-3.2+1); max(0, 1.3-4.9+1) + max(0, 2.0-4.9+1); ...
    hinge = losses.MulticlassHinge()(SCORES, TRUE)
    assert hinge.tolist() == pytest.approx([2.9, 0.0, 6.3 + 6.6])
    squared = losses.MulticlassSquaredHinge()(SCORES, TRUE)
    assert squared.tolist() == pytest.approx([2.9**2, 0.0, 6.3**2 + 6.6**2])


def test_l1_and_l2_penalties_are_added_to_the_loss():
    x, y = np.zeros((4, 3), np.float32), np.zeros(4, int)  # no input: the data loss is log 2
    for name, cost in [("l1", lambda w: w.abs().sum()), ("l2", lambda w: w.square().sum())]:
        dense = layers.Dense(2, kernel_regularizer=name)
        model = st.Sequential([layers.Input((3,)), dense])
        expected = math.log(2) + 0.01 * cost(model.network.dense_1.weight).item()
        model.compile(optimizers.SGD(1e-9), "sparse_categorical_crossentropy")
        found = model.fit(x, y, batch_size=4, verbose=False).history["loss"][0]
        assert found == pytest.approx(expected, rel=1e-5)


def quadratic(optimizer, steps):
    """The weight w of y = w x after steps on the loss w^2, from w = 1: x = 1 and y = 0."""
    model = st.Sequential([layers.Input((1,)), layers.Dense(1, use_bias=False)])
    torch.nn.init.ones_(model.network.dense_1.weight)
    model.compile(optimizer, "mse")
    model.fit(np.ones((1, 1)), np.zeros(1), epochs=steps, verbose=False)
    return model.network.dense_1.weight.item()


def test_sgd_with_momentum_and_nesterov_by_hand():
    # the gradient is 2w; v = 0.5 v + g; w -= 0.1 v   (Nesterov: w -= 0.1 (g + 0.5 v))
    assert quadratic(optimizers.SGD(0.1), 2) == pytest.approx(0.8 * 0.8)
    assert quadratic(optimizers.SGD(0.1, momentum=0.5), 2) == pytest.approx(0.8 - 0.1 * (1 + 1.6))
    first = 1 - 0.1 * (2 + 0.5 * 2)
    velocity = 0.5 * 2 + 2 * first
    expected = first - 0.1 * (2 * first + 0.5 * velocity)
    assert quadratic(optimizers.SGD(0.1, momentum=0.5, nesterov=True), 2) == pytest.approx(expected)


def test_the_first_steps_of_the_adaptive_optimizers_by_hand():
    assert quadratic(optimizers.Adam(0.1), 1) == pytest.approx(0.9, abs=1e-6)
    step = 0.1 * 2 / math.sqrt(0.1 * 4)  # rho 0.9: the mean square is 0.1 g^2
    assert quadratic(optimizers.RMSprop(0.1), 1) == pytest.approx(1 - step, abs=1e-6)
    step = math.sqrt(1e-7) / math.sqrt(0.05 * 4 + 1e-7) * 2  # rho 0.95
    assert quadratic(optimizers.Adadelta(), 1) == pytest.approx(1 - step, abs=1e-6)


def adam(w, steps, rate=0.1, beta_1=0.9, beta_2=0.999):
    """Kingma and Ba 2015, algorithm 1, on w^2."""
    m = v = 0.0
    for t in range(1, steps + 1):
        g = 2 * w
        m, v = beta_1 * m + (1 - beta_1) * g, beta_2 * v + (1 - beta_2) * g * g
        w -= rate * (m / (1 - beta_1**t)) / (math.sqrt(v / (1 - beta_2**t)) + 1e-7)
    return w


def rmsprop(w, steps, rate=0.1, rho=0.9):
    mean = 0.0
    for _ in range(steps):
        g = 2 * w
        mean = rho * mean + (1 - rho) * g * g
        w -= rate * g / (math.sqrt(mean) + 1e-7)
    return w


def adadelta(w, steps, rho=0.95, epsilon=1e-7):
    """Zeiler 2012, algorithm 1, on w^2."""
    gradients = updates = 0.0
    for _ in range(steps):
        g = 2 * w
        gradients = rho * gradients + (1 - rho) * g * g
        step = math.sqrt(updates + epsilon) / math.sqrt(gradients + epsilon) * g
        updates = rho * updates + (1 - rho) * step * step
        w -= step
    return w


@pytest.mark.parametrize(
    ("optimizer", "formula"),
    [
        (optimizers.Adam(0.1), adam),
        (optimizers.RMSprop(0.1), rmsprop),
        (optimizers.Adadelta(), adadelta),
    ],
    ids=["adam", "rmsprop", "adadelta"],
)
def test_what_the_adaptive_optimizers_remember(optimizer, formula):
    assert quadratic(optimizer, 6) == pytest.approx(formula(1.0, 6), abs=1e-6)


@pytest.mark.parametrize("name", ["sgd", "adam", "rmsprop", "adadelta"])
def test_optimizers_by_name(name):
    kinds = {
        "sgd": optimizers.SGD,
        "adam": optimizers.Adam,
        "rmsprop": optimizers.RMSprop,
        "adadelta": optimizers.Adadelta,
    }
    assert quadratic(name, 3) == quadratic(kinds[name](), 3) < 1


def test_accuracy_f1_auc_and_confusion_matrix_by_hand():
    model = st.Sequential([layers.Input((2,)), layers.Dense(2, use_bias=False)])
    torch.nn.init.eye_(model.network.dense_1.weight)  # the scores are the inputs
    model.compile(
        "sgd",
        "sparse_categorical_crossentropy",
        ["accuracy", "precision", "recall", "f1", "auc", "confusion_matrix", "top_2_accuracy"],
    )
    x = np.array([[2, 0], [1, 0], [0, 1], [0, 3], [0, 2.0]])
    found = model.evaluate(x, np.array([0, 0, 0, 1, 1]))
    np.testing.assert_array_equal(found["confusion_matrix"], [[2, 1], [0, 2]])
    assert found["accuracy"].value == pytest.approx(4 / 5)
    assert found["precision"].value == pytest.approx((1 + 2 / 3) / 2)
    assert found["recall"].value == pytest.approx((2 / 3 + 1) / 2)
    assert found["f1"].value == pytest.approx((4 / 5 + 4 / 5) / 2)
    assert found["auc"].value == pytest.approx(1)  # every pair in the right order
    assert found["top_2_accuracy"].value == 1


def test_scores_that_tell_precision_from_recall_and_count_ties_half():
    """Class 0: 1 of 2 found, none wrongly. Class 1: 3 of 3 found, 1 wrongly."""
    model = st.Sequential([layers.Input((2,)), layers.Dense(2, use_bias=False)])
    torch.nn.init.eye_(model.network.dense_1.weight)
    wanted = ["accuracy", "precision", "recall", "f1", "auc", "confusion_matrix"]
    model.compile("sgd", "sparse_categorical_crossentropy", wanted)
    x = np.array([[1, 0], [0, 2], [0, 1], [0, 2], [0, 3.0]])
    found = model.evaluate(x, np.array([0, 0, 1, 1, 1]))
    np.testing.assert_array_equal(found["confusion_matrix"], [[1, 1], [0, 3]])
    assert found["accuracy"].value == pytest.approx(4 / 5)
    assert found["precision"].value == pytest.approx((1 + 3 / 4) / 2)
    assert found["recall"].value == pytest.approx((1 / 2 + 1) / 2)
    assert found["f1"].value == pytest.approx((2 / 3 + 6 / 7) / 2)
    # of the six pairs four are in the right order, one is a tie, one is not
    assert found["auc"].value == pytest.approx((4 + 0.5) / 6)
