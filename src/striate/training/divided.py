"""What several processes train together: the same network, and of every batch a part each."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from torch import Tensor, nn

from striate.errors import TrainingError, UsageError
from striate.training.batches import Batch, TrainBatches
from striate.training.ranks import Ranks
from striate.training.recipe import Recipe

TINY = 1e-300  # instead of 0, to divide by


@runtime_checkable
class Divisible(Protocol):
    """Batches that can give a part of each without making the rest of it."""

    def divided(self, part: int, parts: int) -> TrainBatches: ...


def divided(batches: TrainBatches, ranks: Ranks) -> TrainBatches:
    """The same batches, of each the part of this process."""
    if isinstance(batches, Divisible):
        return batches.divided(ranks.rank, ranks.count)
    return _Parts(batches, ranks.rank, ranks.count)


def check_alike(ranks: Ranks, recipe: Recipe, batches: TrainBatches) -> None:
    """Raise unless all processes are to train in the same way.

    Raises:
        TrainingError: `train-processes-differ`.
    """
    settings = recipe.model_dump(mode="json", exclude={"device", "workers"})
    theirs = ranks.gathered({**settings, "steps of an epoch": batches.steps})
    different = sorted(
        name for name, value in theirs[0].items() if any(one[name] != value for one in theirs)
    )
    if different:
        raise TrainingError(
            "train-processes-differ",
            f"The {ranks.count} processes were not asked the same: {', '.join(different)} differ.",
            "Start all of them with the same data and options.",
        )


def copy_network(network: nn.Module, ranks: Ranks) -> None:
    """Put the first process's weights and buffers into the networks of all."""
    ranks.copy_first([*network.parameters(), *network.buffers()])


@dataclass(frozen=True)
class _Part:
    """Some rows of a batch."""

    images: Tensor
    targets: Tensor
    indices: np.ndarray
    weights: Tensor | None
    share: float


@dataclass(frozen=True)
class _Parts:
    """One part of each batch of others, which are made whole and then cut."""

    whole: TrainBatches
    part: int
    parts: int

    @property
    def steps(self) -> int:
        return self.whole.steps

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """The parts of the batches of an epoch."""
        for batch in self.whole.epoch(epoch, start):
            yield self._cut(batch)

    def _cut(self, batch: Batch) -> Batch:
        count = len(batch.images)
        if count < self.parts:
            raise UsageError(
                "usage-batch-parts",
                f"A batch of {count} images cannot be shared by {self.parts} processes.",
                "Use fewer processes, or a larger --batch-size.",
            )
        rows = slice(count * self.part // self.parts, count * (self.part + 1) // self.parts)
        weights, share = None, (rows.stop - rows.start) / count
        if batch.weights is not None:
            weights = batch.weights[rows]
            share = float(weights.double().sum() / batch.weights.double().sum().clamp_min(TINY))
        return _Part(batch.images[rows], batch.targets[rows], batch.indices[rows], weights, share)
