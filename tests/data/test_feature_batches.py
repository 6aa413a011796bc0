"""Kept features: dealt out exactly like their images, and never left behind on a disk."""

import errno
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from striate.data import EvalBatches, FeatureBatches, FeatureEval, FeatureStore, TrainBatches
from striate.data import feature_batches as source
from striate.errors import FileError

SHAPE = (3, 2, 4)
RECORDS = np.array([9, 2, 5, 30, 7, 11, 4])
COUNT = 31  # records of the whole set


def features_of(records: np.ndarray, view: int) -> torch.Tensor:
    """Features that tell their record, view and place in the map apart: [N, 3, 2, 4]."""
    own = torch.from_numpy(records).view(-1, 1, 1, 1) * 1000.0 + view * 100
    return own + torch.arange(24.0).view(1, *SHAPE)


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FeatureStore]:
    folder = tmp_path / "run" if request.param == "file" else None
    with FeatureStore(RECORDS, 3, SHAPE, folder) as opened:
        for view in range(3):
            for chosen in (RECORDS[[3, 0, 6]], RECORDS[[1, 5, 2, 4]]):
                opened.put(view, chosen, features_of(chosen, view))
        yield opened


def images(**options: object) -> TrainBatches:
    """Batches of the records; unless given a store, their pixels must never be asked for."""
    given = {"store": Unreadable(), "batch_size": 2, "seed": 3, **options}
    return TrainBatches(targets=torch.arange(float(COUNT)) / 7, indices=RECORDS, **given)


class Unreadable:
    reason = "for a test"

    def gather(self, indices: np.ndarray) -> torch.Tensor:
        raise AssertionError("a pixel was read")


class Readable:
    reason = "for a test"

    def gather(self, indices: np.ndarray) -> torch.Tensor:
        return torch.zeros(len(indices), 1, 2, 2)


def views_in(batch) -> np.ndarray:
    return ((batch.images[:, 0, 0, 0].numpy() - batch.indices * 1000) / 100).astype(int)


# --- the store


def test_features_come_back_bit_for_bit(store):
    asked, views = np.array([7, 30, 7, 2]), np.array([2, 0, 1, 1])
    found = store.gather(asked, views)
    each = [features_of(asked[i : i + 1], int(views[i])) for i in range(4)]
    assert torch.equal(found, torch.cat(each))
    assert store.bytes == 3 * 7 * 24 * 4


def test_maps_are_channels_last_and_the_callers_own(store):
    found = store.gather(RECORDS[:2], np.zeros(2, np.int64))
    assert found.is_contiguous(memory_format=torch.channels_last)
    found.zero_()
    again = store.gather(RECORDS[:2], np.zeros(2, np.int64))
    assert torch.equal(again, features_of(RECORDS[:2], 0))


@pytest.mark.parametrize("shape", [(5,), (4, 6), (2, 3, 4, 5)])
@pytest.mark.parametrize("mapped", [False, True])
def test_features_may_have_any_shape(shape, mapped, tmp_path):
    values = torch.randn(7, *shape, generator=torch.Generator().manual_seed(0))
    with FeatureStore(RECORDS, 1, shape, tmp_path if mapped else None) as store:
        store.put(0, RECORDS, values)
        assert torch.equal(store.gather(RECORDS[::-1], np.zeros(7, np.int64)), values.flip(0))


def test_the_file_has_no_name_and_goes(tmp_path):
    folder = tmp_path / "run"
    with FeatureStore(RECORDS, 2, SHAPE, folder) as store:
        store.put(0, RECORDS, features_of(RECORDS, 0))
        if sys.platform != "win32":
            assert list(folder.iterdir()) == []
    store.close()  # a second time harms nothing
    assert list(folder.iterdir()) == []
    assert store.bytes == 0


# --- the order


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"keep_rest": True},
        {"sample_weights": np.array([0, 1, 5, 1, 0, 2, 1.0])},
        {"loss_weights": torch.arange(float(COUNT)), "batch_size": 3},
    ],
    ids=["plain", "rest", "sampler", "loss weights"],
)
def test_the_batches_are_those_of_the_images(store, options):
    readable = images(store=Readable(), **options)
    kept = FeatureBatches(store, images(**options))
    assert kept.steps == readable.steps
    for epoch in range(3):
        pairs = list(zip(readable.epoch(epoch), kept.epoch(epoch), strict=True))
        assert len(pairs) == kept.steps
        for there, here in pairs:
            assert here.indices.tolist() == there.indices.tolist()
            assert torch.equal(here.targets, there.targets)
            assert (here.weights is None) == (there.weights is None)
            if there.weights is not None:
                assert torch.equal(here.weights, there.weights)
            for row, record, view in zip(here.images, here.indices, views_in(here), strict=True):
                assert torch.equal(row, features_of(np.array([record]), int(view))[0])


@pytest.mark.parametrize("start", [0, 1, 3, 4])
def test_an_interrupted_epoch_goes_on_with_the_same_views(store, start):
    kept = FeatureBatches(store, images(keep_rest=True))
    rest = list(kept.epoch(5, start))
    whole = list(kept.epoch(5))[start:]
    assert len(rest) == len(whole) == 4 - start
    for one, other in zip(rest, whole, strict=True):
        assert one.indices.tolist() == other.indices.tolist()
        assert torch.equal(one.images, other.images)


def test_views_are_drawn_evenly_and_anew_in_every_epoch(store):
    kept = FeatureBatches(store, images(keep_rest=True))
    drawn = np.array(
        [np.concatenate([views_in(b) for b in kept.epoch(epoch)]) for epoch in range(300)]
    )
    counts = np.bincount(drawn.ravel(), minlength=3)
    assert counts.sum() == 2100
    assert counts.min() > 600  # 700 expected; four standard deviations are 86
    assert len({tuple(row) for row in drawn.tolist()}) > 250


def test_a_record_drawn_twice_comes_in_several_views(store):
    only = np.array([0, 0, 1.0, 0, 0, 0, 0])
    (batch,) = FeatureBatches(store, images(sample_weights=only, batch_size=7)).epoch(0)
    assert set(batch.indices) == {5}
    assert len(set(views_in(batch).tolist())) > 1


def test_evaluation_sees_view_0_in_order(store):
    targets = torch.arange(float(COUNT)) / 7
    kept = FeatureEval(store, EvalBatches(Unreadable(), targets, RECORDS, batch_size=3))
    assert len(kept) == 3
    for _ in range(2):  # every epoch judges again
        seen = list(kept)
        assert [batch.indices.tolist() for batch in seen] == [[9, 2, 5], [30, 7, 11], [4]]
        assert torch.equal(torch.cat([b.images for b in seen]), features_of(RECORDS, 0))
        assert torch.equal(torch.cat([b.targets for b in seen]), targets[RECORDS])


# --- what goes wrong


class Filling:
    """A file on a disk that has room for `left` bytes more, and first takes a part of a write."""

    left = 150

    def __init__(self, **options: object) -> None:
        self._file = tempfile.TemporaryFile(**options)  # noqa: SIM115

    def write(self, data: memoryview) -> int:
        if not self.left:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken = min(self.left, len(data))
        self.left -= taken
        return self._file.write(data[:taken])

    def __getattr__(self, name: str) -> object:
        return getattr(self._file, name)


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path, monkeypatch):
    class Module:
        TemporaryFile = Filling

    monkeypatch.setattr(source, "tempfile", Module)
    with FeatureStore(RECORDS, 1, SHAPE, tmp_path) as store:
        store.put(0, RECORDS[:1], features_of(RECORDS[:1], 0))
        with pytest.raises(FileError, match=r"No space left on device") as caught:
            store.put(0, RECORDS[1:3], features_of(RECORDS[1:3], 0))
    assert caught.value.code == "file-cannot-write"
    assert "features (672 bytes)" in caught.value.what
    assert list(tmp_path.iterdir()) == []


def test_a_write_cut_short_is_finished(tmp_path, monkeypatch):
    class Short(Filling):
        def write(self, data: memoryview) -> int:
            return self._file.write(data[:7])

    class Module:
        TemporaryFile = Short

    monkeypatch.setattr(source, "tempfile", Module)
    with FeatureStore(RECORDS, 1, SHAPE, tmp_path) as store:
        store.put(0, RECORDS, features_of(RECORDS, 0))
        found = store.gather(RECORDS, np.zeros(7, np.int64))
    assert torch.equal(found, features_of(RECORDS, 0))


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "run").write_text("a file")
    with pytest.raises(FileError) as caught:
        FeatureStore(RECORDS, 1, SHAPE, tmp_path / "run")
    assert caught.value.code == "file-cannot-write"
    assert "run" in caught.value.what


KILLED = """
import os, signal, sys
from pathlib import Path
import numpy as np, torch
from striate.data import FeatureStore
store = FeatureStore(np.arange(4), 1, (8,), Path(sys.argv[1]))
store.put(0, np.arange(4), torch.ones(4, 8))
assert store.gather(np.arange(4), np.zeros(4, np.int64)).sum() == 32
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_killed_process_leaves_no_file(tmp_path):
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert done.returncode == -9
    assert list(tmp_path.iterdir()) == []
