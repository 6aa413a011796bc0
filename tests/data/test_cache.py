"""The canvas file: whole or refused, and every row checked."""

import random
from pathlib import Path

import numpy as np
import pytest

from striate.data import Preprocessing, open_dataset
from striate.data.cache import HEADER, CanvasFile, write_canvases
from striate.data.reader import Reader
from striate.errors import FileError

KEY = "0123abcd"
IMAGES = np.random.default_rng(0).integers(0, 256, (20, 9, 7, 3), dtype=np.uint8)
SHAPE = (5, 6, 3)


@pytest.fixture
def reader() -> Reader:
    return Reader(open_dataset((IMAGES, np.arange(20) % 2)), Preprocessing((5, 6)))


@pytest.fixture
def path(reader: Reader, tmp_path: Path) -> Path:
    path = tmp_path / "x.canvases"
    write_canvases(path, KEY, reader, np.arange(19, -1, -1), threads=2)
    return path


def test_rows_come_back(path: Path, reader: Reader) -> None:
    file = CanvasFile(path, KEY, 20, SHAPE)
    out = np.empty(SHAPE, np.uint8)
    for row in (0, 7, 19):
        assert file.read(row, out)
        assert np.array_equal(out, reader.canvas(19 - row))
    file.close()
    assert path.stat().st_size == HEADER + 20 * (5 * 6 * 3 + 4)


def test_progress_is_told_in_order(reader: Reader, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    write_canvases(
        tmp_path / "x",
        KEY,
        reader,
        np.arange(20),
        threads=2,
        on_progress=lambda done, total: told.append((done, total)),
    )
    assert told == [(n, 20) for n in range(1, 21)]


@pytest.mark.parametrize("kept", [0, 100, HEADER, HEADER + 500, -1])
def test_a_truncated_file_is_refused(path: Path, kept: int) -> None:
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(FileError):
        CanvasFile(path, KEY, 20, SHAPE)


def test_a_longer_file_is_refused(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(FileError, match="is not whole"):
        CanvasFile(path, KEY, 20, SHAPE)


@pytest.mark.parametrize(
    ("key", "rows", "shape"), [("other", 20, SHAPE), (KEY, 19, SHAPE), (KEY, 20, (6, 5, 3))]
)
def test_a_file_for_something_else_is_refused(
    path: Path, key: str, rows: int, shape: tuple[int, int, int]
) -> None:
    with pytest.raises(FileError):
        CanvasFile(path, key, rows, shape)


def test_a_file_without_its_header_is_refused(path: Path) -> None:
    path.write_bytes(b"\0" * HEADER + path.read_bytes()[HEADER:])
    with pytest.raises(FileError):
        CanvasFile(path, KEY, 20, SHAPE)


def test_every_flipped_bit_is_noticed(path: Path) -> None:
    whole = path.read_bytes()
    out = np.empty(SHAPE, np.uint8)
    choose = random.Random(0)
    for bit in choose.sample(range(8 * HEADER, 8 * len(whole)), 200):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        row = (bit // 8 - HEADER) // 90
        if row >= 20:  # in the checksums
            with pytest.raises(FileError):
                CanvasFile(path, KEY, 20, SHAPE)
        else:
            file = CanvasFile(path, KEY, 20, SHAPE)
            assert not file.read(row, out)
            assert file.read((row + 1) % 20, out)
            file.close()


def test_without_pread_rows_are_read_under_a_lock(
    path: Path, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("os.pread")
    file = CanvasFile(path, KEY, 20, SHAPE)
    out = np.empty(SHAPE, np.uint8)
    assert file.read(4, out)
    assert np.array_equal(out, reader.canvas(15))
    file.close()
