"""`fit` and `evaluate` on arrays in memory: the Keras-like path through the one training loop."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

from striate.arrays import input_tensor, target_tensor
from striate.data import TensorStore, TrainBatches
from striate.errors import DataError, UsageError, unknown_name
from striate.inference import BATCH_SIZE, device_of, network_outputs
from striate.losses import Loss
from striate.losses import get as get_loss
from striate.metrics import Estimate, wilson
from striate.predictions import Task
from striate.report.live import watcher
from striate.training import EpochEnded, Event, OnEvent, fit, ignore, parse_recipe

Optimizer = Literal["sgd", "adam", "adamw", "rmsprop", "adadelta"]
LEARNING_RATES: Mapping[str, float] = {  # Keras's defaults; adadelta as in its paper
    "sgd": 0.01, "adam": 1e-3, "adamw": 1e-3, "rmsprop": 1e-3, "adadelta": 1.0,
}  # fmt: skip
METRICS = ("accuracy",)


@dataclass(frozen=True)
class Compiled:
    """How `fit` trains: plain values, kept in the model file."""

    optimizer: Optimizer
    loss: Loss
    metrics: tuple[str, ...]
    learning_rate: float

    @property
    def task(self) -> Task:
        return self.loss.task

    def to_json(self) -> dict[str, Any]:
        """What `compiled` takes back."""
        return {
            "optimizer": self.optimizer,
            "loss": self.loss.to_json(),
            "metrics": list(self.metrics),
            "learning_rate": self.learning_rate,
        }


@dataclass
class History:
    """What `fit` gives back: `.history["val_accuracy"]` and so on, one value an epoch."""

    history: dict[str, list[float]] = field(default_factory=dict)

    @property
    def epoch(self) -> list[int]:
        return list(range(len(next(iter(self.history.values()), []))))


def compiled(
    optimizer: str, loss: Any, metrics: Sequence[str], learning_rate: float | None
) -> Compiled:
    """Check the names that `compile` was given.

    Raises:
        UnknownName: no optimizer, loss or metric has that name.
    """
    name = str(optimizer).lower()
    if name not in get_args(Optimizer):
        raise unknown_name("optimizer", str(optimizer), get_args(Optimizer))
    for metric in metrics:
        if metric not in METRICS:
            raise unknown_name("metric", str(metric), METRICS)
    if learning_rate is not None and not learning_rate > 0:
        raise UsageError(
            "usage-learning-rate", f"compile: learning_rate must be above 0, got {learning_rate}."
        )
    rate = learning_rate if learning_rate is not None else LEARNING_RATES[name]
    return Compiled(name, get_loss(loss), tuple(metrics), rate)  # type: ignore[arg-type]


def fit_arrays(
    network: nn.Module,
    how: Compiled,
    data: tuple[Any, Any],
    *,
    input_shape: tuple[int, ...] | None,
    batch_size: int,
    epochs: int,
    validation: tuple[Any, Any] | None,
    validation_split: float,
    seed: int,
    verbose: bool,
) -> History:
    """Train a network that gives logits (or numbers) on arrays; it holds the last weights then."""
    x, y = data
    held_out = validation
    if validation is None and validation_split:
        (x, y), held_out = _hold_out(x, y, validation_split, how.task, seed)
    images, targets = _checked(network, how, x, y, input_shape)
    judged = _checked(network, how, *held_out, input_shape) if held_out is not None else None
    tally = _Tally(network, how, judged)
    batches = TrainBatches(
        TensorStore(images),
        targets,
        np.arange(len(images)),
        batch_size=batch_size,
        seed=seed,
        keep_rest=True,
    )
    recipe = parse_recipe(
        {
            "epochs": epochs,
            "batch_size": batch_size,
            "optimizer": how.optimizer,
            "learning_rate": how.learning_rate,
            "momentum": 0.0,
            "weight_decay": 0.0,
            "schedule": "constant",
            "warmup": 0.0,
            "seed": seed,
            "device": "cpu" if device_of(network).type == "cpu" else "auto",
        },
        where="fit",
    )
    with watcher() if verbose else nullcontext(ignore) as watch:
        tally.watch = watch
        fit(network, batches, tally.objective, recipe, on_event=tally)
    return History(tally.history)


def evaluate_arrays(
    network: nn.Module, how: Compiled, images: Tensor, y: Any
) -> dict[str, Estimate]:
    """The loss and the compiled metrics, each with its interval and n."""
    outputs = torch.from_numpy(network_outputs(network, torch.split(images, BATCH_SIZE)))
    targets = _targets(y, how, outputs, len(images))
    each = how.loss(outputs, targets, from_logits=True).double().numpy()
    mean, n = float(each.mean()), len(each)
    spread = 1.96 * float(each.std(ddof=1)) / n**0.5 if n > 1 else float("nan")
    found = {"loss": Estimate(mean, mean - spread, mean + spread, n)}
    if "accuracy" in how.metrics and how.task != "regression":
        right = _right(outputs, targets, how.task)
        found["accuracy"] = wilson(float(right.sum()), right.numel())
    return found


@dataclass
class _Tally:
    """Counts right answers while the loss is computed, judges each epoch, collects the history.

    The network keeps its last weights, as Keras users expect, so judging is not the loop's job.
    """

    network: nn.Module
    how: Compiled
    held_out: tuple[Tensor, Tensor] | None
    watch: OnEvent = ignore
    history: dict[str, list[float]] = field(default_factory=dict)
    right: int = 0
    seen: int = 0

    def objective(self, outputs: Tensor, targets: Tensor, weights: Tensor | None) -> Tensor:
        """The compiled loss, averaged over the batch."""
        losses = self.how.loss(outputs, targets, from_logits=True)
        if "accuracy" in self.how.metrics and self.how.task != "regression":
            right = _right(outputs.detach(), targets, self.how.task)
            self.right += int(right.sum())
            self.seen += right.numel()
        return losses.mean() if weights is None else (losses * weights).mean()

    def __call__(self, event: Event) -> None:
        if isinstance(event, EpochEnded):
            event = replace(event, row=event.row | self._end_epoch(event.row["train_loss"]))
        self.watch(event)

    def _end_epoch(self, loss: float) -> dict[str, float]:
        row = {"loss": loss}
        if self.seen:
            row["accuracy"] = self.right / self.seen
        self.right = self.seen = 0
        if self.held_out is not None:
            found = evaluate_arrays(self.network, self.how, *self.held_out)
            row |= {f"val_{name}": float(one.value or 0.0) for name, one in found.items()}
        for name, value in row.items():
            self.history.setdefault(name, []).append(value)
        return {name: value for name, value in row.items() if name != "loss"}


def _right(outputs: Tensor, targets: Tensor, task: Task) -> Tensor:
    """Which answers are right: one an image, or one a label where there can be several."""
    if task == "multi_label":
        return (outputs.reshape(targets.shape) > 0) == (targets > 0.5)
    truth = targets if targets.ndim == 1 else targets.argmax(dim=1)
    return outputs.argmax(dim=1) == truth


def _checked(
    network: nn.Module, how: Compiled, x: Any, y: Any, input_shape: tuple[int, ...] | None
) -> tuple[Tensor, Tensor]:
    """Images and targets as tensors, after one image has gone through the network."""
    images = input_tensor(x, input_shape=input_shape)
    if not len(images):
        raise DataError("data-no-images", "There are no images to train on.", "x is empty.")
    outputs = torch.from_numpy(network_outputs(network, [images[:1]]))
    return images, _targets(y, how, outputs, len(images))


def _targets(y: Any, how: Compiled, outputs: Tensor, images: int) -> Tensor:
    classes = outputs.shape[1] if outputs.ndim == 2 else None
    targets = target_tensor(y, how.task, classes)
    if len(targets) != images:
        raise DataError(
            "data-lengths",
            f"There are {images} images and {len(targets)} labels.",
            "Give one label for each image.",
        )
    return targets


def _hold_out(
    x: Any, y: Any, share: float, task: Task, seed: int
) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """A random share of the rows, every class in proportion where there is one class a row."""
    if not 0 < share < 1:
        raise UsageError(
            "usage-validation-split",
            f"fit: validation_split must lie between 0 and 1, got {share}.",
        )
    targets = target_tensor(y, task).numpy()
    strata: NDArray[Any] | None = None
    if task == "single_label":
        labels = targets if targets.ndim == 1 else targets.argmax(axis=1)
        strata = labels if np.bincount(labels)[np.unique(labels)].min() > 1 else None
    try:
        train, held = train_test_split(
            np.arange(len(targets)), test_size=share, stratify=strata, random_state=seed % 2**32
        )
    except ValueError as error:
        raise DataError(
            "data-too-few", f"validation_split={share} of {len(targets)} rows: {error}."
        ) from error
    rows_x, rows_y = (v if isinstance(v, Tensor) else np.asarray(v) for v in (x, y))
    return (rows_x[train], rows_y[train]), (rows_x[held], rows_y[held])
