"""Batches: the same bits whatever the workers, and exactly the rest after an interruption."""

import gc
import hashlib
import threading
import time
from collections.abc import Iterable

import numpy as np
import pytest
import torch

from striate.data import (
    Augmentation,
    Batch,
    Dataset,
    EvalBatches,
    Preprocessing,
    TensorStore,
    TrainBatches,
    canvas_store,
    open_dataset,
)
from striate.errors import DataError, UsageError

IMAGES = np.random.default_rng(0).integers(0, 256, (50, 12, 14, 3), dtype=np.uint8)
LABELS = np.arange(50) % 5
HOW = Preprocessing((10, 12), canvas=(12, 14))
EVERYTHING = Augmentation(
    crop="resized", flip=True, color_jitter=0.4, randaugment=2, erasing=0.5, mixup=0.2, cutmix=1.0
)
ROWS = np.arange(0, 50, 2)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return open_dataset((IMAGES, LABELS))


def train_batches(dataset: Dataset, **options: object) -> TrainBatches:
    workers = options.get("workers", 0)
    given = {
        "batch_size": 8,
        "seed": 0,
        "preprocessing": HOW,
        "augmentation": EVERYTHING,
        "classes": 5,
        **options,
    }
    store = canvas_store(dataset, HOW, workers=workers)
    return TrainBatches(store, torch.from_numpy(LABELS), ROWS, **given)


def digest(batches: Iterable[Batch]) -> list[str]:
    found = []
    for batch in batches:
        parts = (batch.images.contiguous(), batch.targets, torch.from_numpy(batch.indices))
        found.append(hashlib.sha256(b"".join(p.numpy().tobytes() for p in parts)).hexdigest())
    return found


def alive() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "striate-data"]


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("sampled", [False, True])
def test_workers_change_no_bit(dataset: Dataset, workers: int, sampled: bool) -> None:
    weights = np.linspace(0, 1, 25) if sampled else None
    alone = train_batches(dataset, sample_weights=weights)
    together = train_batches(dataset, sample_weights=weights, workers=workers)
    for epoch in (0, 1):
        assert digest(together.epoch(epoch)) == digest(alone.epoch(epoch))


@pytest.mark.parametrize("start", [0, 1, 2, 3])
def test_resuming_gives_exactly_the_rest(dataset: Dataset, start: int) -> None:
    batches = train_batches(dataset, workers=1)
    assert digest(batches.epoch(4, start)) == digest(batches.epoch(4))[start:]


@pytest.mark.parametrize("parts", [2, 3])
@pytest.mark.parametrize("augmentation", [None, Augmentation(crop="shift", shift=2), EVERYTHING])
def test_parts_are_together_the_batch(
    dataset: Dataset, parts: int, augmentation: Augmentation | None
) -> None:
    whole = train_batches(
        dataset,
        augmentation=augmentation,
        sample_weights=np.linspace(0.1, 1, 25),
        loss_weights=torch.linspace(0.5, 2, 50),
        keep_rest=True,
        batch_size=11,  # the last one has 3 images
    )
    divided = [whole.divided(part, parts) for part in range(parts)]
    epochs = [batches.epoch(2, 1) for batches in divided]
    for batch, *some in zip(whole.epoch(2, 1), *epochs, strict=True):
        assert torch.equal(torch.cat([part.images for part in some]), batch.images)
        assert torch.equal(torch.cat([part.targets for part in some]), batch.targets)
        assert torch.equal(torch.cat([part.weights for part in some]), batch.weights)
        assert np.array_equal(np.concatenate([part.indices for part in some]), batch.indices)
        for part in some:
            share = part.weights.sum() / batch.weights.sum()
            assert part.share == pytest.approx(share.item())
        assert max(map(len, (p.indices for p in some))) <= -(-len(batch.indices) // parts)


def test_every_part_of_a_batch_has_an_image(dataset: Dataset) -> None:
    assert train_batches(dataset, batch_size=4).divided(3, 4).steps == 6
    for options in ({"batch_size": 3}, {"batch_size": 8, "keep_rest": True}):
        with pytest.raises(UsageError, match=r"A batch of [13] images cannot be shared by 4 pro"):
            train_batches(dataset, **options).divided(0, 4)


def test_every_epoch_is_a_new_order_of_the_training_records(dataset: Dataset) -> None:
    batches = train_batches(dataset, batch_size=5)
    assert batches.steps == 5
    orders = [np.concatenate([b.indices for b in batches.epoch(e)]) for e in range(3)]
    for order in orders:
        assert sorted(order.tolist()) == ROWS.tolist()
    assert not np.array_equal(orders[0], orders[1])


def test_targets_belong_to_their_images(dataset: Dataset) -> None:
    plain = train_batches(dataset, augmentation=None)
    for batch in plain.epoch(0):
        assert batch.images.shape == (8, 3, 10, 12)
        assert batch.targets.tolist() == (batch.indices % 5).tolist()
        assert batch.weights is None
        for image, record in zip(batch.images, batch.indices, strict=True):
            assert torch.equal(image, HOW([IMAGES[record]])[0])


def test_a_samples_changes_do_not_hang_on_the_batch_size(dataset: Dataset) -> None:
    gentle = Augmentation(crop="resized", flip=True)

    def by_record(batch_size: int) -> dict[int, torch.Tensor]:
        batches = train_batches(dataset, augmentation=gentle, batch_size=batch_size)
        return {
            int(record): image
            for batch in batches.epoch(2)
            for record, image in zip(batch.indices, batch.images, strict=True)
        }

    fives, ones = by_record(5), by_record(1)
    assert fives.keys() == ones.keys() == set(ROWS.tolist())
    assert all(torch.equal(fives[record], ones[record]) for record in fives)


def test_large_batches_are_changed_in_parts(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    gentle = Augmentation(crop="resized", flip=True, erasing=1.0, cutmix=1.0)
    whole = digest(train_batches(dataset, augmentation=gentle).epoch(0))
    monkeypatch.setattr("striate.data.batches.CHUNK", 3 * 3 * 12 * 14)
    assert digest(train_batches(dataset, augmentation=gentle).epoch(0)) == whole


def test_the_last_partial_batch_is_left_out_unless_it_is_the_only_one(dataset: Dataset) -> None:
    assert [len(b.indices) for b in train_batches(dataset).epoch(0)] == [8, 8, 8]
    assert [len(b.indices) for b in train_batches(dataset, batch_size=99).epoch(0)] == [25]


def test_the_rest_is_kept_where_it_is_wanted(dataset: Dataset) -> None:
    batches = train_batches(dataset, keep_rest=True)
    assert batches.steps == 4
    assert [len(b.indices) for b in batches.epoch(0)] == [8, 8, 8, 1]


def test_mixed_targets_are_soft(dataset: Dataset) -> None:
    (batch, *_) = train_batches(dataset).epoch(0)
    assert batch.targets.shape == (8, 5)
    torch.testing.assert_close(batch.targets.sum(dim=1), torch.ones(8))


def test_the_sampler_keeps_to_its_weights_and_varies_repeats(dataset: Dataset) -> None:
    weights = np.zeros(25)
    weights[[3, 4]] = 1.0
    batches = train_batches(
        dataset, sample_weights=weights, augmentation=Augmentation(crop="resized"), batch_size=25
    )
    (batch,) = batches.epoch(0)
    assert set(batch.indices.tolist()) == {6, 8}
    same = batch.images[torch.from_numpy(batch.indices == 6)]
    assert len(same) > 5
    assert not torch.equal(same[0], same[1])


def test_loss_weights_are_passed_on(dataset: Dataset) -> None:
    batches = train_batches(dataset, loss_weights=torch.arange(50.0))
    (batch, *_) = batches.epoch(0)
    assert batch.weights is not None
    assert batch.weights.tolist() == batch.indices.tolist()


@pytest.mark.parametrize("shape", [(3, 4, 4), (7,), (2, 3)])
def test_plain_arrays_need_no_preprocessing(shape: tuple[int, ...]) -> None:
    rows = torch.rand(20, *shape)
    batches = TrainBatches(
        TensorStore(rows), torch.arange(20.0), np.arange(20), batch_size=6, seed=1, workers=1
    )
    for batch in batches.epoch(0):
        assert torch.equal(batch.images, rows[batch.indices])
        assert torch.equal(batch.targets, torch.from_numpy(batch.indices).float())


@pytest.mark.parametrize("workers", [0, 2])
def test_evaluation_sees_everything_once_in_order(dataset: Dataset, workers: int) -> None:
    rows = np.array([4, 2, 9, 11, 30, 31, 0])
    store = canvas_store(dataset, HOW)
    targets = torch.from_numpy(LABELS)
    batches = EvalBatches(store, targets, rows, batch_size=3, preprocessing=HOW, workers=workers)
    seen = list(batches)
    assert len(batches) == len(seen) == 3
    assert [batch.indices.tolist() for batch in seen] == [[4, 2, 9], [11, 30, 31], [0]]
    assert torch.equal(torch.cat([b.images for b in seen]), HOW([IMAGES[i] for i in rows]))
    assert torch.cat([b.targets for b in seen]).tolist() == (rows % 5).tolist()


def test_unknown_targets_have_no_column(dataset: Dataset) -> None:
    (batch,) = EvalBatches(canvas_store(dataset, HOW), None, ROWS[:4], preprocessing=HOW)
    assert batch.targets.shape == (4, 0)


def test_nothing_to_evaluate_gives_no_batch(dataset: Dataset) -> None:
    assert list(EvalBatches(canvas_store(dataset, HOW), None, ROWS[:0], preprocessing=HOW)) == []


@pytest.mark.parametrize("how", ["break", "error", "interrupt", "close", "end"])
def test_no_thread_outlives_the_epoch(dataset: Dataset, how: str) -> None:
    gc.collect()
    batches = train_batches(dataset, workers=3)
    iterator = batches.epoch(0)
    before = len(alive())
    next(iterator)
    assert len(alive()) == before + 3
    if how == "close":
        iterator.close()
    elif how == "end":
        assert len(list(iterator)) == 2
    elif how == "break":
        for _ in iterator:
            break
    else:
        with pytest.raises((ValueError, KeyboardInterrupt)):
            iterator.throw(ValueError() if how == "error" else KeyboardInterrupt())
    del iterator
    end = time.monotonic() + 2
    while len(alive()) > before:
        assert time.monotonic() < end
        time.sleep(0.005)


class Failing:
    """A store whose record 8 cannot be read."""

    reason = "for a test"

    def gather(self, indices: np.ndarray) -> torch.Tensor:
        if 8 in indices:
            raise DataError("data-unreadable", "photos/8.jpg cannot be read any more.")
        return torch.zeros(len(indices), 3, 12, 14, dtype=torch.uint8)


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_an_error_comes_at_its_batch(workers: int) -> None:
    batches = EvalBatches(
        Failing(), None, np.arange(20), batch_size=3, preprocessing=HOW, workers=workers
    )
    iterator = iter(batches)
    assert [next(iterator).indices.tolist() for _ in range(2)] == [[0, 1, 2], [3, 4, 5]]
    with pytest.raises(DataError, match=r"photos/8\.jpg"):
        next(iterator)


def test_no_training_image_is_said(dataset: Dataset) -> None:
    with pytest.raises(DataError, match="no image to train on") as caught:
        TrainBatches(canvas_store(dataset, HOW), torch.zeros(50), ROWS[:0], batch_size=2, seed=0)
    assert caught.value.code == "data-no-training-images"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"batch_size": 0}, "batch_size must be 1 or more, got 0"),
        ({"workers": -1}, "workers must be 0 or more, got -1"),
        ({"sample_weights": np.ones(3)}, "for each of the 25 records, not all 0, got 3 numbers"),
        ({"sample_weights": np.zeros(25)}, "not all 0"),
        ({"sample_weights": np.full(25, np.nan)}, "0 or more"),
    ],
)
def test_wrong_options_name_the_rule(
    dataset: Dataset, options: dict[str, object], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        train_batches(dataset, **options)
