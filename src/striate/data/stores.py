"""Where batches get their images from: memory, the canvas file, or the sources themselves."""

import os
import weakref
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from striate.data.cache import CanvasFile, OnProgress, read_all
from striate.data.cache_folder import NoRoom, obtain
from striate.data.crew import Crew
from striate.data.dataset import ArrayStore, Dataset
from striate.data.preprocessing import Preprocessing
from striate.data.reader import DEADLINE, Reader

IN_MEMORY = 256 * 2**20  # bytes of canvases that may be kept in memory


class CanvasStore(Protocol):
    """Images of one size by record number, from any thread.

    `reason` says in a sentence where they come from and why.
    """

    @property
    def reason(self) -> str: ...

    def gather(self, indices: np.ndarray) -> Tensor:
        """Canvases uint8 [n, C, Hc, Wc], or rows of the given array; the memory is the caller's."""


class TensorStore:
    """Rows of a given tensor of any shape [N, ...]."""

    def __init__(self, images: Tensor, reason: str = "The images are in memory.") -> None:
        self.images, self.reason = images, reason

    def gather(self, indices: np.ndarray) -> Tensor:
        rows = torch.from_numpy(indices).to(self.images.device)
        return self.images.index_select(0, rows)  # many times faster than indexing small images


class PixelStore:
    """8-bit images of the right size in memory."""

    def __init__(self, images: ArrayStore, reason: str) -> None:
        self._images, self.reason = images, reason

    def gather(self, indices: np.ndarray) -> Tensor:
        return _channels_first(self._images.gather(indices))


class CachedStore:
    """Rows of a canvas file; a row that rotted on the disk is made anew from its source."""

    def __init__(self, file: CanvasFile, rows: np.ndarray, reader: Reader) -> None:
        self._file, self._rows, self._reader = file, rows, reader
        self.reason = f"The images were resized once and are read from {file.path}."
        weakref.finalize(self, file.close)

    def gather(self, indices: np.ndarray) -> Tensor:
        batch = np.empty((len(indices), *self._file.shape), np.uint8)
        for out, record in zip(batch, indices.tolist(), strict=True):
            if not self._file.read(int(self._rows[record]), out):
                with suppress(OSError):  # gone already, or in use on Windows
                    self._file.path.unlink()  # the next run makes the file anew
                out[...] = self._reader.canvas(record)
        return _channels_first(batch)


class DecodingStore:
    """Decodes whenever asked, on `workers` threads of its own (at least one)."""

    def __init__(self, reader: Reader, workers: int, reason: str) -> None:
        self._reader, self.reason = reader, reason
        self._crew = Crew(max(1, workers))
        weakref.finalize(self, self._crew.close)

    def gather(self, indices: np.ndarray) -> Tensor:
        batch = np.empty((len(indices), *self._reader.shape), np.uint8)
        canvases = self._crew.in_order(
            self._reader.canvas, indices.tolist(), window=len(indices), wait=self._reader.wait_for
        )
        for out, canvas in zip(batch, canvases, strict=True):
            out[...] = canvas
        return _channels_first(batch)


def canvas_store(
    dataset: Dataset,
    preprocessing: Preprocessing,
    *,
    workers: int = 0,
    cache: Path | None = None,
    epochs: int = 1,
    hashes: Mapping[str, str] | None = None,
    on_progress: OnProgress | None = None,
    deadline: float = DEADLINE,
) -> CanvasStore:
    """Choose where the canvases of a dataset come from; the canvases are the same everywhere.

    Arrays of the right size are used in place. Images read only once are decoded on the fly. Else
    they are resized once, into a file in the folder `cache` or, without one and for small sets,
    into memory.

    Args:
        workers: threads that decode; 0 leaves making the cache to one per processor.
        epochs: how often every image will be read.
        hashes: SHA-256 of files by record id, from the data check: the cache is then known by
            content, and a file that changed since is refused.
        deadline: seconds after which an image that hangs is an error.
    Raises:
        DataError: an image cannot be read or decoded, or hangs; the file is named.
    """
    images = dataset.images
    reader = Reader(dataset, preprocessing, hashes, deadline)
    if isinstance(images, ArrayStore) and _fits(images, reader):
        return PixelStore(images, "The images are 8-bit arrays of the right size, used in place.")
    if epochs <= 1:
        return DecodingStore(reader, workers, "Every image is read once: no cache is worth it.")
    threads = workers or os.cpu_count() or 1
    size = len(dataset) * int(np.prod(reader.shape))
    why_not = "no cache folder was given"
    if cache is not None and not (isinstance(images, ArrayStore) and size <= IN_MEMORY):
        try:
            file, rows = obtain(
                cache / "canvases", reader, threads=threads, on_progress=on_progress
            )
            return CachedStore(file, rows, reader)
        except NoRoom as error:
            why_not = str(error)
    if size <= IN_MEMORY:
        return _in_memory(reader, threads, on_progress)
    return DecodingStore(reader, workers, f"Every image is decoded in every epoch: {why_not}.")


def _fits(images: ArrayStore, reader: Reader) -> bool:
    return images.array.dtype == np.uint8 and images.array.shape[1:] == reader.shape


def _in_memory(reader: Reader, threads: int, on_progress: OnProgress | None) -> PixelStore:
    canvases = np.empty((len(reader), *reader.shape), np.uint8)
    decoded = read_all(reader, range(len(reader)), threads, on_progress)
    for out, canvas in zip(canvases, decoded, strict=True):
        out[...] = canvas
    reason = f"The images were resized once into memory, {canvases.nbytes / 1e6:.1f} MB."
    return PixelStore(ArrayStore(canvases, np.arange(len(canvases))), reason)


def _channels_first(pixels: np.ndarray) -> Tensor:
    """[n, H, W, C] -> a tensor [n, C, H, W] on the same memory."""
    return torch.from_numpy(pixels).permute(0, 3, 1, 2)
