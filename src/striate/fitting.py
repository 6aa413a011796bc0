"""`fit` and `evaluate` on arrays in memory: the Keras-like path through the one training loop."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from striate import scores
from striate.arrays import check_finite, row_shape, target_tensor
from striate.compiling import Compiled
from striate.data import TensorStore, TrainBatches
from striate.ends import Ends, Packing
from striate.errors import DataError, UsageError
from striate.inference import BATCH_SIZE, device_of, network_outputs
from striate.losses import Loss
from striate.mistakes import check_outputs, last_layer, warn_of_one_hot, warn_of_scale
from striate.nn import penalty
from striate.report.live import watcher
from striate.scores import Answers, Score
from striate.training import EpochEnded, Event, OneForEach, OnEvent, fit, ignore, parse_recipe

ONE_END = Ends()


@dataclass
class History:
    """What `fit` gives back: `.history["val_accuracy"]` and so on, one value an epoch."""

    history: dict[str, list[float]] = field(default_factory=dict)

    @property
    def epoch(self) -> list[int]:
        return list(range(len(next(iter(self.history.values()), []))))


@dataclass(frozen=True)
class Settings:
    """What `fit` was asked, as its own arguments say it; images are tensors already."""

    batch_size: int
    epochs: int
    validation_data: tuple[Tensor, Any] | None
    validation_split: float
    class_weight: Mapping[int, float] | str | None
    seed: int
    verbose: bool


@dataclass(frozen=True)
class Rows:
    """Images of a network as one tensor, and the targets of each of its outputs."""

    images: Tensor
    targets: list[Tensor]

    def __getitem__(self, rows: NDArray[np.intp]) -> "Rows":
        return Rows(self.images[rows], [target[rows] for target in self.targets])


def fit_arrays(
    network: nn.Module, how: Compiled, ends: Ends, images: Tensor, y: Any, settings: Settings
) -> History:
    """Train a network that gives logits (or numbers) on arrays; it holds the last weights then.

    Args:
        images: as the network takes them; of several inputs, as `Ends.images` packs them.
    """
    wrapped = ends.wrapped(network)
    rows = _checked(wrapped, how, ends, images, y)
    warn_of_scale(ends.input_packing.unpack(rows.images), wrapped)
    held_out: Rows | None = None
    if settings.validation_data is not None:
        held_out = _checked(wrapped, how, ends, *settings.validation_data)
    elif settings.validation_split:
        rows, held_out = _hold_out(rows, settings.validation_split, how, settings.seed)
    packing = Packing.of(rows.targets)
    tally = _Tally(wrapped, how, ends, packing, held_out)
    batches = TrainBatches(
        TensorStore(rows.images),
        packing.pack(rows.targets),
        np.arange(len(rows.images)),
        batch_size=settings.batch_size,
        seed=settings.seed,
        loss_weights=_class_weights(settings.class_weight, rows.targets, how),
        keep_rest=True,
    )
    recipe = parse_recipe(
        {
            **how.optimizer.settings(),
            "epochs": settings.epochs,
            "batch_size": settings.batch_size,
            "schedule": "constant",
            "warmup": 0.0,
            "seed": settings.seed,
            "device": "cpu" if device_of(network).type == "cpu" else "auto",
        },
        where="fit",
    )
    with watcher() if settings.verbose else nullcontext(ignore) as watch:
        tally.watch = watch
        fit(wrapped, batches, OneForEach(tally.objective, tally.loss), recipe, on_event=tally)
    return History(tally.history)


def evaluate_arrays(
    network: nn.Module,
    how: Compiled,
    images: Tensor,
    y: Any,
    ends: Ends = ONE_END,
    outputs: Callable[[Sequence[Tensor], int], NDArray[np.float32]] | None = None,
) -> dict[str, Score]:
    """The loss and the compiled metrics, each with its interval and n.

    Args:
        outputs: what answers (batches of so many images); the network itself if unset.
    """
    wrapped = ends.wrapped(network)
    rows = _checked(wrapped, how, ends, images, y)
    ask = outputs or (lambda batches, _images: network_outputs(wrapped, batches))
    packed = ask(torch.split(rows.images, BATCH_SIZE), len(rows.images))
    return _judged(packed, how, ends, rows, scores.RESAMPLES)


def _judged(
    raw: NDArray[np.float32], how: Compiled, ends: Ends, rows: Rows, resamples: int
) -> dict[str, Score]:
    packed = torch.from_numpy(raw)
    losses: dict[str, Tensor] = {}
    found: dict[str, Score] = {}
    for name, loss, outputs, targets in zip(
        ends.outputs, how.losses_of(ends), ends.split(packed), rows.targets, strict=True
    ):
        losses[name] = loss(outputs, targets, from_logits=True)
        answers = Answers(loss.task, outputs, targets, resamples)
        for metric in how.metrics_of(loss):
            found[named(name, metric.name)] = metric.of(answers)
    whole: dict[str, Score] = {"loss": scores.mean(torch.stack(list(losses.values())).sum(dim=0))}
    if len(losses) > 1:
        whole |= {named(name, "loss"): scores.mean(each) for name, each in losses.items()}
    return whole | found


def named(output: str, number: str) -> str:
    """A number's name where there are several outputs, as Keras has it: "age_loss"."""
    return f"{output}_{number}" if output else number


@dataclass
class _Tally:
    """Counts right answers while the loss is computed, judges each epoch, collects the history.

    The network keeps its last weights, as Keras users expect, so judging is not the loop's job.
    """

    network: nn.Module
    how: Compiled
    ends: Ends
    packing: Packing
    held_out: Rows | None
    watch: OnEvent = ignore
    history: dict[str, list[float]] = field(default_factory=dict)
    counts: dict[str, tuple[int, int]] = field(default_factory=dict)  # right, seen

    def objective(self, outputs: Tensor, targets: Tensor, weights: Tensor | None) -> Tensor:
        """The compiled losses, each averaged over the batch, and the penalties on weights."""
        for name, loss, output, target in self._ends(outputs, targets):
            self._count(name, loss, output.detach(), target)
        weighty = penalty(self.network, self.how.kernel_regularizer).to(outputs.device)
        return weighty + self.loss(outputs, targets, weights)

    def loss(self, outputs: Tensor, targets: Tensor, weights: Tensor | None) -> Tensor:
        """The compiled losses alone, each averaged over the batch."""
        total = torch.zeros((), device=outputs.device)
        for _, loss, output, target in self._ends(outputs, targets):
            each = loss(output, target, from_logits=True)
            total = total + (each.mean() if weights is None else (each * weights).mean())
        return total

    def _ends(self, outputs: Tensor, targets: Tensor) -> Iterator[tuple[str, Loss, Tensor, Tensor]]:
        """Name, loss, values and targets of each output."""
        losses, each = self.how.losses_of(self.ends), self.ends.split(outputs)
        return zip(self.ends.outputs, losses, each, self.packing.unpack(targets), strict=True)

    def _count(self, name: str, loss: Loss, outputs: Tensor, targets: Tensor) -> None:
        answers = Answers(loss.task, outputs, targets)
        for metric in self.how.metrics_of(loss):
            if metric.count is not None:
                hits = metric.count(answers)
                right, seen = self.counts.get(key := named(name, metric.name), (0, 0))
                self.counts[key] = (right + int(hits.sum()), seen + hits.numel())

    def __call__(self, event: Event) -> None:
        if isinstance(event, EpochEnded):
            event = replace(event, row=event.row | self._end_epoch(event.row["train_loss"]))
        self.watch(event)

    def _end_epoch(self, loss: float) -> dict[str, float]:
        row = {"loss": loss} | {name: right / seen for name, (right, seen) in self.counts.items()}
        self.counts = {}
        if self.held_out is not None:
            batches = torch.split(self.held_out.images, BATCH_SIZE)
            raw = network_outputs(self.network, batches)
            found = _judged(raw, self.how, self.ends, self.held_out, resamples=0)
            numbers = {name: scores.scalar(score) for name, score in found.items()}
            row |= {f"val_{name}": value for name, value in numbers.items() if value is not None}
        for name, value in row.items():
            self.history.setdefault(name, []).append(value)
        return {name: value for name, value in row.items() if name != "loss"}


def _checked(network: nn.Module, how: Compiled, ends: Ends, images: Tensor, y: Any) -> Rows:
    """Images and targets as tensors, after one image has gone through the network."""
    if not len(images):
        raise DataError(
            "data-no-images", "x is empty: there are no images.", "Give at least one image."
        )
    if images.ndim < 2:
        row_shape(images)  # says that these are no rows
    check_finite(images, "x")
    probe = torch.from_numpy(network_outputs(network, [images[:1]]))
    targets = []
    last = "" if ends.several else last_layer(network)
    for loss, outputs, one in zip(
        how.losses_of(ends), ends.split(probe), ends.targets(y), strict=True
    ):
        check_outputs(network, loss, outputs)
        warn_of_one_hot(one, loss)
        targets.append(_targets(one, loss, outputs, len(images), last))
    return Rows(images, targets)


def _targets(y: Any, loss: Loss, outputs: Tensor, images: int, last: str) -> Tensor:
    targets = target_tensor(y, loss.task, outputs.shape[1] if outputs.ndim == 2 else None, last)
    if len(targets) != images:
        raise DataError(
            "data-lengths",
            f"There are {images} images in x and {len(targets)} labels in y.",
            "Give one label for each image.",
        )
    if targets.is_floating_point():
        check_finite(targets, "y")
    return targets


def _class_weights(
    asked: Mapping[int, float] | str | None, targets: Sequence[Tensor], how: Compiled
) -> Tensor | None:
    """The weight of each sample in the loss, from the weight of its class."""
    if asked is None:
        return None
    if len(targets) > 1 or how.task == "regression" or targets[0].ndim > 1:
        raise UsageError(
            "train-class-weight",
            "fit: class_weight needs one output and one class number a sample.",
            "Give labels as whole numbers, or use a focal loss.",
        )
    labels = targets[0].long()
    present = torch.unique(labels).tolist()
    if asked == "balanced":
        counts = labels.bincount().double()
        return (len(labels) / (len(present) * counts))[labels].float()
    if not isinstance(asked, Mapping) or not all(
        isinstance(value, int | float) and value >= 0 for value in asked.values()
    ):
        raise UsageError(
            "train-class-weight",
            f"fit: class_weight must map class numbers to weights of 0 or more, got {asked!r}.",
            'For example {0: 1.0, 1: 5.0}, or "balanced".',
        )
    if missing := [label for label in present if label not in asked]:
        raise UsageError(
            "train-class-weight",
            f"fit: class_weight has no weight for class {missing[0]}, which y holds.",
            f"Give a weight for each of the classes {present[0]} to {present[-1]}.",
        )
    return torch.tensor([float(asked[label]) for label in labels.tolist()])


def _hold_out(rows: Rows, share: float, how: Compiled, seed: int) -> tuple[Rows, Rows]:
    """A random share of the rows, every class in proportion where there is one class a row."""
    from sklearn.model_selection import train_test_split  # here, since it takes a second

    if not 0 < share < 1:
        raise UsageError(
            "usage-validation-split",
            f"fit: validation_split must be a fraction between 0 and 1, got {share}.",
            f"For {share:g} percent say {share / 100:g}." if 1 <= share < 100 else "",
        )
    strata: NDArray[Any] | None = None
    if how.task == "single_label" and len(rows.targets) == 1:
        targets = rows.targets[0].numpy()
        labels = targets if targets.ndim == 1 else targets.argmax(axis=1)
        strata = labels if np.bincount(labels)[np.unique(labels)].min() > 1 else None
    try:
        train, held = train_test_split(
            np.arange(len(rows.images)),
            test_size=share,
            stratify=strata,
            random_state=seed % 2**32,
        )
    except ValueError as error:
        raise DataError(
            "data-too-few", f"validation_split={share} of {len(rows.images)} rows: {error}."
        ) from error
    return rows[train], rows[held]
