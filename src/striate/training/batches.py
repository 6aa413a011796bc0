"""What training needs of batches, whoever makes them."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Protocol

import numpy as np
from torch import Tensor


class Batch(Protocol):
    """Some images with their targets.

    Args:
        images: float32 [N, C, H, W], on the device.
        targets: whatever the objective understands, N of them.
        indices: the images' record numbers, [N], for messages.
        weights: how much each image counts, [N]; `None` is equally.
        share: of the whole batch's loss; below 1 where several processes share a batch.
    """

    @property
    def images(self) -> Tensor: ...
    @property
    def targets(self) -> Tensor: ...
    @property
    def indices(self) -> np.ndarray: ...
    @property
    def weights(self) -> Tensor | None: ...
    @property
    def share(self) -> float: ...


class TrainBatches(Protocol):
    """Batches whose order and content depend on (seed, epoch) alone.

    Args:
        steps: batches per epoch.
    """

    @property
    def steps(self) -> int: ...
    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch (from 0), without the first `start`."""
        ...


def grouped(batches: Iterable[Batch], size: int) -> Iterator[list[Batch]]:
    """Lists of `size` batches, the last one shorter where they do not come out even."""
    iterator = iter(batches)
    while group := list(islice(iterator, size)):
        yield group


@contextmanager
def closed_after(batches: Iterator[Batch]) -> Iterator[Iterator[Batch]]:
    """Iterators that hold threads or files are closed when the block is left, however it is."""
    try:
        yield batches
    finally:
        close = getattr(batches, "close", None)
        if close is not None:
            close()
