"""What training minimises, for each kind of task.

An objective takes a network's outputs, the targets and optional weights per image, and gives one
number. Without weights it is the mean over images; with them the weighted mean.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from striate.errors import ShapeError, UsageError

Objective = Callable[[Tensor, Tensor, Tensor | None], Tensor]  # outputs, targets, weights -> scalar
AUXILIARY_SHARE = 0.3
Task = Literal["single_label", "multi_label", "regression"]


@dataclass(frozen=True, eq=False)
class SingleLabel:
    """Cross-entropy of softmax probabilities p with targets t.

        loss = -sum_k t_k * w_k * (1 - p_k)^gamma * log p_k

    Targets are class numbers, or shares of classes as mixup gives them; both give the same loss
    for the same target. Smoothing makes t = (1 - smoothing) * t + smoothing / classes.

    Shape: outputs [N, K] logits, targets int64 [N] or float [N, K].
    Args:
        class_weights: w, [K]; `balanced_weights` keeps its mean over the images at 1.
        focal_gamma: 0 is plain cross-entropy; 2 is the paper's choice.
    Source: smoothing: Szegedy et al. 2016, arXiv:1512.00567, section 7; gamma: Lin et al. 2017,
        "Focal Loss", arXiv:1708.02002, eq. 4.
    Differs: with class weights torch divides by their sum over the batch; here by N, so that a
        rare image counts the same whatever its batch.
    """

    label_smoothing: float = 0.0
    class_weights: Tensor | None = None
    focal_gamma: float = 0.0

    def __call__(self, outputs: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
        if self.focal_gamma:
            return _mean(self._focal(outputs, targets), weights)
        each = F.cross_entropy(
            outputs,
            targets,
            weight=None if self.class_weights is None else _beside(self.class_weights, outputs),
            label_smoothing=self.label_smoothing,
            reduction="none" if weights is not None else "sum",
        )
        return _mean(each, weights) if weights is not None else each / len(outputs)

    def _focal(self, outputs: Tensor, targets: Tensor) -> Tensor:
        classes = outputs.shape[1]
        if not targets.is_floating_point():
            targets = F.one_hot(targets, classes).to(outputs.dtype)
        targets = targets * (1 - self.label_smoothing) + self.label_smoothing / classes
        logs = F.log_softmax(outputs, dim=1)
        losses = -targets * _power(1 - logs.exp(), self.focal_gamma) * logs  # [N, K]
        if self.class_weights is not None:
            losses = losses * _beside(self.class_weights, outputs)
        return losses.sum(dim=1)


@dataclass(frozen=True, eq=False)
class MultiLabel:
    """Binary cross-entropy of each class's probability p = sigmoid(output), averaged over classes.

        loss = -mean_k [w_k * t * (1 - p)^gamma * log p + (1 - t) * p^gamma * log(1 - p)]

    Smoothing makes t = (1 - smoothing) * t + smoothing / 2.

    Shape: outputs [N, K] logits, targets float [N, K] in 0..1.
    Args:
        positive_weights: w, [K]: how much a present label counts against an absent one.
    Source: Lin et al. 2017, "Focal Loss", arXiv:1708.02002, eq. 4.
    """

    label_smoothing: float = 0.0
    positive_weights: Tensor | None = None
    focal_gamma: float = 0.0

    def __call__(self, outputs: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
        check_same_shape("MultiLabel", outputs, targets)
        targets = targets * (1 - self.label_smoothing) + self.label_smoothing / 2
        present = -F.logsigmoid(outputs) * targets
        absent = -F.logsigmoid(-outputs) * (1 - targets)
        if self.focal_gamma:
            probability = outputs.sigmoid()
            present = present * _power(1 - probability, self.focal_gamma)
            absent = absent * _power(probability, self.focal_gamma)
        if self.positive_weights is not None:
            present = present * _beside(self.positive_weights, outputs)
        return _mean((present + absent).mean(dim=1), weights)


@dataclass(frozen=True)
class Regression:
    """Squared error, or Huber's loss: linear where the error is above `huber_delta`.

    Shape: outputs [N] or [N, 1], targets [N]; or both [N, K].
    Args:
        huber_delta: in units of the target; `None` is the mean squared error.
    Source: Huber 1964, "Robust Estimation of a Location Parameter".
    """

    huber_delta: float | None = None

    def __call__(self, outputs: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
        if outputs.ndim == targets.ndim + 1 and outputs.shape[-1] == 1:
            outputs = outputs.squeeze(-1)
        check_same_shape("Regression", outputs, targets)
        if self.huber_delta is None:
            errors = F.mse_loss(outputs, targets, reduction="none")
        else:
            errors = F.huber_loss(outputs, targets, reduction="none", delta=self.huber_delta)
        return _mean(errors.flatten(1).mean(dim=1) if errors.ndim > 1 else errors, weights)


@dataclass(frozen=True)
class OneForEach:
    """An objective for the outputs, and another for those of auxiliary heads, which add no penalty
    and are not counted among the answers."""

    main: Objective
    aside: Objective

    def __call__(self, outputs: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
        return self.main(outputs, targets, weights)


def total_loss(
    objective: Objective,
    outputs: Tensor | tuple[Tensor, ...],
    targets: Tensor,
    weights: Tensor | None = None,
) -> Tensor:
    """The objective of the outputs, plus 0.3 times that of every auxiliary head's.

    A network with auxiliary heads gives a tuple while it trains: its outputs, then theirs.

    Source: Szegedy et al. 2015, "Going Deeper with Convolutions", arXiv:1409.4842, section 5.
    """
    if isinstance(outputs, Tensor):
        return objective(outputs, targets, weights)
    minor = objective.aside if isinstance(objective, OneForEach) else objective
    aside = [AUXILIARY_SHARE * minor(each, targets, weights) for each in outputs[1:]]
    return torch.stack([objective(outputs[0], targets, weights), *aside]).sum()


def make_objective(
    task: Task,
    *,
    label_smoothing: float = 0.0,
    class_weights: Tensor | None = None,
    focal_gamma: float = 0.0,
    huber_delta: float | None = None,
) -> Objective:
    """The objective of a task; `class_weights` are weights of present labels in `multi_label`."""
    if task == "regression":
        return Regression(huber_delta)
    if task == "multi_label":
        return MultiLabel(label_smoothing, class_weights, focal_gamma)
    if task == "single_label":
        return SingleLabel(label_smoothing, class_weights, focal_gamma)
    raise UsageError(
        "train-unknown-task",
        f"make_objective: task must be single_label, multi_label or regression, got {task!r}.",
    )


def check_same_shape(where: str, outputs: Tensor, targets: Tensor) -> None:
    """Raise unless outputs and targets have one shape; broadcasting here is always a mistake."""
    if outputs.shape != targets.shape:
        raise ShapeError(
            "shape-objective",
            f"{where}: outputs and targets must have one shape, "
            f"got {list(outputs.shape)} and {list(targets.shape)}.",
            "Give the network's last layer as many units as a target has numbers.",
        )


def _mean(each: Tensor, weights: Tensor | None) -> Tensor:
    """Mean over images, [N] -> scalar."""
    if weights is None:
        return each.mean()
    return (each * weights).sum() / weights.sum().clamp_min(torch.finfo(each.dtype).tiny)


def _power(base: Tensor, exponent: float) -> Tensor:
    """`base ** exponent` whose gradient is finite at 0, also where the exponent is below 1."""
    return base.clamp_min(torch.finfo(base.dtype).eps) ** exponent


def _beside(values: Tensor, outputs: Tensor) -> Tensor:
    return values.to(outputs.device, outputs.dtype)
