"""Batches: gathered ahead in the background, changed and normalised on the device."""

from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass, replace

import numpy as np
import torch
from torch import Tensor

from striate.data.augment import Augmentation
from striate.data.crew import Crew
from striate.data.draws import Draws, repeats_of, shuffled, weighted
from striate.data.preprocessing import Preprocessing
from striate.data.stores import CanvasStore
from striate.errors import DataError, UsageError

TINY = 1e-300  # instead of 0, to divide by
CHUNK = 2**21  # values augmented at once on the CPU, so that copies stay small and in its cache


@dataclass(frozen=True, eq=False)
class Batch:
    """What one training step or evaluation step sees.

    Args:
        images: float32 [N, C, H, W] on the device, or rows of the given array.
        targets: int64 [N]; float32 [N, classes] when mixed or multi-label; float32 [N].
        indices: record numbers, int64 [N].
        weights: of the samples in the loss, float32 [N]; None is 1 for all.
        share: of the whole batch's loss; below 1 where several processes share a batch.
    """

    images: Tensor
    targets: Tensor
    indices: np.ndarray
    weights: Tensor | None = None
    share: float = 1.0


@dataclass(frozen=True, eq=False)
class TrainBatches:
    """The training records in a new random order every epoch.

    Order and augmentation follow from (seed, epoch) alone: `epoch(e, start)` continues exactly
    where an interrupted epoch stopped, and `workers` changes no bit.

    Args:
        store: the images of all records.
        targets: of all records, [n, ...].
        indices: record numbers of the training part.
        batch_size: images.
        preprocessing: None for arrays that are the input tensors already.
        augmentation: None changes nothing but cuts the centre of the canvas.
        classes: needed to mix whole labels.
        sample_weights: one per entry of `indices`; as many records as there are, drawn with
            replacement in these proportions.
        loss_weights: of all records, float32 [n], passed on in the batches.
        keep_rest: the last batch may be small; else it is left out, unless it is the only one, so
            that no statistics rest on few images. Other records are in it in every epoch.
        workers: threads that gather batches ahead; 0 gathers in place.
        part: of every batch, as (1, 3) for the second of three; together the parts are, but for
            their order in memory, bit for bit the batch.
    Raises:
        UsageError: a value breaks its rule.
        DataError: there are no records; or, from `epoch`, an image cannot be read any more.
    """

    store: CanvasStore
    targets: Tensor
    indices: np.ndarray
    _: KW_ONLY
    batch_size: int
    seed: int
    preprocessing: Preprocessing | None = None
    augmentation: Augmentation | None = None
    classes: int | None = None
    sample_weights: np.ndarray | None = None
    loss_weights: Tensor | None = None
    keep_rest: bool = False
    workers: int = 0
    device: torch.device | str = "cpu"
    part: tuple[int, int] = (0, 1)

    def __post_init__(self) -> None:
        _check(self.batch_size, self.workers)
        if not len(self.indices):
            raise DataError(
                "data-no-training-images", "There is no image to train on.", "Check the split."
            )
        if self.sample_weights is not None:
            _check_weights(self.sample_weights, len(self.indices))

    @property
    def steps(self) -> int:
        """Batches in an epoch."""
        if self.keep_rest:
            return -(-len(self.indices) // self.batch_size)
        return max(1, len(self.indices) // self.batch_size)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch, counted from 0, from step `start` on."""
        draws = self._draws(epoch)
        batches = [
            draws[step * self.batch_size : (step + 1) * self.batch_size]
            for step in range(start, self.steps)
        ]
        parts = [batch[self._rows(len(batch))] for batch in batches]
        gathered = _gather(self.store, [part.records for part in parts], self.workers, self.device)
        for whole, part, canvases in zip(batches, parts, gathered, strict=True):
            batch = self._batch(canvases, part)
            yield batch if self.part == (0, 1) else self._own(batch, whole)

    def divided(self, part: int, parts: int) -> "TrainBatches":
        """These batches, of each the given part, counted from 0; all parts have images.

        Raises:
            UsageError: a batch has fewer images than there are parts.
        """
        smallest = len(self.indices) - (self.steps - 1) * self.batch_size
        if min(smallest, self.batch_size) < parts:
            raise UsageError(
                "usage-batch-parts",
                f"A batch of {min(smallest, self.batch_size)} images cannot be shared by {parts} "
                "processes.",
                "Use fewer processes, or a larger --batch-size.",
            )
        return replace(self, part=(part, parts))

    def _rows(self, count: int) -> slice | np.ndarray:
        """Which of a batch's `count` rows are this part; before them the one that is mixed in."""
        first, last = _span(count, self.part)
        if self.part == (0, 1) or not self._mixes:
            return slice(first, last)
        return np.arange(first - 1, last) % count

    @property
    def _mixes(self) -> bool:
        return self.augmentation is not None and self.augmentation.mixes

    def _own(self, batch: Batch, whole: Draws) -> Batch:
        """The part without the row before it, and with its share of the batch."""
        first, last = _span(len(whole), self.part)
        share = (last - first) / len(whole)
        if self.loss_weights is not None:
            every = self.loss_weights[torch.from_numpy(whole.records)].double()
            share = float(every[first:last].sum() / every.sum().clamp_min(TINY))
        rows = slice(1 if self._mixes else 0, None)
        weights = None if batch.weights is None else batch.weights[rows]
        return Batch(batch.images[rows], batch.targets[rows], batch.indices[rows], weights, share)

    def _draws(self, epoch: int) -> Draws:
        """The records of an epoch in order, each with its random numbers."""
        if self.sample_weights is None:
            order = shuffled(len(self.indices), self.seed, epoch)
            return Draws(self.seed, epoch, self.indices[order])
        records = self.indices[weighted(self.sample_weights, self.seed, epoch)]
        return Draws(self.seed, epoch, records, repeats_of(records))

    def _batch(self, canvases: Tensor, draws: Draws) -> Batch:
        rows = torch.from_numpy(draws.records)
        targets = self.targets[rows].to(self.device)
        weights = None if self.loss_weights is None else self.loss_weights[rows].to(self.device)
        images = canvases.to(self.device, non_blocking=True)
        if self.augmentation is None:
            return Batch(_input(images, self.preprocessing), targets, draws.records, weights)
        images = self._augmented(images, self.augmentation, draws)
        images, targets = self.augmentation.finish(images, targets, draws, self.classes)
        return Batch(images, targets, draws.records, weights)

    def _augmented(self, canvases: Tensor, augmentation: Augmentation, draws: Draws) -> Tensor:
        """Change and normalise, on the CPU a few images at a time."""
        tall, wide = canvases.shape[2:]
        size = self.preprocessing.size if self.preprocessing else (tall, wide)
        count = len(canvases)
        if canvases.device.type == "cpu":
            count = max(1, CHUNK // (canvases.shape[1] * tall * wide))
        changed = [
            _normalise(augmentation(canvases[rows], size, draws[rows]), self.preprocessing)
            for first in range(0, len(canvases), count)
            if (rows := slice(first, first + count))
        ]
        return changed[0] if len(changed) == 1 else torch.cat(changed)


@dataclass(frozen=True, eq=False)
class EvalBatches:
    """All records in order, the canvas's centre, nothing random; the last batch may be small.

    Args:
        targets: of all records; None (nothing is known) gives targets of no column, [N, 0].
        indices: record numbers of the part to evaluate.
    """

    store: CanvasStore
    targets: Tensor | None
    indices: np.ndarray
    _: KW_ONLY
    batch_size: int = 64
    preprocessing: Preprocessing | None = None
    workers: int = 0
    device: torch.device | str = "cpu"

    def __post_init__(self) -> None:
        _check(self.batch_size, self.workers)

    def __len__(self) -> int:
        return -(-len(self.indices) // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        parts = [
            self.indices[first : first + self.batch_size]
            for first in range(0, len(self.indices), self.batch_size)
        ]
        gathered = _gather(self.store, parts, self.workers, self.device)
        for part, canvases in zip(parts, gathered, strict=True):
            images = _input(canvases.to(self.device, non_blocking=True), self.preprocessing)
            known = torch.empty(len(part), 0)
            if self.targets is not None:
                known = self.targets[torch.from_numpy(part)]
            yield Batch(images, known.to(self.device), part)


def _gather(
    store: CanvasStore, parts: Sequence[np.ndarray], workers: int, device: torch.device | str
) -> Iterator[Tensor]:
    """The images of each part, in order, with `workers` threads a few parts ahead."""
    pin = torch.device(device).type == "cuda"  # pinned memory is copied while the device works

    def fetch(part: np.ndarray) -> Tensor:
        images = store.gather(part)
        return images.pin_memory() if pin else images

    if workers == 0:
        yield from map(fetch, parts)
        return
    with Crew(workers) as crew:
        yield from crew.in_order(fetch, parts, window=workers)


def _span(count: int, part: tuple[int, int]) -> tuple[int, int]:
    """First and last row, without it, of a part of a batch."""
    number, parts = part
    return count * number // parts, count * (number + 1) // parts


def _input(canvases: Tensor, preprocessing: Preprocessing | None) -> Tensor:
    """Canvases on the device -> what the network takes, nothing random."""
    return _normalise(preprocessing.centre(canvases) if preprocessing else canvases, preprocessing)


def _normalise(images: Tensor, preprocessing: Preprocessing | None) -> Tensor:
    return preprocessing.normalise(images) if preprocessing else images.float()


def _check(batch_size: int, workers: int) -> None:
    if batch_size < 1:
        raise UsageError("usage-batch-size", f"batch_size must be 1 or more, got {batch_size}.")
    if workers < 0:
        raise UsageError("usage-workers", f"workers must be 0 or more, got {workers}.")


def _check_weights(weights: np.ndarray, records: int) -> None:
    if len(weights) != records or not np.all(weights >= 0) or not 0 < weights.sum() < np.inf:
        raise UsageError(
            "usage-sample-weights",
            "TrainBatches: sample_weights must be one number of 0 or more for each of the "
            f"{records:,} records, not all 0, got {len(weights):,} numbers.",
        )
