"""Faults of files after the check, each named by file."""

import hashlib
import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from striate.data import Dataset, EvalBatches, Preprocessing, TrainBatches, canvas_store
from striate.data import open_dataset as open_data
from striate.data.crew import Crew
from striate.data.reader import Reader
from striate.errors import DataError

HOW = Preprocessing(8)


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    random = np.random.default_rng(0)
    for i in range(12):
        path = tmp_path / "photos" / "ab"[i % 2] / f"{i:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (10, 12, 3), dtype=np.uint8)).save(path)
    return open_data(tmp_path / "photos")


def hashes(dataset: Dataset) -> dict[str, str]:
    return {
        name: hashlib.sha256(dataset.images.read(i)).hexdigest()
        for i, name in enumerate(dataset.ids)
    }


def path_of(dataset: Dataset, record: int) -> Path:
    path = dataset.images.path(record)
    assert path is not None
    return path


def test_a_canvas_is_the_preprocessings(dataset: Dataset) -> None:
    reader = Reader(dataset, HOW, hashes(dataset))
    canvas = reader.canvas(3)
    assert canvas.shape == reader.shape == (8, 8, 3)
    assert np.array_equal(canvas, HOW.to_canvas(dataset.images.read(3)).transpose(1, 2, 0))


def test_a_vanished_file_is_named(dataset: Dataset) -> None:
    path_of(dataset, 3).unlink()
    with pytest.raises(DataError) as caught:
        Reader(dataset, HOW).canvas(3)
    assert caught.value.code == "data-unreadable"
    assert (
        caught.value.what == f"{dataset.ids[3]} cannot be read any more: No such file or directory."
    )


def test_a_changed_file_is_refused(dataset: Dataset) -> None:
    known = hashes(dataset)
    path_of(dataset, 3).write_bytes(path_of(dataset, 4).read_bytes())
    with pytest.raises(DataError, match=f"{dataset.ids[3]} has changed since") as caught:
        Reader(dataset, HOW, known).canvas(3)
    assert caught.value.code == "data-changed"


def test_a_file_that_became_broken_is_named(dataset: Dataset) -> None:
    path_of(dataset, 3).write_bytes(path_of(dataset, 3).read_bytes()[:60])
    with pytest.raises(DataError, match=dataset.ids[3]):
        Reader(dataset, HOW).canvas(3)


@pytest.mark.parametrize("workers", [0, 1, 3])
@pytest.mark.parametrize("epochs", [1, 2])
def test_errors_of_workers_reach_the_loop(
    dataset: Dataset, workers: int, epochs: int, tmp_path: Path
) -> None:
    path_of(dataset, 9).unlink()

    def read_all() -> None:
        store = canvas_store(dataset, HOW, workers=workers, epochs=epochs)
        targets = torch.from_numpy(dataset.labels)
        batches = TrainBatches(
            store,
            targets,
            np.arange(12),
            batch_size=4,
            seed=0,
            preprocessing=HOW,
            workers=workers,
        )
        list(batches.epoch(0))

    with pytest.raises(DataError, match=f"{dataset.ids[9]} cannot be read any more"):
        read_all()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a pipe stands for a dead network share")
@pytest.mark.parametrize("workers", [0, 2])
def test_a_hanging_file_is_named_after_the_deadline(dataset: Dataset, workers: int) -> None:
    before = set(threading.enumerate())
    pipe = path_of(dataset, 5)
    content = pipe.read_bytes()
    pipe.unlink()
    os.mkfifo(pipe)
    store = canvas_store(dataset, HOW, workers=workers, epochs=1, deadline=0.2)
    batches = EvalBatches(
        store, None, np.arange(12), batch_size=4, preprocessing=HOW, workers=workers
    )
    start = time.monotonic()
    iterator = iter(batches)
    try:
        assert next(iterator).indices[0] == 0
        with pytest.raises(DataError) as caught:
            next(iterator)
        took = time.monotonic() - start
        code, what, fix = caught.value.args
        del caught  # which holds the frames of the readers
    finally:
        del store, batches, iterator
        let_go(pipe, content, before)
    assert took < 30  # and not for ever
    assert code == "data-stalled"
    assert f"{dataset.ids[5]} could not be read within 0 s" in what
    assert "--resume" in fix


def let_go(pipe: Path, content: bytes, before: set[threading.Thread]) -> None:
    """Feed the threads that hang on the pipe until they have ended."""
    limit = time.monotonic() + 30
    while _reading(before) and time.monotonic() < limit:
        try:
            with os.fdopen(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK), "wb") as end:
                end.write(content)
        except OSError:
            time.sleep(0.01)


def _reading(before: set[threading.Thread]) -> bool:
    return any(t.name == "striate-data" and t not in before for t in threading.enumerate())


def test_a_slow_file_is_waited_for(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    read = type(dataset.images).read

    def slow(self: object, index: int) -> bytes:
        time.sleep(0.05)
        return read(self, index)

    monkeypatch.setattr(type(dataset.images), "read", slow)
    store = canvas_store(dataset, HOW, epochs=1, deadline=0.2)
    assert len(store.gather(np.arange(8))) == 8  # 0.4 s altogether, 0.05 s each


def test_a_finished_image_does_not_count_as_hanging(dataset: Dataset) -> None:
    reader = Reader(dataset, HOW, deadline=0.1)
    reader.canvas(0)
    with Crew(1) as crew:
        assert reader.wait_for(crew.submit(lambda: time.sleep(0.3) or 7)) == 7
