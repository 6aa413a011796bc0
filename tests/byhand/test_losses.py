import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import strategies as st

from byhand.peers import agree, autograd, draw_numbers, given, seeds
from striate import byhand
from striate.errors import ShapeError

sizes = st.integers(1, 5)


def hinge_peer(power):
    def peer(scores, labels):
        own = scores.gather(1, labels[:, None])
        margins = (scores - own + 1).clamp(min=0) ** power
        return margins.sum() - len(scores)  # the right class's own margin is 1

    return peer


LABEL_PEERS = {
    "sparse_categorical_crossentropy": lambda s, t: F.cross_entropy(s, t, reduction="sum"),
    "multiclass_hinge": hinge_peer(1),
    "multiclass_squared_hinge": hinge_peer(2),
}


@pytest.mark.parametrize("name", LABEL_PEERS)
@given(sizes, sizes, seeds)
def test_losses_of_labels_are_autograds(name, samples, classes, seed):
    scores = draw_numbers(seed, (samples, classes))[0] * 3
    labels = np.random.default_rng(seed).integers(0, classes, samples)
    loss = byhand.LOSSES[name]
    y, gradient = autograd(lambda s: LABEL_PEERS[name](s, torch.from_numpy(labels)), 1.0, scores)
    for targets in (labels, np.eye(classes)[labels]):
        assert loss.value(scores, targets).shape == (samples,)
        agree(loss.value(scores, targets).sum(), y)
        agree(loss.gradient(scores, targets), gradient)


ROW_PEERS = {
    "categorical_crossentropy": lambda s, t: F.cross_entropy(s, t, reduction="none"),
    "binary_crossentropy": lambda s, t: F.binary_cross_entropy_with_logits(
        s, t, reduction="none"
    ).mean(dim=1),
    "mean_squared_error": lambda s, t: ((s - t) ** 2).mean(dim=1),
    "mean_absolute_error": lambda s, t: (s - t).abs().mean(dim=1),
    "huber": lambda s, t: F.huber_loss(s, t, reduction="none").mean(dim=1),
}


def test_every_loss_has_a_peer():
    assert {*LABEL_PEERS, *ROW_PEERS} == set(byhand.LOSSES)


@pytest.mark.parametrize("name", ROW_PEERS)
@given(sizes, sizes, seeds)
def test_losses_of_rows_are_autograds(name, samples, outputs, seed):
    scores, raw = draw_numbers(seed, (samples, outputs), (samples, outputs))
    targets = byhand.softmax(raw)
    loss = byhand.LOSSES[name]
    y, gradient = autograd(lambda s: ROW_PEERS[name](s, torch.from_numpy(targets)), 1.0, 3 * scores)
    agree(loss.value(3 * scores, targets), y)
    agree(loss.gradient(3 * scores, targets), gradient)


@given(sizes, sizes, seeds)
def test_losses_of_probabilities_are_autograds(samples, classes, seed):
    raw, aims = draw_numbers(seed, (samples, classes), (samples, classes))
    p, targets = byhand.softmax(raw), torch.from_numpy(byhand.softmax(aims))
    y, gradient = autograd(lambda p: -(targets * p.log()).sum(dim=1), 1.0, p)
    agree(byhand.cross_entropy(p, targets), y)
    agree(byhand.cross_entropy_gradient(p, targets), gradient)
    p = byhand.sigmoid(raw)
    y, gradient = autograd(
        lambda p: F.binary_cross_entropy(p, targets, reduction="none").mean(dim=1), 1.0, p
    )
    agree(byhand.binary_cross_entropy(p, targets), y)
    agree(byhand.binary_cross_entropy_gradient(p, targets), gradient)


@given(st.floats(0.1, 5), seeds)
def test_huber_delta(delta, seed):
    y, t = draw_numbers(seed, (3, 4), (3, 4))
    value, gradient = autograd(
        lambda y: F.huber_loss(y, torch.from_numpy(t), reduction="none", delta=delta).mean(dim=1),
        1.0,
        y * 4,
    )
    agree(byhand.huber(y * 4, t, delta), value)
    agree(byhand.huber_gradient(y * 4, t, delta), gradient)


def test_a_class_of_probability_0_costs_nothing_where_it_is_not_wanted():
    assert byhand.cross_entropy([[1.0, 0.0]], [0]) == 0
    assert byhand.cross_entropy_gradient([[1.0, 0.0]], [0]).tolist() == [[-1, 0]]


@pytest.mark.parametrize("targets", [[0, 2], [0, -1], [0.5, 1], [0], [[0], [1]]])
def test_targets_that_fit_no_outputs(targets):
    with pytest.raises(ShapeError, match=r"Outputs \[2, 2\] need .* labels from 0 to 1") as error:
        byhand.softmax_cross_entropy(np.zeros((2, 2)), targets)
    assert error.value.code == "shape-byhand-targets"


def test_pairs_must_have_one_shape():
    with pytest.raises(ShapeError, match=r"Outputs \[2, 1\] and targets \[2\] must have one shape"):
        byhand.mean_squared_error(np.zeros((2, 1)), np.zeros(2))
