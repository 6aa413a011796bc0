"""What a training lessens, by the names Keras gives them.

A loss is called with a network's outputs and the targets and gives one number per sample:

    loss = losses.CategoricalCrossentropy()
    loss(logits, labels, from_logits=True).mean()

Logits are safe at any size. Probabilities are kept 1e-7 away from 0 and 1, as Keras keeps them.
"""

from abc import abstractmethod
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from striate.errors import ShapeError, UsageError, unknown_name

SMALLEST = 1e-7


@dataclass(frozen=True)
class Loss:
    """One number per sample, to be averaged by the caller.

    `name` is how files and `get` know it; `task` is what the outputs are.
    """

    name: ClassVar[str]
    task: ClassVar[Literal["single_label", "multi_label", "regression"]]

    @abstractmethod
    def __call__(
        self, outputs: Tensor, targets: Tensor, *, from_logits: bool | None = None
    ) -> Tensor:
        """[N, …] outputs and targets -> [N]; `from_logits` given here outranks the loss's own."""

    def to_json(self) -> dict[str, Any]:
        """Its name and options, which `get` takes back."""
        return {"loss": self.name, **asdict(self)}


@dataclass(frozen=True)
class _Crossentropy(Loss):
    from_logits: bool = False
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.label_smoothing < 1:
            raise UsageError(
                "train-label-smoothing",
                f"{self.name}: label_smoothing must be a fraction, 0 or more and below 1, got "
                f"{self.label_smoothing}.",
            )


@dataclass(frozen=True)
class CategoricalCrossentropy(_Crossentropy):
    """-sum_k t_k log p_k, with p the softmax of the logits.

    Shape: outputs [N, classes]; targets [N, classes] that sum to 1, or labels [N] -> [N].
    Args:
        from_logits: the outputs are logits; else probabilities.
        label_smoothing: fraction 0..1 of the target that is spread evenly over the classes.
    Raises:
        ShapeError: the targets have another shape.
    """

    name = "categorical_crossentropy"
    task = "single_label"

    def __call__(
        self, outputs: Tensor, targets: Tensor, *, from_logits: bool | None = None
    ) -> Tensor:
        logs = _log_probabilities(outputs, self.from_logits if from_logits is None else from_logits)
        if targets.ndim == 1:
            targets = F.one_hot(targets.long(), logs.shape[1])
        _check_same_shape(self.name, outputs, targets)
        share = self.label_smoothing
        smooth = targets.to(logs) * (1 - share) + share / logs.shape[1]
        return -(smooth * logs).sum(dim=1)


@dataclass(frozen=True)
class SparseCategoricalCrossentropy(_Crossentropy):
    """-log p_label: categorical cross-entropy for labels that are whole numbers.

    Shape: outputs [N, classes]; labels [N] or [N, 1] -> [N].
    Args: as in `CategoricalCrossentropy`.
    Raises:
        ShapeError: the labels are one-hot.
    """

    name = "sparse_categorical_crossentropy"
    task = "single_label"

    def __call__(
        self, outputs: Tensor, targets: Tensor, *, from_logits: bool | None = None
    ) -> Tensor:
        if targets.numel() != len(outputs):
            raise ShapeError(
                "train-labels-not-whole",
                f"{self.name} needs one whole number per sample, [{len(outputs)}], got targets "
                f"{list(targets.shape)}.",
                'One-hot targets go with loss="categorical_crossentropy".',
            )
        dense = CategoricalCrossentropy(self.from_logits, self.label_smoothing)
        return dense(outputs, targets.reshape(-1), from_logits=from_logits)


@dataclass(frozen=True)
class BinaryCrossentropy(_Crossentropy):
    """-(t log p + (1 - t) log(1 - p)), averaged over the outputs of a sample; p the sigmoid.

    Shape: outputs and targets [N, labels] or [N] -> [N].
    Args:
        from_logits: the outputs are logits; else probabilities.
        label_smoothing: fraction 0..1 by which targets move towards one half.
    Raises:
        ShapeError: the targets have another shape.
    """

    name = "binary_crossentropy"
    task = "multi_label"

    def __call__(
        self, outputs: Tensor, targets: Tensor, *, from_logits: bool | None = None
    ) -> Tensor:
        outputs, targets = _paired(self.name, outputs, targets)
        smooth = targets * (1 - self.label_smoothing) + self.label_smoothing / 2
        if self.from_logits if from_logits is None else from_logits:
            terms = F.binary_cross_entropy_with_logits(outputs, smooth, reduction="none")
        else:
            p = outputs.clamp(SMALLEST, 1 - SMALLEST)
            terms = -(smooth * p.log() + (1 - smooth) * torch.log1p(-p))
        return terms.flatten(1).mean(dim=1)


@dataclass(frozen=True)
class _Distance(Loss):
    task = "regression"

    @staticmethod
    @abstractmethod
    def distance(error: Tensor) -> Tensor:
        """What an error costs, value by value."""

    def __call__(
        self,
        outputs: Tensor,
        targets: Tensor,
        *,
        from_logits: bool | None = None,  # noqa: ARG002
    ) -> Tensor:
        outputs, targets = _paired(self.name, outputs, targets)
        return self.distance(outputs - targets).flatten(1).mean(dim=1)


@dataclass(frozen=True)
class MeanSquaredError(_Distance):
    """(y - t)^2, averaged over the outputs of a sample. Shape: [N, …] twice -> [N]."""

    name = "mean_squared_error"

    @staticmethod
    def distance(error: Tensor) -> Tensor:
        return error.square()


@dataclass(frozen=True)
class MeanAbsoluteError(_Distance):
    """|y - t|, averaged over the outputs of a sample. Shape: [N, …] twice -> [N]."""

    name = "mean_absolute_error"

    @staticmethod
    def distance(error: Tensor) -> Tensor:
        return error.abs()


LOSSES: dict[str, type[Loss]] = {
    kind.name: kind
    for kind in (
        CategoricalCrossentropy,
        SparseCategoricalCrossentropy,
        BinaryCrossentropy,
        MeanSquaredError,
        MeanAbsoluteError,
    )
}
_SHORT = {"mse": "mean_squared_error", "mae": "mean_absolute_error"}


def get(loss: str | dict[str, Any] | Loss) -> Loss:
    """A loss by its name in `LOSSES` ("mse" and "mae" too), from `Loss.to_json`, or as it is.

    Raises:
        UnknownName: no loss has that name.
        UsageError: the loss has no such option.

    >>> get("mse")
    MeanSquaredError()
    """
    if isinstance(loss, Loss):
        return loss
    options = {} if isinstance(loss, str) else {k: v for k, v in loss.items() if k != "loss"}
    name = loss if isinstance(loss, str) else str(loss.get("loss"))
    name = _SHORT.get(name, name)
    if name not in LOSSES:
        raise unknown_name("loss", name, LOSSES)
    try:
        return LOSSES[name](**options)
    except TypeError as error:
        raise UsageError("train-bad-loss", f"{name}: {error}.") from error


def _precise(values: Tensor) -> Tensor:
    """In float32 at least: half precision cannot hold what a logarithm gives."""
    return values if values.dtype == torch.float64 else values.float()


def _log_probabilities(outputs: Tensor, from_logits: bool) -> Tensor:
    """[N, classes], either way."""
    values = _precise(outputs)
    if from_logits:
        return values.log_softmax(dim=1)
    shares = values / values.sum(dim=1, keepdim=True)
    return shares.clamp(SMALLEST, 1 - SMALLEST).log()


def _paired(name: str, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Both as [N, …] of one shape and type; a last axis of 1 may be missing from either."""
    outputs = _precise(outputs)
    outputs = outputs.unsqueeze(1) if outputs.ndim == 1 else outputs
    targets = targets.unsqueeze(1) if targets.ndim == 1 else targets
    _check_same_shape(name, outputs, targets)
    return outputs, targets.to(outputs)


def _check_same_shape(name: str, outputs: Tensor, targets: Tensor) -> None:
    if outputs.shape != targets.shape:
        raise ShapeError(
            "train-targets-shape",
            f"{name}: outputs {list(outputs.shape)} and targets {list(targets.shape)} must have "
            "the same shape.",
            "Give the last layer as many units as a target has numbers.",
        )
