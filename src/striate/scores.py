"""Metrics by the names Keras and scikit-learn give them, for `compile`, `fit` and `evaluate`.

Precision, recall, F1 and AUC are of the positive class where there is one output, and else the
mean over the classes that are defined, as `sklearn.metrics` has them with `average="macro"`.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from striate.errors import UsageError, unknown_name
from striate.losses import Loss
from striate.metrics import Estimate, wilson
from striate.metrics.classification import Tallies, macro
from striate.metrics.curves import RankedClasses
from striate.metrics.intervals import Floats, affordable, bootstrap, estimate
from striate.predictions import Task

Score: TypeAlias = Estimate | NDArray[np.int64]
RESAMPLES = 1000
CLASSES: tuple[Task, ...] = ("single_label", "multi_label")
_KINDS: dict[Task, str] = {
    "single_label": "classes",
    "multi_label": "labels that are there or not",
    "regression": "numbers",
}


@dataclass(frozen=True)
class Answers:
    """What a network said of n samples and what is true.

    Shape: outputs logits [n, classes], or numbers; targets as the loss takes them.
    Args:
        resamples: of the bootstrap; 0 leaves the intervals out.
    """

    task: Task
    outputs: Tensor
    targets: Tensor
    resamples: int = 0

    @cached_property
    def hits(self) -> Tensor:
        """Which answers are right: one a sample, or one a label where there can be several."""
        if self.task == "multi_label":
            return (self.outputs.reshape(self.targets.shape) > 0) == (self.targets > 0.5)
        return self.outputs.argmax(dim=1) == self.labels

    @cached_property
    def labels(self) -> Tensor:
        """Class numbers [n]."""
        return self.targets if self.targets.ndim == 1 else self.targets.argmax(dim=1)

    @cached_property
    def probabilities(self) -> Floats:
        """[n, classes]."""
        from scipy.special import expit, softmax  # here, since it takes a while

        outputs = self.outputs.double().numpy().reshape(len(self.outputs), -1)
        return softmax(outputs, axis=1) if self.task == "single_label" else expit(outputs)

    @cached_property
    def truth(self) -> NDArray[np.bool_]:
        """Which classes a sample is of, [n, classes]."""
        if self.task == "single_label":
            return self.labels.numpy()[:, None] == np.arange(self.outputs.shape[1])
        return self.targets.numpy().reshape(len(self.targets), -1) > 0.5

    @cached_property
    def answered(self) -> NDArray[np.bool_]:
        """Which classes it was answered with, [n, classes]."""
        if self.task == "single_label":
            return self.probabilities.argmax(axis=1)[:, None] == np.arange(self.outputs.shape[1])
        return self.probabilities > 0.5

    def in_top(self, k: int) -> Tensor:
        """Whether the true class is among the k most probable, [n]."""
        best = self.outputs.topk(min(k, self.outputs.shape[1]), dim=1).indices
        return (best == self.labels[:, None]).any(dim=1)


@dataclass(frozen=True)
class Metric:
    """A number (or table) by the name it was asked for; `of` computes it.

    `count` says which samples are right, for what can be counted while training; else None.
    """

    name: str
    tasks: tuple[Task, ...]
    of: Callable[[Answers], Score]
    count: Callable[[Answers], Tensor] | None = None


def mean(each: Tensor) -> Estimate:
    """A mean over samples with its normal interval."""
    values = each.double().numpy()
    value, n = float(values.mean()), len(values)
    spread = 1.96 * float(values.std(ddof=1)) / n**0.5 if n > 1 else float("nan")
    return Estimate(value, value - spread, value + spread, n)


def get(name: str) -> Metric:
    """The metric of a name in `METRICS` or `ALIASES`, or "top_3_accuracy" for any number.

    Raises:
        UnknownName: no metric has that name.
    """
    asked = ALIASES.get(name, name)
    if top := re.fullmatch(r"top_([1-9]\d*)_accuracy", asked):
        return replace(_top(int(top[1])), name=name)
    if asked not in METRICS:
        raise unknown_name("metric", name, [*METRICS, *ALIASES])
    return replace(METRICS[asked], name=name)


def check_fits(metric: Metric, losses: Sequence[Loss]) -> None:
    """Raise unless the metric means something for one of the losses.

    Raises:
        UsageError: it counts classes and the losses are for numbers, or the other way round.
    """
    if any(loss.task in metric.tasks for loss in losses):
        return
    fits = [one.name for one in METRICS.values() if losses[0].task in one.tasks]
    raise UsageError(
        "train-metric-task",
        f"compile: the metric {metric.name!r} is for {_KINDS[metric.tasks[0]]}, the loss "
        f"{losses[0].name} for {_KINDS[losses[0].task]}.",
        f"Metrics that fit: {', '.join(fits)}. For classes use loss='categorical_crossentropy'."
        if losses[0].task == "regression"
        else f"Metrics that fit: {', '.join(fits)}.",
    )


def _share(count: Callable[[Answers], Tensor]) -> Callable[[Answers], Score]:
    def share(answers: Answers) -> Score:
        right = count(answers)
        return wilson(float(right.sum()), right.numel())

    return share


def _top(k: int) -> Metric:
    def in_top(answers: Answers) -> Tensor:
        return answers.in_top(k)

    return Metric(f"top_{k}_accuracy", ("single_label",), _share(in_top), in_top)


def _tallied(value: Callable[[Tallies], Floats]) -> Callable[[Answers], Score]:
    """The mean over the classes of a number that counts decide."""

    def score(answers: Answers) -> Score:
        truth, answered = answers.truth, answers.answered
        parts = [part.astype(np.float32) for part in (truth & answered, truth, answered)]

        def statistic(weights: NDArray[np.float32]) -> Floats:
            return macro(value(Tallies(*((weights @ part).astype(np.float64) for part in parts))))

        return _estimated(statistic, answers, answers.resamples)

    return score


def _auc(answers: Answers) -> Score:
    ranked = RankedClasses(answers.probabilities, answers.truth)
    n, classes = answers.truth.shape

    def statistic(weights: NDArray[np.float32]) -> Floats:
        return macro(ranked.auc(weights))

    resamples = affordable(answers.resamples, n, classes) if answers.resamples else 0
    return _estimated(statistic, answers, resamples)


def _estimated(
    statistic: Callable[[NDArray[np.float32]], Floats], answers: Answers, resamples: int
) -> Estimate:
    n = len(answers.truth)
    value = float(statistic(np.ones((1, n), np.float32))[0])
    if not resamples or not np.isfinite(value):
        return Estimate(value if np.isfinite(value) else None, None, None, n)
    draws = bootstrap(statistic, n, resamples=resamples)
    return estimate(value, draws, n, answers.truth.sum(axis=0))


def _confusion(answers: Answers) -> Score:
    from sklearn.metrics import confusion_matrix  # here, since it takes a second

    if answers.task == "multi_label" and answers.truth.shape[1] > 1:
        raise UsageError(
            "train-metric-task",
            "evaluate: a confusion matrix needs one class a sample, and here are "
            f"{answers.truth.shape[1]} labels.",
            "Use precision and recall, or compile with loss='categorical_crossentropy'.",
        )
    if answers.task == "multi_label":
        pair = (answers.truth[:, 0].astype(int), answers.answered[:, 0].astype(int))
        return confusion_matrix(*pair, labels=[0, 1]).astype(np.int64)
    labels = range(answers.outputs.shape[1])
    said = answers.answered.argmax(axis=1)
    return confusion_matrix(answers.labels.numpy(), said, labels=labels).astype(np.int64)


def _errors(answers: Answers) -> Tensor:
    return (answers.outputs.reshape(answers.targets.shape) - answers.targets).double()


def _absolute(answers: Answers) -> Score:
    return mean(_errors(answers).abs().reshape(len(answers.outputs), -1).mean(dim=1))


def _squared(answers: Answers) -> Score:
    return mean(_errors(answers).square().reshape(len(answers.outputs), -1).mean(dim=1))


def _hits(answers: Answers) -> Tensor:
    return answers.hits


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("accuracy", CLASSES, _share(_hits), _hits),
        _top(5),
        Metric("precision", CLASSES, _tallied(lambda tallies: tallies.precision)),
        Metric("recall", CLASSES, _tallied(lambda tallies: tallies.recall)),
        Metric("f1", CLASSES, _tallied(lambda tallies: tallies.f1)),
        Metric("auc", CLASSES, _auc),
        Metric("confusion_matrix", CLASSES, _confusion),
        Metric("mean_absolute_error", ("regression",), _absolute),
        Metric("mean_squared_error", ("regression",), _squared),
    )
}
ALIASES = {  # what Keras, torch and scikit-learn say for the same
    "acc": "accuracy",
    "categorical_accuracy": "accuracy",
    "sparse_categorical_accuracy": "accuracy",
    "binary_accuracy": "accuracy",
    "top_k_categorical_accuracy": "top_5_accuracy",
    "sparse_top_k_categorical_accuracy": "top_5_accuracy",
    "f1_score": "f1",
    "roc_auc": "auc",
    "mae": "mean_absolute_error",
    "mse": "mean_squared_error",
}


def scalar(score: Score) -> float | None:
    """What a history can hold of it: a number, or nothing of a table."""
    if not isinstance(score, Estimate):
        return None
    return float("nan") if score.value is None else float(score.value)
