"""What `compile` was told: an optimizer, losses and metrics, by name or as values."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from striate import losses, optimizers, scores
from striate.ends import Ends
from striate.errors import UsageError
from striate.losses import Loss
from striate.nn import Penalty, penalty_of
from striate.optimizers import Optimizer
from striate.predictions import Task
from striate.scores import Metric


@dataclass(frozen=True)
class Compiled:
    """How `fit` trains: plain values, kept in the model file.

    Args:
        losses: one for each output, or one for all; several are summed.
        metrics: names; None is accuracy wherever classes are told apart.
        kernel_regularizer: what every kernel of the network adds to the loss.
    """

    optimizer: Optimizer
    losses: tuple[Loss, ...]
    metrics: tuple[str, ...] | None = None
    kernel_regularizer: Penalty | None = None

    @property
    def task(self) -> Task:
        """What the first output is."""
        return self.losses[0].task

    def losses_of(self, ends: Ends) -> tuple[Loss, ...]:
        """One loss for each output.

        Raises:
            UsageError: there are neither one loss nor as many as outputs.
        """
        if len(self.losses) == 1:
            return self.losses * len(ends.outputs)
        if len(self.losses) == len(ends.outputs):
            return self.losses
        raise UsageError(
            "train-losses-number",
            f"compile: there are {len(self.losses)} losses, and the network has "
            f"{len(ends.outputs)} output{'s' * (len(ends.outputs) > 1)}.",
            "Give one loss, or a list with one for each output.",
        )

    def tasks_of(self, ends: Ends) -> tuple[Task, ...]:
        """What each output is, as its loss says."""
        return tuple(loss.task for loss in self.losses_of(ends))

    def metrics_of(self, loss: Loss) -> tuple[Metric, ...]:
        """The metrics of an output with this loss."""
        if self.metrics is None:
            return () if loss.task == "regression" else (scores.get("accuracy"),)
        found = [scores.get(name) for name in self.metrics]
        return tuple(metric for metric in found if loss.task in metric.tasks)

    def to_json(self) -> dict[str, Any]:
        """What `compiled` takes back."""
        written = [loss.to_json() for loss in self.losses]
        return {
            "optimizer": self.optimizer.to_json(),
            "loss": written[0] if len(written) == 1 else written,
            "metrics": None if self.metrics is None else list(self.metrics),
            "kernel_regularizer": self.kernel_regularizer and self.kernel_regularizer.to_json(),
        }


def compiled(
    optimizer: Any,
    loss: Any,
    metrics: str | Sequence[str] | None = None,
    learning_rate: float | None = None,
    kernel_regularizer: Any = None,
) -> Compiled:
    """Check what `compile` was given.

    Args:
        loss: one, or a list with one for each output.
        learning_rate: outranks the optimizer's own.
    Raises:
        UnknownName: no optimizer, loss or metric has that name.
        UsageError: an option breaks its rule, or a metric does not fit the loss.
    """
    found = optimizers.get(optimizer)
    if learning_rate is not None:
        found = replace(found, learning_rate=learning_rate)
    several = loss if isinstance(loss, list | tuple) and loss else [loss]
    names = (metrics,) if isinstance(metrics, str) else metrics
    how = Compiled(
        found,
        tuple(losses.get(one) for one in several),
        None if names is None else tuple(map(str, names)),
        penalty_of(kernel_regularizer),
    )
    for name in how.metrics or ():
        scores.check_fits(scores.get(name), how.losses)
    return how


def needed(how: Compiled | None, verb: str) -> Compiled:
    """What a verb cannot do without.

    Raises:
        UsageError: the model was not compiled.
    """
    if how is None:
        raise UsageError(
            "model-not-compiled",
            f"{verb}: the model has no optimizer and loss yet.",
            'Call model.compile(optimizer="adam", loss="categorical_crossentropy") first.',
        )
    return how
