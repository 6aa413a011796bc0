"""The folder of canvas files: made once, shared, bounded."""

import os
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from striate.data import Dataset, Preprocessing, cache_folder, open_dataset
from striate.data.cache_folder import NoRoom, identities, key_of, obtain
from striate.data.reader import Reader
from striate.errors import DataError

HOW = Preprocessing(8)


def make_photos(folder: Path, count: int = 10, seed: int = 0) -> Dataset:
    random = np.random.default_rng(seed)
    for i in range(count):
        path = folder / "ab"[i % 2] / f"{i:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (10, 12, 3), dtype=np.uint8)).save(path)
    return open_dataset(folder)


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return make_photos(tmp_path / "photos")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def key(dataset: Dataset, how: Preprocessing = HOW, **hashes: str) -> str:
    reader = Reader(dataset, how, hashes)
    return key_of(reader, np.unique(identities(reader)))


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.canvases"))


def test_it_is_made_once(dataset: Dataset, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Reader(dataset, HOW)
    first, _ = obtain(folder, reader, threads=2)
    monkeypatch.setattr(Reader, "canvas", None)
    second, rows = obtain(folder, reader, threads=2)
    assert first.path == second.path
    monkeypatch.undo()
    out = np.empty((8, 8, 3), np.uint8)
    for record in range(10):
        assert second.read(int(rows[record]), out)
        assert np.array_equal(out, reader.canvas(record))


def test_another_order_finds_the_same_file(dataset: Dataset, folder: Path) -> None:
    obtain(folder, Reader(dataset, HOW), threads=1)
    turned = Reader(dataset.select(np.arange(9, -1, -1)), HOW)
    file, rows = obtain(folder, turned, threads=1)
    out = np.empty((8, 8, 3), np.uint8)
    assert file.read(int(rows[0]), out)
    assert np.array_equal(out, turned.canvas(0))
    assert len(files(folder)) == 1


def test_what_the_key_hangs_on(dataset: Dataset) -> None:
    base = key(dataset)
    assert key(dataset, Preprocessing(6, canvas=8, mean=0.1, std=0.3)) == base
    others = [
        key(dataset, Preprocessing(9)),
        key(dataset, Preprocessing(8, fit="pad")),
        key(dataset, Preprocessing(8, interpolation="nearest")),
        key(dataset, Preprocessing(8, background=(0, 0, 0))),
        key(dataset, Preprocessing(8, channels=1)),
        key(dataset.select(np.arange(9))),
        key(dataset, **{dataset.ids[0]: "ab" * 32}),
    ]
    path = dataset.images.path(0)
    assert path is not None
    os.utime(path, ns=(0, 0))
    others.append(key(dataset))
    assert len({base, *others}) == 9


def test_equal_images_share_a_row(dataset: Dataset, folder: Path) -> None:
    same = {dataset.ids[0]: "aa" * 32, dataset.ids[2]: "aa" * 32}
    names = identities(Reader(dataset, HOW, same))
    assert names[0] == names[2] == "aa" * 32
    assert len(np.unique(names)) == 9


@pytest.mark.parametrize("damage", ["truncate", "header", "empty"])
def test_a_damaged_file_is_made_anew(dataset: Dataset, folder: Path, damage: str) -> None:
    reader = Reader(dataset, HOW)
    file, _ = obtain(folder, reader, threads=1)
    whole = file.path.read_bytes()
    harm = {"truncate": whole[:-7], "header": b"?" + whole[1:], "empty": b""}
    file.path.write_bytes(harm[damage])
    file, _ = obtain(folder, reader, threads=1)
    assert file.path.read_bytes() == whole


def test_a_failure_leaves_nothing_behind(dataset: Dataset, folder: Path) -> None:
    path = dataset.images.path(7)
    assert path is not None
    path.write_bytes(b"broken")
    with pytest.raises(DataError, match=dataset.ids[7]):
        obtain(folder, Reader(dataset, HOW), threads=2)
    assert [file for file in folder.iterdir() if file.suffix != ".lock"] == []


def test_a_vanished_file_is_named(dataset: Dataset, folder: Path) -> None:
    path = dataset.images.path(7)
    assert path is not None
    path.unlink()
    with pytest.raises(DataError, match=f"{dataset.ids[7]} cannot be read any more"):
        obtain(folder, Reader(dataset, HOW), threads=1)


def test_a_full_disk_is_said_with_numbers(
    dataset: Dataset, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(10**10, 0, 2 * 10**9 + 5000))
    with pytest.raises(NoRoom) as caught:
        obtain(folder, Reader(dataset, HOW), threads=1)
    assert str(caught.value) == (
        f"0.0 MB are needed and 2.0 GB are free on the disk of {folder}, "
        "of which 2.0 GB are kept free"
    )


def test_a_write_that_fails_is_said(
    dataset: Dataset, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache_folder, "write_canvases", full)
    with pytest.raises(NoRoom, match="cannot be written: No space left on device"):
        obtain(folder, Reader(dataset, HOW), threads=1)


def test_a_folder_that_cannot_be_made_is_said(dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NoRoom, match="cannot be written"):
        obtain(tmp_path / "file" / "cache", Reader(dataset, HOW), threads=1)


def test_the_least_recently_used_goes_first(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readers = [Reader(make_photos(tmp_path / str(k), seed=k), HOW) for k in range(3)]
    paths = []
    for age, reader in zip((30, 20), readers, strict=False):
        paths.append(obtain(folder, reader, threads=1)[0].path)
        os.utime(paths[-1], (time.time() - age,) * 2)
    obtain(folder, readers[0], threads=1)  # used again: now the other is the oldest
    monkeypatch.setattr(cache_folder, "LIMIT", 2 * paths[0].stat().st_size + 100)
    paths.append(obtain(folder, readers[2], threads=1)[0].path)
    assert files(folder) == sorted([paths[0], paths[2]])


def test_too_much_for_the_cache_is_said(
    dataset: Dataset, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_folder, "LIMIT", 1000)
    with pytest.raises(NoRoom, match="over the cache's limit"):
        obtain(folder, Reader(dataset, HOW), threads=1)


def test_what_killed_processes_left_is_swept(dataset: Dataset, folder: Path) -> None:
    folder.mkdir()
    old, new = folder / ".old.1.tmp", folder / ".new.1.tmp"
    old.write_text("")
    new.write_text("")
    os.utime(old, (0, 0))
    obtain(folder, Reader(dataset, HOW), threads=1)
    assert not old.exists()
    assert new.exists()


@pytest.mark.slow
def test_two_processes_make_one_file(dataset: Dataset, folder: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from striate.data import *\n"
        "store = canvas_store(open_dataset(sys.argv[1]), Preprocessing(8), workers=2,"
        " cache=Path(sys.argv[2]), epochs=2)\n"
        "import numpy as np; print(int(store.gather(np.arange(10)).sum()))"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "photos"), str(folder)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    reader = Reader(dataset, HOW)
    expected = sum(int(reader.canvas(i).sum()) for i in range(10))
    assert [int(process.communicate()[0]) for process in both] == [expected] * 2
    assert len(files(folder / "canvases")) == 1
