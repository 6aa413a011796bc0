"""Losses against torch's own, and safe where a logarithm is not."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from striate import losses
from striate.errors import ShapeError, UnknownName, UsageError


@pytest.fixture
def case():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(6, 4, generator=generator, dtype=torch.float64)
    return logits, torch.tensor([0, 1, 2, 3, 0, 2])


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("from_logits", [True, False])
def test_categorical_and_sparse_are_torchs_cross_entropy(case, smoothing, from_logits):
    logits, labels = case
    outputs = logits if from_logits else logits.softmax(1)
    expected = F.cross_entropy(logits, labels, reduction="none", label_smoothing=smoothing)
    one_hot = F.one_hot(labels, 4).float()
    categorical = losses.CategoricalCrossentropy(from_logits, smoothing)
    sparse = losses.SparseCategoricalCrossentropy(from_logits, smoothing)
    torch.testing.assert_close(categorical(outputs, one_hot), expected)
    torch.testing.assert_close(categorical(outputs, labels), expected)
    torch.testing.assert_close(sparse(outputs, labels), expected)
    torch.testing.assert_close(sparse(outputs, labels[:, None]), expected)


@pytest.mark.parametrize("from_logits", [True, False])
def test_binary_is_torchs_averaged_over_the_labels(case, from_logits):
    logits, _ = case
    targets = (logits.roll(1) > 0).double()
    outputs = logits if from_logits else logits.sigmoid()
    loss = losses.BinaryCrossentropy()
    expected = F.binary_cross_entropy_with_logits(logits, targets, reduction="none").mean(1)
    torch.testing.assert_close(loss(outputs, targets, from_logits=from_logits), expected)
    one = loss(outputs[:, :1], targets[:, 0], from_logits=from_logits)
    torch.testing.assert_close(one, loss(outputs[:, 0], targets[:, 0], from_logits=from_logits))


def test_binary_smoothing_moves_targets_towards_one_half():
    loss = losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.2)
    logits = torch.tensor([[2.0]])
    expected = F.binary_cross_entropy_with_logits(logits, torch.tensor([[0.9]]))
    torch.testing.assert_close(loss(logits, torch.ones(1, 1))[0], expected)


def test_squared_and_absolute_errors_are_averaged_over_a_sample():
    outputs, targets = (
        torch.tensor([[1.0, 2.0], [0.0, 0.0]]),
        torch.tensor([[1.0, 5.0], [2.0, -4.0]]),
    )
    assert losses.MeanSquaredError()(outputs, targets).tolist() == [4.5, 10.0]
    assert losses.MeanAbsoluteError()(outputs, targets).tolist() == [1.5, 3.0]
    assert losses.MeanAbsoluteError()(outputs[:, :1], torch.tensor([3.0, 1.0])).tolist() == [
        2.0,
        1.0,
    ]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-1e4, 1e4, width=32), min_size=2, max_size=6))
def test_logits_of_any_size_give_finite_losses_and_gradients(values):
    logits = torch.tensor([values], requires_grad=True)
    for loss, target in [
        (losses.CategoricalCrossentropy(from_logits=True), torch.tensor([0])),
        (losses.BinaryCrossentropy(from_logits=True), torch.ones(1, len(values))),
    ]:
        (gradient,) = torch.autograd.grad(loss(logits, target).sum(), logits)
        assert gradient.isfinite().all()


def test_probabilities_of_zero_and_one_give_finite_losses_and_gradients():
    p = torch.tensor([[0.0, 1.0], [1.0, 0.0]], requires_grad=True)
    for loss in (losses.CategoricalCrossentropy(), losses.BinaryCrossentropy()):
        values = loss(p, torch.tensor([[1.0, 0.0], [1.0, 0.0]]))
        (gradient,) = torch.autograd.grad(values.sum(), p)
        assert values[0].item() == pytest.approx(16.1, abs=0.1)  # -log(1e-7)
        assert values[1].item() == pytest.approx(0, abs=1e-6)
        assert gradient.isfinite().all()


def test_probabilities_that_do_not_sum_to_one_are_shares():
    loss = losses.CategoricalCrossentropy()(torch.tensor([[2.0, 6.0]]), torch.tensor([1]))
    assert loss.item() == pytest.approx(-math.log(0.75))


def test_half_precision_is_computed_in_float32():
    logits = torch.tensor([[8.0, -8.0]], dtype=torch.bfloat16)
    loss = losses.CategoricalCrossentropy(from_logits=True)(logits, torch.tensor([1]))
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(16, abs=1e-4)


@pytest.mark.parametrize("loss", losses.LOSSES.values(), ids=list(losses.LOSSES))
def test_every_loss_is_found_by_name_and_survives_json(loss):
    made = loss()
    assert losses.get(made.name) == made
    assert losses.get(made.to_json()) == made
    assert losses.get(made) is made


@pytest.mark.parametrize(
    ("short", "kind"), [("mse", losses.MeanSquaredError), ("mae", losses.MeanAbsoluteError)]
)
def test_short_names(short, kind):
    assert losses.get(short) == kind()


def test_options_survive_json():
    loss = losses.CategoricalCrossentropy(label_smoothing=0.1)
    assert losses.get(loss.to_json()) == loss


@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_is_the_papers_formula(case, from_logits, gamma):
    logits, labels = case
    p = logits.softmax(1)
    loss = losses.CategoricalFocalCrossentropy(from_logits, gamma=gamma, alpha=0.25)
    of_true = p[torch.arange(6), labels]
    expected = -0.25 * (1 - of_true) ** gamma * of_true.log()
    torch.testing.assert_close(loss(logits if from_logits else p, labels), expected)

    targets, p = (logits.roll(1) > 0).double(), logits.sigmoid()
    right = torch.where(targets > 0, p, 1 - p)
    weight = torch.where(targets > 0, 0.3, 0.7).double()
    expected = -(weight * (1 - right) ** gamma * right.log()).mean(1)
    loss = losses.BinaryFocalCrossentropy(from_logits, gamma=gamma, alpha=0.3)
    torch.testing.assert_close(loss(logits if from_logits else p, targets), expected)


def test_focal_without_gamma_is_cross_entropy(case):
    logits, labels = case
    plain = losses.CategoricalCrossentropy(True, 0.1)(logits, labels)
    focal = losses.CategoricalFocalCrossentropy(True, 0.1, gamma=0, alpha=1)(logits, labels)
    torch.testing.assert_close(focal, plain)


def test_hinges_are_torchs_and_kerass(case):
    scores, labels = case
    summed = losses.MulticlassHinge()(scores, labels)
    torch.testing.assert_close(summed, 4 * F.multi_margin_loss(scores, labels, reduction="none"))
    squared = losses.MulticlassSquaredHinge(margin=0.5)(scores, F.one_hot(labels, 4))
    expected = 4 * F.multi_margin_loss(scores, labels, p=2, margin=0.5, reduction="none")
    torch.testing.assert_close(squared, expected)
    rivals = scores.masked_fill(F.one_hot(labels, 4).bool(), -1e30).amax(1)
    own = scores[torch.arange(6), labels]
    worst = losses.CategoricalHinge()(scores, labels)
    torch.testing.assert_close(worst, (rivals - own + 1).relu())


@pytest.mark.parametrize("delta", [0.5, 1.0, 3.0])
def test_huber_is_torchs(case, delta):
    logits, _ = case
    targets = 3 * logits.roll(1)
    expected = F.huber_loss(logits, targets, delta=delta, reduction="none").mean(1)
    torch.testing.assert_close(losses.Huber(delta)(logits, targets), expected)


ALL_CLASSES = [kind for kind in losses.LOSSES.values() if kind.task != "regression"]


@pytest.mark.parametrize("loss", ALL_CLASSES, ids=lambda kind: kind.name)
@pytest.mark.parametrize("from_logits", [True, False])
def test_extremes_give_finite_losses_and_gradients_both_ways(loss, from_logits):
    rows = [[1e4, -1e4, 0.0], [-1e4, 0.0, 1e4]] if from_logits else [[1.0, 0, 0], [0.0, 0, 1]]
    outputs = torch.tensor(rows, requires_grad=True)
    targets = torch.tensor([[0.0, 1, 0], [0.0, 0, 1]])
    if loss.name.startswith("sparse"):
        targets = targets.argmax(dim=1)
    values = loss()(outputs, targets, from_logits=from_logits)
    (gradient,) = torch.autograd.grad(values.sum(), outputs)
    assert values.isfinite().all()
    assert gradient.isfinite().all()
    assert values[0] > values[1]


@pytest.mark.parametrize("loss", ALL_CLASSES, ids=lambda kind: kind.name)
def test_gradients_in_double_precision(case, loss):
    logits, labels = case
    targets = labels
    if loss.task == "multi_label":
        targets = (logits.roll(1) > 0).double()
    outputs = logits.clone().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x: loss()(x, targets, from_logits=True), (outputs,), eps=1e-7
    )


@pytest.mark.parametrize("alias", losses.ALIASES)
def test_what_keras_and_torch_call_it(alias):
    assert losses.get(alias).name == losses.ALIASES[alias]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: losses.Huber(delta=0), "huber: delta must be above 0, got 0"),
        (lambda: losses.CategoricalFocalCrossentropy(gamma=-1), "gamma must be 0 or more, got -1"),
        (lambda: losses.BinaryFocalCrossentropy(alpha=1.5), "alpha .* and below 1, got 1.5"),
        (lambda: losses.MulticlassHinge(margin="wide"), "margin must be 0 or more, got 'wide'"),
    ],
)
def test_an_option_out_of_range_is_explained(make, message):
    with pytest.raises(UsageError, match=message) as caught:
        make()
    assert caught.value.code == "train-loss-option"


def test_a_wrong_name_or_option_is_explained():
    with pytest.raises(UnknownName, match="categorical_crossentropy"):
        losses.get("categorical_crosentropy")
    with pytest.raises(UsageError, match="gamma"):
        losses.get({"loss": "mean_squared_error", "gamma": 2})
    with pytest.raises(UsageError, match=r"label_smoothing must be .* got 1.5"):
        losses.CategoricalCrossentropy(label_smoothing=1.5)


def test_one_hot_targets_are_refused_by_the_sparse_loss():
    with pytest.raises(ShapeError, match=r"\[2\], got targets \[2, 3\].*categorical_crossentropy"):
        losses.get("sparse_categorical_crossentropy")(torch.zeros(2, 3), torch.zeros(2, 3))


@pytest.mark.parametrize("name", ["categorical_crossentropy", "binary_crossentropy", "mse"])
def test_targets_of_another_width_are_refused(name):
    with pytest.raises(ShapeError, match=r"outputs \[2, 3\] and targets \[2, 4\]") as caught:
        losses.get(name)(torch.zeros(2, 3), torch.zeros(2, 4))
    assert caught.value.code == "train-targets-shape"
