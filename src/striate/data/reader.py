"""Canvases from their sources, one record at a time, with every fault named by file."""

import hashlib
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from typing import TypeVar

import numpy as np

from striate.data.dataset import Dataset
from striate.data.preprocessing import Preprocessing
from striate.errors import DataError

Result = TypeVar("Result")

DEADLINE = 120.0  # seconds that one image may take to be read and decoded


class Reader:
    """Reads a record's image and brings it to the canvas. Safe to use from many threads.

    Args:
        hashes: SHA-256 of files by record id, from the data check; a file that no longer has its
            hash is refused.
        deadline: seconds one image may take before `wait_for` gives up.
    """

    def __init__(
        self,
        dataset: Dataset,
        preprocessing: Preprocessing,
        hashes: Mapping[str, str] | None = None,
        deadline: float = DEADLINE,
    ) -> None:
        self.dataset = dataset
        self.preprocessing = preprocessing
        self.hashes = hashes or {}
        self.deadline = deadline
        self._busy: dict[int, tuple[int, float]] = {}  # thread -> (record, since)

    def __len__(self) -> int:
        return len(self.dataset)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of a canvas."""
        channels, height, width = self.preprocessing.canvas_shape
        return height, width, channels

    def canvas(self, record: int) -> np.ndarray:
        """One canvas, uint8 [Hc, Wc, C].

        Raises:
            DataError: the file cannot be read any more, has changed, or cannot be decoded.
        """
        thread = threading.get_ident()
        self._busy[thread] = (record, time.monotonic())
        try:
            name = self.dataset.ids[record]
            return self.preprocessing.to_canvas(self._read(record), name).transpose(1, 2, 0)
        finally:
            del self._busy[thread]

    def _read(self, record: int) -> bytes | np.ndarray:
        name = self.dataset.ids[record]
        try:
            content = self.dataset.images.read(record)
        except OSError as error:
            raise self.unreadable(record, error) from error
        known = self.hashes.get(name)
        if known and isinstance(content, bytes) and hashlib.sha256(content).hexdigest() != known:
            raise DataError(
                "data-changed",
                f"{name} has changed since the data were checked.",
                "Put the old file back, or start again with the new one.",
            )
        return content

    def unreadable(self, record: int, error: OSError) -> DataError:
        """The error for a file that was there when the data were checked."""
        return DataError(
            "data-unreadable",
            f"{self.dataset.ids[record]} cannot be read any more: {error.strerror or error}.",
            "It was there when the data were checked. Bring it back, or start again without it.",
        )

    def wait_for(self, future: "Future[Result]") -> Result:
        """The result of a call that reads, or an error naming the file that hangs."""
        while True:
            try:
                return future.result(timeout=self.deadline)
            except TimeoutError:
                if future.done():  # the call itself raised it
                    raise
            now = time.monotonic()
            busy = self._busy.copy().values()
            record, since = min(busy, key=lambda entry: entry[1], default=(0, now))
            if (waited := now - since) >= self.deadline:
                raise DataError(
                    "data-stalled",
                    f"{self.dataset.ids[record]} could not be read within {waited:.0f} s.",
                    "The disk or network share hangs or is very slow. Once it answers again, "
                    "go on with --resume.",
                )
