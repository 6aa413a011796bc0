"""Features computed once, kept in memory or in a file, and dealt out like the images they are of.

A frozen part of a network gives the same answer for the same image in every epoch. What is trained
behind it can be fed with kept answers, in the order in which the images would have come.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import FileIO
from pathlib import Path
from typing import Self, cast

import numpy as np
import torch
from torch import Tensor

from striate.data.batches import Batch, EvalBatches, TrainBatches
from striate.data.draws import Draws
from striate.files import cannot_write


class FeatureStore:
    """Features of some records, each seen in one or several ways: float32 [views, n, *shape].

    Maps lie in memory channels last, as convolutions give and take them. Close the store after
    use, or enter it as a context.

    Args:
        records: record numbers, int64 [n], each once.
        views: of every record.
        shape: of the features of one image, such as (K,) or (K, h, w).
        folder: on its disk the features lie, in a file that is mapped; None is in memory. The file
            has no name there (on Windows it goes with its last handle), so that nothing is left
            behind, however the process ends.
    Raises:
        FileError: the folder cannot be written, or its disk is full.
    """

    def __init__(
        self, records: np.ndarray, views: int, shape: tuple[int, ...], folder: Path | None = None
    ) -> None:
        self.records, self.views, self.shape, self.folder = records, views, shape, folder
        self._rows = np.zeros(int(records.max(initial=-1)) + 1, np.int64)
        self._rows[records] = np.arange(len(records))
        kept = (views * len(records), *shape[1:], shape[0])  # channels last
        self._file: FileIO | None = None
        if folder is None:
            self._values = np.empty(kept, np.float32)
        else:
            self._file, self._values = _mapped(folder, kept)

    @property
    def bytes(self) -> int:
        """What the features take, in memory or on the disk."""
        return self._values.nbytes

    def put(self, view: int, records: np.ndarray, features: Tensor) -> None:
        """Keep the features of some records.

        Shape: records int64 [N]; features [N, *shape], on any device.
        Raises:
            FileError: the disk is full. The store can then only be closed.
        """
        values = features.detach().float().cpu().movedim(1, -1).numpy()
        places = self._places(records, np.full(len(records), view))
        if self._file is None:
            self._values[places] = values
            return
        try:
            for place, value in zip(places.tolist(), values, strict=True):
                self._file.seek(place * value.nbytes)
                _write_all(self._file, value.tobytes())
        except OSError as error:
            raise _full(cast(Path, self.folder), error, self.bytes) from error

    def gather(self, records: np.ndarray, views: np.ndarray) -> Tensor:
        """Features [N, *shape] of records int64 [N], each in the view of its own, int64 [N]."""
        return torch.from_numpy(self._values[self._places(records, views)]).movedim(-1, 1)

    def _places(self, records: np.ndarray, views: np.ndarray) -> np.ndarray:
        return views * len(self.records) + self._rows[records]

    def close(self) -> None:
        """Give the memory or the disk space back; there is nothing to gather any more."""
        self._values = self._values[:0].copy()
        if self._file is not None:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True, eq=False)
class FeatureBatches:
    """The batches of `images`, with kept features in place of the images.

    Order, targets, weights and batch size are those of `images`: epoch for epoch and step for
    step the same records, continued after an interruption by the same rule. Which view a sample
    comes in is drawn evenly by a hash of (seed, epoch, place in the epoch). Labels are not mixed,
    whatever the augmentation of `images`.

    Args:
        features: of all records of `images`.
        images: whose pixels are not read.
    """

    features: FeatureStore
    images: TrainBatches

    @property
    def steps(self) -> int:
        """Batches in an epoch."""
        return self.images.steps

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch, counted from 0, from step `start` on."""
        bare = replace(
            self.images,
            store=_NoPixels(),
            preprocessing=None,
            augmentation=None,
            workers=0,
        )
        for step, batch in enumerate(bare.epoch(epoch, start), start):
            places = step * self.images.batch_size + np.arange(len(batch.indices))
            views = Draws(self.images.seed, epoch, places).whole("view", 0, self.features.views)
            yield _with_features(batch, self.features.gather(batch.indices, views))


@dataclass(frozen=True, eq=False)
class FeatureEval:
    """The batches of `images` in their order, with features of view 0 in place of the images."""

    features: FeatureStore
    images: EvalBatches

    def __len__(self) -> int:
        return len(self.images)

    def __iter__(self) -> Iterator[Batch]:
        for batch in replace(self.images, store=_NoPixels(), preprocessing=None, workers=0):
            views = np.zeros(len(batch.indices), np.int64)
            yield _with_features(batch, self.features.gather(batch.indices, views))


class _NoPixels:
    """Stands where batches have their images from, when only their order and targets are wanted."""

    reason = "The features were computed once."

    def gather(self, indices: np.ndarray) -> Tensor:
        return torch.empty(len(indices), 0)


def _with_features(batch: Batch, features: Tensor) -> Batch:
    """The batch of these features, on its device."""
    return replace(batch, images=features.to(batch.images.device, non_blocking=True))


def _mapped(folder: Path, shape: tuple[int, ...]) -> tuple[FileIO, np.ndarray]:
    """A file without a name, and its float32 values to be read."""
    size = 4 * int(np.prod(shape, dtype=np.int64))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115  the store closes it
        try:
            file.truncate(size)
            return file, np.memmap(file, np.float32, "r", shape=shape)
        except BaseException:
            file.close()
            raise
    except OSError as error:
        raise _full(folder, error, size) from error


def _write_all(file: FileIO, data: bytes) -> None:
    """An unbuffered file may take a part only, just before the disk is full."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _full(folder: Path, error: OSError, size: int) -> Exception:
    return cannot_write(folder / "features", error, size)
