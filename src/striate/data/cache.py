"""The canvas file: images resized once, read back by position.

    header, 4096 bytes: JSON, padded with spaces
    canvases, uint8 [rows, Hc, Wc, C]
    checksums, one CRC-32 per row, little-endian uint32

The header is written last and holds the SHA-256 of the checksums, so a half-written file has none;
every row is checked when it is read. Rows are read with `pread` and not mapped: pages of a mapping
would count as memory of the process.
"""

import hashlib
import os
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from striate.data.crew import Crew
from striate.data.reader import Reader
from striate.errors import FileError
from striate.files import canonical_json, parse_json

FORMAT = 1  # raise it when decoding, resizing or this layout changes
HEADER = 4096  # bytes

OnProgress = Callable[[int, int], None]


class CanvasFile:
    """A finished canvas file, open for reading; safe to use from many threads.

    Raises:
        FileError: the file is not whole, or was written for something else.
    """

    def __init__(self, path: Path, key: str, rows: int, shape: tuple[int, int, int]) -> None:
        self.path = path
        self.shape = shape
        self.row_bytes = int(np.prod(shape))
        self._lock = threading.Lock()
        self._descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        try:
            self.checksums = self._open(key, rows)
        except BaseException:
            self.close()
            raise

    def _open(self, key: str, rows: int) -> np.ndarray:
        header = parse_json(self._read_at(0, HEADER).decode(errors="replace"), str(self.path))
        start = HEADER + rows * self.row_bytes
        table = self._read_at(start, 4 * rows + 1)
        if header != _header(key, rows, self.shape, table):
            raise FileError("file-damaged-cache", f"{self.path} is not whole.", "It is made anew.")
        return np.frombuffer(table, "<u4")

    def read(self, row: int, out: np.ndarray) -> bool:
        """Read one row into `out`, uint8 [Hc, Wc, C]; false when its checksum is wrong."""
        data = self._read_at(HEADER + row * self.row_bytes, self.row_bytes)
        if zlib.crc32(data) != self.checksums[row] or len(data) != self.row_bytes:
            return False
        out[...] = np.frombuffer(data, np.uint8).reshape(self.shape)
        return True

    def _read_at(self, offset: int, count: int) -> bytes:
        if hasattr(os, "pread"):
            return os.pread(self._descriptor, count, offset)
        with self._lock:  # Windows
            os.lseek(self._descriptor, offset, os.SEEK_SET)
            return os.read(self._descriptor, count)

    def close(self) -> None:
        os.close(self._descriptor)


def write_canvases(
    staged: Path,
    key: str,
    reader: Reader,
    records: np.ndarray,
    *,
    threads: int,
    on_progress: OnProgress | None = None,
) -> None:
    """Write a canvas file whose row i is record `records[i]`; images are decoded in parallel.

    The caller renames the file into its place: until then it is nobody's.
    """
    row_bytes = int(np.prod(reader.shape))
    checksums = np.zeros(len(records), "<u4")
    order = np.argsort(records, kind="stable")  # neighbours on the disk are read one after another
    with staged.open("wb") as file:
        file.truncate(HEADER + len(records) * row_bytes)
        for row, canvas in zip(
            order.tolist(), read_all(reader, records[order], threads, on_progress), strict=True
        ):
            data = canvas.tobytes()
            checksums[row] = zlib.crc32(data)
            file.seek(HEADER + row * row_bytes)
            file.write(data)
        file.seek(HEADER + len(records) * row_bytes)
        file.write(checksums.tobytes())
        file.seek(0)
        header = _header(key, len(records), reader.shape, checksums.tobytes())
        file.write(canonical_json(header).encode().ljust(HEADER))


def read_all(
    reader: Reader, records: Iterable[int], threads: int, on_progress: OnProgress | None = None
) -> Iterator[np.ndarray]:
    """The canvases of records in their order, decoded by threads that stay a little ahead."""
    todo = list(records)
    with Crew(threads) as crew:
        results = crew.in_order(reader.canvas, todo, window=4 * threads, wait=reader.wait_for)
        for done, canvas in enumerate(results, start=1):
            yield canvas
            if on_progress is not None:
                on_progress(done, len(todo))


def _header(key: str, rows: int, shape: tuple[int, int, int], table: bytes) -> dict[str, Any]:
    digest = hashlib.sha256(table).hexdigest()
    return {
        "format": FORMAT,
        "key": key,
        "rows": rows,
        "shape": list(shape),
        "checksums_sha256": digest,
    }
