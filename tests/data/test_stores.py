"""Where images come from changes no bit of them; the reason is said."""

import gc
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from striate.data import Dataset, Preprocessing, TensorStore, canvas_store, open_dataset, stores
from striate.data.cache_folder import NoRoom
from striate.data.stores import CachedStore, DecodingStore, PixelStore

IMAGES = np.random.default_rng(0).integers(0, 256, (20, 9, 7, 3), dtype=np.uint8)
HOW = Preprocessing((5, 6))
CHOICE = np.array([3, 0, 19, 3])


@pytest.fixture
def arrays() -> Dataset:
    return open_dataset((IMAGES, np.arange(20) % 2))


@pytest.fixture
def photos(shared_data: Path) -> Dataset:
    return open_dataset(shared_data / "cifar10-subset").select(np.arange(0, 12000, 400))


def expected(dataset: Dataset, how: Preprocessing) -> np.ndarray:
    return np.stack([how.to_canvas(dataset.images.read(int(i))) for i in CHOICE])


def test_arrays_of_the_right_size_are_used_in_place(arrays: Dataset) -> None:
    store = canvas_store(arrays, Preprocessing((9, 7)))
    assert isinstance(store, PixelStore)
    assert "used in place" in store.reason
    gathered = store.gather(CHOICE)
    assert np.array_equal(gathered.numpy(), IMAGES[CHOICE].transpose(0, 3, 1, 2))
    gathered.zero_()
    assert IMAGES[3].any()  # the caller's memory, not the array's


def test_small_arrays_are_resized_into_memory(arrays: Dataset, tmp_path: Path) -> None:
    store = canvas_store(arrays, HOW, cache=tmp_path, epochs=2)
    assert store.reason == "The images were resized once into memory, 0.0 MB."
    assert np.array_equal(store.gather(CHOICE).numpy(), expected(arrays, HOW))


def test_images_read_once_are_decoded(photos: Dataset, tmp_path: Path) -> None:
    store = canvas_store(photos, HOW, cache=tmp_path, epochs=1)
    assert isinstance(store, DecodingStore)
    assert "read once" in store.reason
    assert np.array_equal(store.gather(CHOICE).numpy(), expected(photos, HOW))
    assert not list(tmp_path.iterdir())


def test_files_go_through_the_cache(photos: Dataset, tmp_path: Path) -> None:
    store = canvas_store(photos, HOW, cache=tmp_path, epochs=2)
    assert isinstance(store, CachedStore)
    assert str(tmp_path) in store.reason
    assert np.array_equal(store.gather(CHOICE).numpy(), expected(photos, HOW))


def test_a_rotten_row_is_made_anew(photos: Dataset, tmp_path: Path) -> None:
    store = canvas_store(photos, HOW, cache=tmp_path, epochs=2)
    (path,) = (tmp_path / "canvases").glob("*.canvases")
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(bytes(20 * 90))  # most rows are zeros now
    assert np.array_equal(store.gather(CHOICE).numpy(), expected(photos, HOW))
    assert not path.exists()  # so that the next run makes it anew


def test_no_room_is_said(photos: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise NoRoom("the disk is full")

    monkeypatch.setattr(stores, "obtain", full)
    assert "into memory" in canvas_store(photos, HOW, cache=tmp_path, epochs=2).reason
    monkeypatch.setattr(stores, "IN_MEMORY", 100)
    store = canvas_store(photos, HOW, cache=tmp_path, epochs=2)
    assert store.reason == "Every image is decoded in every epoch: the disk is full."
    assert np.array_equal(store.gather(CHOICE).numpy(), expected(photos, HOW))


def test_without_a_folder_small_sets_stay_in_memory(photos: Dataset) -> None:
    assert "into memory" in canvas_store(photos, HOW, epochs=2).reason


def test_progress_is_told(photos: Dataset, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    for cache in (tmp_path, None):
        told.clear()
        canvas_store(
            photos, HOW, cache=cache, epochs=2, on_progress=lambda *done: told.append(done)
        )
        assert told == [(n, 30) for n in range(1, 31)]


def test_tensors_of_any_shape() -> None:
    rows = torch.arange(12.0).view(4, 3)
    assert TensorStore(rows).gather(np.array([2, 0])).tolist() == [[6, 7, 8], [0, 1, 2]]


def test_a_stores_threads_and_files_go_with_it(photos: Dataset, tmp_path: Path) -> None:
    decoding = canvas_store(photos, HOW, workers=2, epochs=1)
    cached = canvas_store(photos, HOW, workers=2, cache=tmp_path, epochs=2)
    names = [thread.name for thread in threading.enumerate()]
    assert names.count("striate-data") == 2
    del decoding, cached
    gc.collect()
    end = time.monotonic() + 2
    while any(t.name == "striate-data" for t in threading.enumerate()):
        assert time.monotonic() < end
        time.sleep(0.01)
