"""The frozen part of a network, run once for every image and view."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn

from striate.data import (
    Augmentation,
    Batch,
    EvalBatches,
    FeatureBatches,
    FeatureEval,
    FeatureStore,
    TrainBatches,
)
from striate.inference import BATCH_SIZE, network_outputs
from striate.tasks.caching import FLOAT, room_in
from striate.tasks.loading import TrainingData
from striate.training import OnEvent, StageProgress, StopSignal, channels_last, ignore
from striate.training.batches import closed_after


@dataclass(frozen=True, eq=False)
class CachedFeatures:
    """What the frozen part makes of the training and validation images; close it after use."""

    train: FeatureBatches
    val: FeatureEval | None

    @property
    def bytes(self) -> int:
        """What the features take, in memory or on the disk."""
        return self.train.features.bytes + (self.val.features.bytes if self.val else 0)

    def close(self) -> None:
        """Give the memory or the disk space back."""
        self.train.features.close()
        if self.val is not None:
            self.val.features.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def cached_features(
    body: nn.Module,
    data: TrainingData,
    *,
    views: int,
    folder: Path,
    on_event: OnEvent = ignore,
    stop: StopSignal | None = None,
) -> CachedFeatures:
    """Run the body once per training image and view, and once per validation image.

    View 0 is the plain centre, as evaluation sees it. Views 1.. are made by the training's own
    augmentation under the random numbers of the epochs 0.., without mixup and cutmix: mixed labels
    belong to a batch and cannot be kept. An augmentation that changes nothing leaves one view.

    The body is moved to the training's device, and runs in eval mode as the network does when it
    is judged; it is left in the mode it was found in.

    Args:
        body: images [N, C, H, W] -> features [N, ...].
        folder: where the file is, if a quarter of the free memory is too little (`worth_caching`
            tells beforehand whether the disk has room).
        stop: when it asks to stop, `KeyboardInterrupt` is raised after the batch under way.
    Raises:
        FileError: the disk is full, or the folder cannot be written.
        DataError: an image cannot be read any more.
    """
    body.to(data.train.device)
    channels_last(body)
    passes = _passes(data.train, views)
    shape = _shape(body, data.train)
    train, val = data.train.indices, data.val.indices if data.val else np.zeros(0, np.int64)
    total = len(passes) * len(train) + len(val)
    place = None if total * prod(shape) * FLOAT <= room_in(folder).memory else folder
    with ExitStack() as opened:
        seen = opened.enter_context(FeatureStore(train, len(passes), shape, place))
        watch = _Watch(total, on_event, stop)
        for view, batches in enumerate(passes):
            _fill(seen, view, body, batches, watch)
        judged = None
        if data.val:
            store = opened.enter_context(FeatureStore(val, 1, shape, place))
            _fill(store, 0, body, iter(data.val), watch)
            judged = FeatureEval(store, data.val)
        opened.pop_all()  # whole: they are the caller's to close
    return CachedFeatures(FeatureBatches(seen, data.train), judged)


@dataclass
class _Watch:
    """Tells how far it is, and listens for a stop."""

    total: int
    on_event: OnEvent
    stop: StopSignal | None
    done: int = 0

    def __call__(self, images: int) -> None:
        self.done += images
        self.on_event(StageProgress("Computing the features", self.done, self.total))
        if self.stop is not None and self.stop.requested:
            raise KeyboardInterrupt


def _fill(
    store: FeatureStore, view: int, body: nn.Module, batches: Iterator[Batch], watch: _Watch
) -> None:
    with closed_after(batches):
        for batch in batches:
            store.put(view, batch.indices, _features(body, batch.images))
            watch(len(batch.indices))


def _passes(train: TrainBatches, views: int) -> list[Iterator[Batch]]:
    """For each view the batches that show every training image once."""
    plain = iter(_plain(train, train.indices))
    augmentation = replace(train.augmentation or Augmentation(), mixup=0.0, cutmix=0.0)
    if not _changes(augmentation):
        return [plain]
    whole = replace(
        train,
        batch_size=BATCH_SIZE,
        augmentation=augmentation,
        sample_weights=None,
        keep_rest=True,
    )
    return [plain, *(whole.epoch(number) for number in range(views - 1))]


def _changes(augmentation: Augmentation) -> bool:
    """Whether any image looks different afterwards."""
    strengths = (augmentation.color_jitter, augmentation.randaugment, augmentation.erasing)
    return augmentation.crop != "none" or augmentation.flip or any(strengths)


def _plain(train: TrainBatches, records: np.ndarray) -> EvalBatches:
    """Training images as evaluation sees them."""
    return EvalBatches(
        train.store,
        None,
        records,
        batch_size=BATCH_SIZE,
        preprocessing=train.preprocessing,
        workers=train.workers,
        device=train.device,
    )


def _features(body: nn.Module, images: Tensor) -> Tensor:
    return torch.from_numpy(network_outputs(body, (images,)))


def _shape(body: nn.Module, train: TrainBatches) -> tuple[int, ...]:
    """Of the features of one image."""
    (batch,) = _plain(train, train.indices[:1])
    return tuple(_features(body, batch.images).shape[1:])
