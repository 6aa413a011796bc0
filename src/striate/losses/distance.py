"""Losses for numbers: how far a prediction is from its target."""

from abc import abstractmethod
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from striate.losses._loss import Loss, paired


@dataclass(frozen=True)
class _Distance(Loss):
    task = "regression"

    @abstractmethod
    def distance(self, error: Tensor) -> Tensor:
        """What an error costs, value by value."""

    def __call__(
        self,
        outputs: Tensor,
        targets: Tensor,
        *,
        from_logits: bool | None = None,  # noqa: ARG002
    ) -> Tensor:
        outputs, targets = paired(self.name, outputs, targets)
        return self.distance(outputs - targets).flatten(1).mean(dim=1)


@dataclass(frozen=True)
class MeanSquaredError(_Distance):
    """(y - t)^2, averaged over the outputs of a sample. Shape: [N, …] twice -> [N]."""

    name = "mean_squared_error"

    def distance(self, error: Tensor) -> Tensor:
        return error.square()


@dataclass(frozen=True)
class MeanAbsoluteError(_Distance):
    """|y - t|, averaged over the outputs of a sample. Shape: [N, …] twice -> [N]."""

    name = "mean_absolute_error"

    def distance(self, error: Tensor) -> Tensor:
        return error.abs()


@dataclass(frozen=True)
class Huber(_Distance):
    """Half the squared error up to `delta`, linear beyond: outliers pull less.

        e^2 / 2 where |e| <= delta, else delta * (|e| - delta / 2)

    Shape: [N, …] twice -> [N].
    Args:
        delta: > 0, in units of the target.
    Source: Huber 1964, "Robust Estimation of a Location Parameter".
    """

    delta: float = 1.0

    name = "huber"

    def __post_init__(self) -> None:
        self.check_number("delta", above=True)

    def distance(self, error: Tensor) -> Tensor:
        return F.huber_loss(error, error.new_zeros(()).expand_as(error), "none", self.delta)
