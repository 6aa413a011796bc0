"""Losses: torch's where torch has them, the papers' formulas with loops where not."""

import math
from collections import OrderedDict

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from small_training import MemoryBatches, blobs, small_fit, small_recipe
from striate import Model
from striate.errors import ShapeError, UsageError
from striate.nn import AuxiliaryClassifier, penalty, penalty_of
from striate.training import MultiLabel, OneForEach, Regression, SingleLabel, make_objective
from striate.training.objective import total_loss

LOGITS = torch.tensor([[1.5, -0.5, 0.3], [-2.0, 0.7, 0.1], [0.2, 0.4, -1.0], [3.0, 3.0, -3.0]])
LABELS = torch.tensor([0, 2, 1, 1])
WEIGHTS = torch.tensor([0.5, 2.0, 1.0])


def by_loops(logits: Tensor, targets: Tensor, weights: Tensor, gamma: float) -> float:
    total = 0.0
    for row, target in zip(logits.tolist(), targets.tolist(), strict=True):
        exponentials = [math.exp(value) for value in row]
        for k, share in enumerate(target):
            p = exponentials[k] / sum(exponentials)
            total += -share * weights[k].item() * (1 - p) ** gamma * math.log(p)
    return total / len(logits)


@pytest.mark.parametrize("gamma", [0.0, 2.0])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_single_label_is_its_formula_for_hard_and_for_soft_targets(gamma, smoothing, weights):
    loss = SingleLabel(smoothing, weights, gamma)
    shares = F.one_hot(LABELS, 3) * (1 - smoothing) + smoothing / 3
    expected = by_loops(LOGITS, shares, torch.ones(3) if weights is None else weights, gamma)
    assert loss(LOGITS, LABELS).item() == pytest.approx(expected, rel=1e-5)
    assert loss(LOGITS, F.one_hot(LABELS, 3).float()).item() == pytest.approx(expected, rel=1e-5)


def test_single_label_is_torchs_cross_entropy():
    torch.testing.assert_close(
        SingleLabel(0.1)(LOGITS, LABELS), F.cross_entropy(LOGITS, LABELS, label_smoothing=0.1)
    )


@pytest.mark.parametrize("gamma", [0.0, 2.0])
def test_mixed_targets_are_the_mixture_of_losses(gamma):
    loss = SingleLabel(focal_gamma=gamma)
    other = torch.tensor([1, 0, 2, 2])
    mixed = 0.3 * F.one_hot(LABELS, 3) + 0.7 * F.one_hot(other, 3)
    expected = 0.3 * loss(LOGITS, LABELS) + 0.7 * loss(LOGITS, other)
    torch.testing.assert_close(loss(LOGITS, mixed), expected)


@pytest.mark.parametrize(
    ("objective", "outputs", "targets"),
    [
        (SingleLabel(0.1, WEIGHTS), LOGITS, LABELS),
        (SingleLabel(focal_gamma=2.0), LOGITS, LABELS),
        (MultiLabel(0.1, WEIGHTS, 2.0), LOGITS, (LOGITS > 0).float()),
        (Regression(1.0), LOGITS[:, 0], LABELS.float()),
    ],
)
def test_an_image_weighing_two_is_the_image_twice(objective, outputs, targets):
    weighted = objective(outputs, targets, torch.tensor([2.0, 1.0, 1.0, 0.0]))
    twice = [0, 0, 1, 2]
    torch.testing.assert_close(weighted, objective(outputs[twice], targets[twice], None))


@pytest.mark.parametrize("gamma", [0.0, 1.5])
def test_multi_label_is_its_formula(gamma):
    targets = torch.tensor([[1.0, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0]])
    total = 0.0
    for row, target in zip(LOGITS.tolist(), targets.tolist(), strict=True):
        for k in range(3):
            p, t = 1 / (1 + math.exp(-row[k])), 0.8 * target[k] + 0.1
            total -= WEIGHTS[k].item() * t * (1 - p) ** gamma * math.log(p)
            total -= (1 - t) * p**gamma * math.log(1 - p)
    assert MultiLabel(0.2, WEIGHTS, gamma)(LOGITS, targets).item() == pytest.approx(total / 12)


def test_multi_label_is_torchs_with_positive_weights():
    targets = (LOGITS > 0.3).float()
    expected = F.binary_cross_entropy_with_logits(LOGITS, targets, pos_weight=WEIGHTS)
    torch.testing.assert_close(MultiLabel(positive_weights=WEIGHTS)(LOGITS, targets), expected)


def test_regression_is_squared_or_huber():
    outputs, targets = torch.tensor([[1.0], [2.0], [8.0]]), torch.tensor([1.0, 0.0, 3.0])
    assert Regression()(outputs, targets).item() == pytest.approx((0 + 4 + 25) / 3)
    huber = (0 + 0.5 * 4 + 2 * (5 - 1)) / 3  # delta 2: linear from an error of 2 on
    assert Regression(2.0)(outputs, targets).item() == pytest.approx(huber)


@pytest.mark.parametrize(
    ("objective", "outputs", "targets", "words"),
    [
        (Regression(), torch.zeros(4, 2), torch.zeros(4), r"\[4, 2\] and \[4\]"),
        (Regression(), torch.zeros(4), torch.zeros(4, 1), r"\[4\] and \[4, 1\]"),
        (MultiLabel(), torch.zeros(4, 3), torch.zeros(4, 1), r"\[4, 3\] and \[4, 1\]"),
    ],
)
def test_shapes_that_would_broadcast_are_refused(objective, outputs, targets, words):
    with pytest.raises(ShapeError, match=words):
        objective(outputs, targets, None)


@given(st.floats(-1e4, 1e4), st.booleans(), st.floats(0, 3))
def test_multi_label_stays_finite_with_its_gradient(logit, present, gamma):
    outputs = torch.tensor([[logit]], requires_grad=True)
    loss = MultiLabel(focal_gamma=gamma)(outputs, torch.tensor([[float(present)]]))
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(outputs.grad).all()


@given(st.floats(0, 1e4), st.integers(0, 1), st.floats(0, 3))
def test_focal_loss_stays_finite_with_its_gradient(margin, label, gamma):
    outputs = torch.tensor([[margin, 0.0]], requires_grad=True)
    loss = SingleLabel(focal_gamma=gamma)(outputs, torch.tensor([label]))
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(outputs.grad).all()


def test_make_objective_knows_the_three_tasks():
    assert make_objective("single_label", class_weights=WEIGHTS).class_weights is WEIGHTS
    assert make_objective("multi_label", class_weights=WEIGHTS).positive_weights is WEIGHTS
    assert make_objective("regression", huber_delta=2.0).huber_delta == 2.0
    with pytest.raises(UsageError, match="'detection'"):
        make_objective("detection")


def small_auxiliary(seed: int = 0) -> AuxiliaryClassifier:
    """For the blobs of small_training: 8 x 8 pixels, three classes; two heads on the way."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        parts = {
            "stem": nn.Sequential(nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)),
            "stage1": nn.Sequential(nn.ReLU(), nn.Conv2d(4, 8, 3, stride=2)),
        }
        heads = {
            "stem": nn.Sequential(nn.Flatten(), nn.Linear(256, 3)),
            "stage1": nn.Sequential(nn.Flatten(), nn.Linear(72, 3)),
        }
        head = nn.Sequential(nn.ReLU(), nn.Flatten(), nn.Dropout(0.3), nn.Linear(72, 3))
        return AuxiliaryClassifier(nn.Sequential(OrderedDict(parts)), head, heads)


def test_auxiliary_heads_count_three_tenths_each():
    others = LOGITS.flip(0), 2 * LOGITS
    objective = SingleLabel(0.1)
    expected = objective(LOGITS, LABELS) + 0.3 * sum(objective(o, LABELS) for o in others)
    torch.testing.assert_close(total_loss(objective, (LOGITS, *others), LABELS), expected)
    weights = torch.tensor([2.0, 1.0, 1.0, 0.0])
    expected = objective(LOGITS, LABELS, weights) + 0.3 * objective(others[0], LABELS, weights)
    torch.testing.assert_close(
        total_loss(objective, (LOGITS, others[0]), LABELS, weights), expected
    )


def test_one_output_is_its_objective():
    assert total_loss(SingleLabel(), LOGITS, LABELS) == SingleLabel()(LOGITS, LABELS)
    assert total_loss(SingleLabel(), (LOGITS,), LABELS) == SingleLabel()(LOGITS, LABELS)


def test_auxiliary_heads_may_have_an_objective_of_their_own():
    asked = []

    def main(outputs: Tensor, targets: Tensor, weights: Tensor | None) -> Tensor:
        asked.append(outputs)
        return SingleLabel()(outputs, targets, weights) + 100

    both = (LOGITS, 2 * LOGITS)
    expected = SingleLabel()(LOGITS, LABELS) + 100 + 0.3 * SingleLabel()(2 * LOGITS, LABELS)
    torch.testing.assert_close(total_loss(OneForEach(main, SingleLabel()), both, LABELS), expected)
    assert len(asked) == 1
    assert asked[0] is LOGITS


def test_a_network_with_auxiliary_heads_trains_in_the_loop():
    network = small_auxiliary()
    first = {name: weight.clone() for name, weight in network.named_parameters()}
    outcome = small_fit(network, small_recipe(epochs=8))
    assert outcome.history[-1]["val_accuracy"] > 0.9
    assert not any(torch.equal(first[name], w) for name, w in network.named_parameters())


def test_the_loss_of_the_loop_is_that_of_all_heads():
    """Without random numbers: dropout off, one batch, one epoch."""
    network = small_auxiliary()
    network.head[2].p = 0.0
    images, labels = blobs(16)
    with torch.no_grad():
        expected = total_loss(SingleLabel(), network.train()(images), labels).item()
    network = small_auxiliary()
    network.head[2].p = 0.0
    rows = []
    small_fit(
        network,
        small_recipe(epochs=1),
        batches=MemoryBatches(images, labels, batch_size=16),
        on_event=lambda event: rows.append(getattr(event, "row", None)),
    )
    (row,) = (row for row in rows if row)
    assert row["train_loss"] == pytest.approx(expected, rel=1e-5)


def rows_seen() -> AuxiliaryClassifier:
    """A head that is right about every blob, and one on the way that always says class 0."""
    stem, linear, aside = nn.Conv2d(1, 1, 1), nn.Linear(64, 3), nn.Linear(64, 3)
    for layer in (stem, linear, aside):
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
    nn.init.ones_(stem.weight)
    with torch.no_grad():
        aside.bias[0] = 5.0
        for row in range(3):
            linear.weight[row, 8 * row : 8 * row + 8] = 1.0
    features = nn.Sequential(OrderedDict(stem=stem))
    heads = [nn.Sequential(nn.Flatten(), layer) for layer in (linear, aside)]
    return AuxiliaryClassifier(features, heads[0], {"stem": heads[1]})


@pytest.mark.parametrize("regularizer", [None, "l2"])
def test_fit_counts_the_last_head_alone_and_penalises_once(regularizer):
    network, (images, labels) = rows_seen(), blobs(48)
    answers, asides = network(images)
    assert (answers.argmax(1) == labels).all()
    expected = F.cross_entropy(answers, labels) + 0.3 * F.cross_entropy(asides, labels)
    expected = expected + penalty(network, penalty_of(regularizer))
    model = Model(network)
    model.compile(
        optimizer="sgd",
        learning_rate=1e-9,
        loss="categorical_crossentropy",
        kernel_regularizer=regularizer,
    )
    x = images.permute(0, 2, 3, 1).numpy()
    history = model.fit(x, labels.numpy(), epochs=1, batch_size=48, verbose=False).history
    assert history["accuracy"] == [1.0]
    assert history["loss"] == pytest.approx([expected.item()], rel=1e-5)
    found = model.evaluate(x, labels.numpy())
    assert (found["accuracy"].value, found["accuracy"].n) == (1.0, 48)
    assert found["loss"].value == pytest.approx(F.cross_entropy(answers, labels).item(), rel=1e-4)
    assert model.predict(x).shape == (48, 3)
