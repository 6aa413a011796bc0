"""The folder of canvas files: one per data and preprocessing, made once, dropped when old."""

import hashlib
import os
import secrets
import shutil
import time
from pathlib import Path

import numpy as np
from filelock import FileLock
from PIL import features

from striate.data.cache import FORMAT, HEADER, CanvasFile, OnProgress, write_canvases
from striate.data.reader import Reader
from striate.errors import FileError
from striate.files import canonical_json

LIMIT = 20 * 10**9  # bytes of all canvas files together
RESERVE = 2 * 10**9  # bytes of the disk that are left alone
FORGOTTEN = 86_400.0  # seconds after which an unfinished file belongs to a killed process
SUFFIX = ".canvases"
LIBRARIES = ("pil", "jpg", "libjpeg_turbo", "webp", "zlib")  # another version, other pixels


class NoRoom(Exception):
    """The canvas file cannot be made here; the text says why."""


def identities(reader: Reader) -> np.ndarray:
    """What each record's image is known by: content hash, or else path, size and time of change."""
    return np.array([_identity(reader, record) for record in range(len(reader))], dtype=np.str_)


def _identity(reader: Reader, record: int) -> str:
    known = reader.hashes.get(reader.dataset.ids[record])
    path = reader.dataset.images.path(record)
    if known:
        return known
    if path is None:
        content = reader.dataset.images.read(record)
        return hashlib.sha256(np.asarray(content).tobytes()).hexdigest()
    try:
        found = path.stat()
    except OSError as error:
        raise reader.unreadable(record, error) from error
    return f"{path.resolve()}|{found.st_size}|{found.st_mtime_ns}"


def key_of(reader: Reader, images: np.ndarray) -> str:
    """The name of a canvas file: a hash of its images, of how they are resized and by what."""
    how = reader.preprocessing.to_json()
    for name in ("size", "canvas", "mean", "std", "pixel_cap"):  # change no pixel of a canvas
        del how[name]
    described = {
        "format": FORMAT,
        "libraries": [features.version(name) for name in LIBRARIES],
        "shape": list(reader.shape),
        "how": how,
        "images": hashlib.sha256("\n".join(images.tolist()).encode()).hexdigest(),
    }
    return hashlib.sha256(canonical_json(described).encode()).hexdigest()[:32]


def obtain(
    folder: Path, reader: Reader, *, threads: int, on_progress: OnProgress | None = None
) -> tuple[CanvasFile, np.ndarray]:
    """Open the canvas file of the reader's images, making it first where it is absent or damaged.

    Returns:
        The file and the row of each record, int64 [n]. Rows are in the order of the identities,
        each once, so another choice or order of records finds the same file if its images are
        the same.
    Raises:
        NoRoom: the disk is too full, or the folder cannot be written.
        DataError: an image cannot be read or decoded.
    """
    names, first, rows = np.unique(identities(reader), return_index=True, return_inverse=True)
    key = key_of(reader, names)
    path = folder / f"{key}{SUFFIX}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f"{key}.lock"):  # a second process waits, then finds the file
            if (found := _open(path, key, len(names), reader)) is None:
                _make_room(folder, HEADER + len(names) * (int(np.prod(reader.shape)) + 4))
                _write(path, key, reader, first, threads, on_progress)
                found = CanvasFile(path, key, len(names), reader.shape)
    except OSError as error:
        raise NoRoom(f"{folder} cannot be written: {error.strerror or error}") from error
    return found, rows


def _open(path: Path, key: str, rows: int, reader: Reader) -> CanvasFile | None:
    """The file if it is there and whole; a damaged one is deleted."""
    try:
        found = CanvasFile(path, key, rows, reader.shape)
        os.utime(path)  # the least recently used files go first
    except FileNotFoundError:
        return None
    except FileError:
        path.unlink()
        return None
    return found


def _write(
    path: Path,
    key: str,
    reader: Reader,
    records: np.ndarray,
    threads: int,
    on_progress: OnProgress | None,
) -> None:
    staged = path.with_name(f".{key}.{secrets.token_hex(4)}.tmp")
    try:
        write_canvases(staged, key, reader, records, threads=threads, on_progress=on_progress)
        staged.replace(path)
    finally:
        staged.unlink(missing_ok=True)


def _make_room(folder: Path, needed: int) -> None:
    """Delete forgotten unfinished files, then the least recently used, until `needed` fit."""
    if needed > LIMIT:
        raise NoRoom(f"{_size(needed)} are needed, over the cache's limit of {_size(LIMIT)}")
    _sweep(folder)
    files = sorted(
        (found.st_mtime, found.st_size, path)
        for path in folder.glob(f"*{SUFFIX}")
        if (found := path.stat())
    )
    total = sum(size for _, size, _ in files)
    possible = _free(folder) + total
    if possible < needed + RESERVE:
        raise NoRoom(
            f"{_size(needed)} are needed and {_size(possible)} are free on the disk of {folder}, "
            f"of which {_size(RESERVE)} are kept free"
        )
    for _, size, path in files:
        if total + needed <= LIMIT and _free(folder) >= needed + RESERVE:
            break
        path.unlink(missing_ok=True)
        total -= size


def _sweep(folder: Path) -> None:
    """Delete unfinished files that killed processes left behind."""
    for staged in folder.glob(".*.tmp"):
        if time.time() - staged.stat().st_mtime > FORGOTTEN:
            staged.unlink(missing_ok=True)


def _free(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def _size(count: int) -> str:
    """Bytes for people."""
    return f"{count / 1e9:.1f} GB" if count >= 10**8 else f"{count / 1e6:.1f} MB"
