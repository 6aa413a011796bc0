"""The frozen part of a network run once: whether that pays, and doing it."""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, suppress
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
from striate.report.words import counted
from striate.tasks.loading import TrainingData
from striate.training import OnEvent, StageProgress, StopSignal, channels_last, ignore
from striate.training.batches import closed_after

SHARE = 1 / 4  # of the free memory, and of the free disk, that features may take
FLOAT = 4  # bytes
BACKWARD = 3  # a trained part costs its forward pass and twice that backwards
FROM_MEMORY, FROM_FILE = 5, 50  # multiply-adds in the time a byte takes: 1e10, 2e9 and 2e8 a second
WORTHWHILE = 0.9  # of the arithmetic of the plain way: what caching may cost at most
MEMORY_TABLE, GROUP = Path("/proc/meminfo"), Path("/sys/fs/cgroup")  # of Linux
UNKNOWN_MEMORY = 2 * 2**30  # bytes taken as free where the system does not tell


@dataclass(frozen=True)
class Room:
    """What features may take, in bytes.

    Args:
        memory: a quarter of what is free.
        disk: likewise, where the file would lie.
    """

    memory: int
    disk: int


def room_in(folder: Path) -> Room:
    """What features may take here; the folder need not exist yet."""
    there = next(place for place in (folder, *folder.absolute().parents) if place.is_dir())
    return Room(int(free_memory() * SHARE), int(shutil.disk_usage(there).free * SHARE))


def free_memory() -> int:
    """Bytes that can still be taken: what the system has, or what a control group leaves of it."""
    free = _system_memory()
    with suppress(OSError, ValueError, KeyError):  # no control group, or one whose limit is "max"
        limit, current = (
            int((GROUP / name).read_text()) for name in ("memory.max", "memory.current")
        )
        files = _numbers((GROUP / "memory.stat").read_text())["inactive_file"]
        free = min(free, limit - current + files)
    return max(0, free)


def _system_memory() -> int:
    with suppress(OSError, KeyError):
        return _numbers(MEMORY_TABLE.read_text())["MemAvailable:"] * 1024
    with suppress(OSError, ValueError, AttributeError):  # half of what is built in
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    return UNKNOWN_MEMORY


def _numbers(text: str) -> dict[str, int]:
    """The system's tables: a name and a whole number a line."""
    return {line.split()[0]: int(line.split()[1]) for line in text.splitlines()}


@dataclass(frozen=True)
class Caching:
    """Whether to compute the frozen part once, or in every epoch.

    Args:
        pays: once.
        factor: how many times less the whole training then costs, in multiply-adds.
        reason: why, a sentence.
    """

    pays: bool
    factor: float
    reason: str


def worth_caching(
    body_multiply_adds: float,
    tail_multiply_adds: float,
    values_per_image: int,
    images: int,
    views: int,
    epochs: int,
    room: Room,
) -> Caching:
    """Weigh running the frozen body once per image and view against once per image and epoch.

    Counted are the multiply-adds of both parts (three times those of the tail, which is trained)
    and the bytes of the features, each as the multiply-adds that take as long. The cost of reading
    and augmenting images, which caching saves too, is left out.

    Args:
        body_multiply_adds, tail_multiply_adds: for one image.
        values_per_image: of the features between body and tail.
        images: to train on.
        views: of every image.
        room: by `room_in`.
    """
    size = FLOAT * values_per_image * images * views
    if size > max(room.memory, room.disk):
        return Caching(
            False,
            1.0,
            f"The frozen part runs in every epoch: its features would take {_said(size)}, more "
            f"than a quarter of the free memory ({_said(room.memory)}) and of the free disk "
            f"({_said(room.disk)}).",
        )
    in_memory = size <= room.memory
    byte = FROM_MEMORY if in_memory else FROM_FILE
    trained = epochs * BACKWARD * tail_multiply_adds
    plain = epochs * body_multiply_adds + trained
    cached = views * body_multiply_adds + trained
    cached += (views + epochs) * FLOAT * values_per_image * byte
    factor = plain / max(cached, 1.0)
    where = f"{_said(size)} of features in {'memory' if in_memory else 'a file'}"
    if cached > WORTHWHILE * plain:
        return Caching(
            False,
            factor,
            f"The frozen part runs in every epoch: to keep {where} would save next to nothing "
            f"over {counted(epochs, 'epoch')} ({counted(views, 'view')} of an image).",
        )
    return Caching(
        True,
        factor,
        f"The frozen part is computed once ({counted(views, 'view')} of an image, {where}), which "
        f"makes {counted(epochs, 'epoch')} about {factor:.1f} times cheaper.",
    )


def _said(size: float) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


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
