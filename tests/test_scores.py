"""Metrics by name against scikit-learn, with intervals that hold the value."""

import numpy as np
import pytest
import torch
from sklearn import metrics as sk

from striate import losses, scores
from striate.errors import UnknownName, UsageError
from striate.metrics import Estimate
from striate.scores import Answers

GENERATOR = torch.Generator().manual_seed(0)
LABELS = torch.randint(0, 4, (200,), generator=GENERATOR)
LOGITS = torch.randn(200, 4, generator=GENERATOR) + 1.5 * torch.eye(4)[LABELS]
MANY = (torch.rand(200, 3, generator=GENERATOR) < 0.4).float()
MANY_LOGITS = torch.randn(200, 3, generator=GENERATOR) + 2 * MANY - 1


def single(resamples=50):
    return Answers("single_label", LOGITS, LABELS, resamples)


def multi(resamples=50):
    return Answers("multi_label", MANY_LOGITS, MANY, resamples)


def binary(resamples=50):
    return Answers("multi_label", MANY_LOGITS[:, :1], MANY[:, 0], resamples)


SAID, TRUE = LOGITS.argmax(1), LABELS
P = LOGITS.double().softmax(1).numpy()
YES = (MANY_LOGITS > 0).numpy()
CASES = [
    ("accuracy", single, sk.accuracy_score(TRUE, SAID)),
    ("top_2_accuracy", single, sk.top_k_accuracy_score(TRUE, P, k=2)),
    ("top_5_accuracy", single, 1.0),
    ("precision", single, sk.precision_score(TRUE, SAID, average="macro")),
    ("recall", single, sk.recall_score(TRUE, SAID, average="macro")),
    ("f1", single, sk.f1_score(TRUE, SAID, average="macro")),
    ("auc", single, sk.roc_auc_score(TRUE, P, multi_class="ovr")),
    ("accuracy", multi, (MANY.numpy() == YES).mean()),
    ("precision", multi, sk.precision_score(MANY, YES, average="macro")),
    ("recall", multi, sk.recall_score(MANY, YES, average="macro")),
    ("f1", multi, sk.f1_score(MANY, YES, average="macro")),
    ("auc", multi, sk.roc_auc_score(MANY, MANY_LOGITS)),
    ("accuracy", binary, sk.accuracy_score(MANY[:, 0], YES[:, 0])),
    ("precision", binary, sk.precision_score(MANY[:, 0], YES[:, 0])),
    ("recall", binary, sk.recall_score(MANY[:, 0], YES[:, 0])),
    ("f1", binary, sk.f1_score(MANY[:, 0], YES[:, 0])),
    ("auc", binary, sk.roc_auc_score(MANY[:, 0], MANY_LOGITS[:, 0])),
]


@pytest.mark.parametrize(
    ("name", "answers", "expected"), CASES, ids=[f"{name}-{a.__name__}" for name, a, _ in CASES]
)
def test_a_metric_is_scikit_learns(name, answers, expected):
    found = scores.get(name).of(answers())
    assert isinstance(found, Estimate)
    assert found.value == pytest.approx(expected)
    assert found.low <= found.value <= found.high
    assert found.low < 1
    quick = scores.get(name).of(answers(resamples=0))
    assert quick.value == pytest.approx(expected)


def test_one_hot_and_soft_targets_count_as_their_largest_column():
    rows = Answers("single_label", LOGITS, torch.eye(4)[LABELS])
    for name in ("accuracy", "f1", "top_2_accuracy"):
        assert scores.get(name).of(rows).value == scores.get(name).of(single(0)).value


def test_confusion_matrices():
    table = scores.get("confusion_matrix").of(single())
    np.testing.assert_array_equal(table, sk.confusion_matrix(TRUE, SAID))
    assert table.sum() == 200
    pair = scores.get("confusion_matrix").of(binary())
    np.testing.assert_array_equal(pair, sk.confusion_matrix(MANY[:, 0], YES[:, 0]))
    with pytest.raises(UsageError, match="3 labels"):
        scores.get("confusion_matrix").of(multi())


def test_a_class_that_never_occurs_is_left_out():
    labels = torch.tensor([0, 0, 1])
    answers = Answers("single_label", torch.eye(3)[labels], labels)
    for name in ("precision", "recall", "f1", "auc"):
        assert scores.get(name).of(answers).value == 1
    one_class = Answers("single_label", torch.eye(3)[:1], torch.tensor([0]), 20)
    assert scores.get("auc").of(one_class).value is None
    assert np.isnan(scores.scalar(scores.get("auc").of(one_class)))


def test_errors_of_numbers():
    outputs, targets = torch.tensor([[1.0], [2.0], [6.0]]), torch.tensor([1.0, 4.0, 3.0])
    answers = Answers("regression", outputs, targets)
    assert scores.get("mae").of(answers).value == pytest.approx(5 / 3)
    assert scores.get("mse").of(answers).value == pytest.approx(13 / 3)
    assert scores.get("mae").of(answers).n == 3


@pytest.mark.parametrize("alias", scores.ALIASES)
def test_other_names_keep_their_name(alias):
    found = scores.get(alias)
    assert found.name == alias
    assert found.tasks == scores.METRICS[scores.ALIASES[alias]].tasks


def test_unknown_and_unfit_metrics_are_explained():
    with pytest.raises(UnknownName, match=r"'recal'\. Did you mean 'recall'"):
        scores.get("recal")
    with pytest.raises(UnknownName):
        scores.get("top_0_accuracy")
    with pytest.raises(UsageError, match=r"'mae' is for numbers, .* for classes") as caught:
        scores.check_fits(scores.get("mae"), [losses.CategoricalCrossentropy()])
    assert caught.value.code == "train-metric-task"
