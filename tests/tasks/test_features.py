"""The frozen part run once: the same training as running it in every step."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from small_training import assert_same_weights
from striate import zoo
from striate.data import (
    Augmentation,
    Dataset,
    EvalBatches,
    Preprocessing,
    TrainBatches,
    canvas_store,
    open_dataset,
)
from striate.errors import FileError
from striate.inference import network_outputs
from striate.tasks import features as source
from striate.tasks.caching import Room
from striate.tasks.features import cached_features
from striate.tasks.loading import TrainingData
from striate.tasks.validation import validation
from striate.training import Recipe, StageProgress, StopSignal, fit, make_objective

TRAIN, VAL = 90, 30
IMAGES = np.random.default_rng(0).integers(0, 256, (TRAIN + VAL, 12, 12, 1), dtype=np.uint8)
HOW = Preprocessing((10, 10), canvas=(12, 12), channels=1, mean=(0.5,), std=(0.3,))
STRONG = Augmentation(crop="shift", shift=1, flip=True, erasing=0.3, mixup=0.4, cutmix=1.0)


def labels_of(task: str) -> np.ndarray:
    rng = np.random.default_rng(1)
    if task == "multi_label":
        return (rng.random((TRAIN + VAL, 3)) < 0.4).astype(np.float32)
    if task == "regression":
        return rng.normal(size=TRAIN + VAL).astype(np.float32)
    return rng.integers(0, 3, TRAIN + VAL)


def training_data(task: str = "single_label", **options: object) -> TrainingData:
    labels = labels_of(task)
    dataset: Dataset = replace(
        open_dataset((IMAGES, labels), task=task),
        split=np.array(["train"] * TRAIN + ["val"] * VAL),
    )
    store = canvas_store(dataset, HOW)
    targets = torch.from_numpy(dataset.labels)
    given = {"batch_size": 16, "seed": 4, "preprocessing": HOW, "classes": 3, **options}
    train = TrainBatches(store, targets, dataset.where("train"), **given)
    val = EvalBatches(store, targets, dataset.where("val"), preprocessing=HOW)
    return TrainingData(dataset, store, train, val, (0.0, 1.0))


class Frozen(nn.Module):
    """A body that learns nothing: no gradient, and its batch norms keep their statistics."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body.eval().requires_grad_(False)

    def train(self, mode: bool = True) -> "Frozen":
        self.training = mode
        return self

    def forward(self, images: Tensor) -> Tensor:
        return self.body(images)


def parts(outputs: int, seed: int = 0, maps: bool = False) -> tuple[nn.Module, nn.Module]:
    """Body and tail of a small network, cut before the answer or, for `maps`, a stage earlier."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = zoo.create("striatenet", classes=outputs, channels=1, image_size=(10, 10))
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):  # as if it had been trained
                module.weight.data.uniform_(0.5, 1.5)
                module.running_mean.normal_(std=0.1)
                module.running_var.uniform_(0.5, 1.5)
    chain = [*network.features, *network.head]
    chain[-2] = nn.Dropout(0.2)  # zeros the same values in both ways
    cut = len(network.features) - 1 if maps else len(chain) - 2
    return nn.Sequential(*chain[:cut]), nn.Sequential(*chain[cut:])


def learn(network: nn.Module, data: TrainingData, task: str, epochs: int = 3) -> list[dict]:
    recipe = Recipe(epochs=epochs, batch_size=16, learning_rate=0.02, device="cpu", seed=4)
    objective = make_objective(task)
    return fit(network, data.train, objective, recipe, validate=validation(data)).history


def with_features(data: TrainingData, kept) -> TrainingData:
    return replace(data, train=kept.train, val=kept.val)


# --- the same training


@pytest.mark.parametrize(
    ("task", "options", "maps"),
    [
        ("single_label", {}, False),
        ("single_label", {}, True),
        ("single_label", {"sample_weights": np.linspace(0.1, 3, TRAIN)}, False),
        ("multi_label", {}, False),
        ("regression", {"keep_rest": True}, False),
    ],
    ids=["one label", "maps", "sampler", "multi-label", "regression"],
)
def test_the_tail_learns_what_it_learns_behind_the_frozen_body(task, options, maps, tmp_path):
    outputs = 1 if task == "regression" else 3
    data = training_data(task, **options)
    body, tail = parts(outputs, maps=maps)
    slow = learn(nn.Sequential(Frozen(body), tail), data, task)
    body, quick_tail = parts(outputs, maps=maps)
    with cached_features(body, data, views=1, folder=tmp_path) as kept:
        quick = learn(quick_tail, with_features(data, kept), task)
    for one, other in zip(slow, quick, strict=True):
        for name in ("train_loss", "val_loss"):
            assert other[name] == pytest.approx(one[name], abs=1e-5), name
    _, untrained = parts(outputs, maps=maps)
    for name, weight in tail.named_parameters():
        learnt = quick_tail.get_parameter(name)
        torch.testing.assert_close(learnt, weight, atol=1e-4, rtol=1e-4)
        assert not torch.allclose(learnt, untrained.get_parameter(name), atol=1e-3), name


def test_a_file_gives_the_same_bits_as_memory(tmp_path, monkeypatch):
    data, tails = training_data(augmentation=STRONG), []
    for memory in (10**9, 0):
        monkeypatch.setattr(source, "room_in", lambda _, memory=memory: Room(memory, 10**9))
        body, tail = parts(3, maps=True)
        with cached_features(body, data, views=3, folder=tmp_path) as kept:
            assert (kept.train.features.folder is None) == (memory > 0)
            learn(tail, with_features(data, kept), "single_label", epochs=2)
        tails.append(tail)
    assert_same_weights(*tails)


# --- what is computed


class Counting(nn.Module):
    """The pixels themselves as features; counts the images."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = 0
        self.modes: set[bool] = set()

    def forward(self, images: Tensor) -> Tensor:
        self.seen += len(images)
        self.modes.add(self.training)
        return images.flatten(1)


def gathered(kept, view: int) -> Tensor:
    records = kept.train.features.records
    return kept.train.features.gather(records, np.full(len(records), view))


def test_view_0_is_what_evaluation_sees(tmp_path):
    data = training_data(augmentation=STRONG)
    with cached_features(Counting(), data, views=2, folder=tmp_path) as kept:
        assert torch.equal(gathered(kept, 0), HOW(list(IMAGES[:TRAIN])).flatten(1))
        assert kept.val is not None
        seen = torch.cat([batch.images for batch in kept.val])
    assert torch.equal(seen, HOW(list(IMAGES[TRAIN:])).flatten(1))


def test_further_views_are_augmented_without_mixing(tmp_path):
    data = training_data(augmentation=STRONG, sample_weights=np.arange(TRAIN) + 1.0)
    unmixed = replace(STRONG, mixup=0.0, cutmix=0.0)
    with cached_features(Counting(), data, views=4, folder=tmp_path) as kept:
        for view in (1, 2, 3):
            whole = replace(data.train, augmentation=unmixed, sample_weights=None, batch_size=TRAIN)
            (batch,) = whole.epoch(view - 1)
            order = np.argsort(batch.indices)
            assert torch.equal(gathered(kept, view), batch.images[order].flatten(1))
        assert not torch.equal(gathered(kept, 1), gathered(kept, 2))
        for batch in kept.train.epoch(0):
            assert batch.targets.dtype == torch.int64


def test_each_image_goes_through_the_body_once_a_view(tmp_path):
    body, told = Counting().train(), []
    data = training_data(augmentation=STRONG)
    with cached_features(body, data, views=3, folder=tmp_path, on_event=told.append) as kept:
        one_for_the_shape = 1
        assert body.seen == 3 * TRAIN + VAL + one_for_the_shape
        list(kept.train.epoch(0))
        assert body.seen == 3 * TRAIN + VAL + one_for_the_shape
        assert kept.bytes == 4 * 100 * (3 * TRAIN + VAL)
    assert body.modes == {False}
    assert body.training
    assert all(isinstance(event, StageProgress) for event in told)
    assert [event.done for event in told] == [64, 90, 154, 180, 244, 270, 300]
    assert {event.total for event in told} == {3 * TRAIN + VAL}


@pytest.mark.parametrize("augmentation", [None, Augmentation(shift=3, mixup=0.2)])
def test_an_augmentation_that_changes_nothing_leaves_one_view(augmentation, tmp_path):
    data = training_data(augmentation=augmentation)
    with cached_features(Counting(), data, views=5, folder=tmp_path) as kept:
        assert kept.train.features.views == 1


@pytest.mark.parametrize(
    "change", [{"crop": "resized"}, {"flip": True}, {"color_jitter": 0.2}, {"erasing": 0.1}]
)
def test_any_change_makes_views(change, tmp_path):
    data = training_data(augmentation=Augmentation(**change))
    with cached_features(Counting(), data, views=2, folder=tmp_path) as kept:
        assert kept.train.features.views == 2


def test_the_body_is_left_as_it_was(tmp_path):
    body, _ = parts(3)
    before = {name: tensor.clone() for name, tensor in body.state_dict().items()}
    body.train()
    with cached_features(body, training_data(), views=1, folder=tmp_path):
        pass
    assert body.training
    for name, tensor in body.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_without_validation_there_is_none(tmp_path):
    data = replace(training_data(), val=None)
    with cached_features(Counting(), data, views=1, folder=tmp_path) as kept:
        assert kept.val is None
        assert kept.bytes == 4 * 100 * TRAIN


def test_the_features_are_those_of_the_one_forward_pass(tmp_path):
    body, _ = parts(3, maps=True)
    data = training_data()
    with cached_features(body, data, views=1, folder=tmp_path) as kept:
        found = gathered(kept, 0).numpy()
    plain = EvalBatches(data.store, None, data.train.indices, preprocessing=HOW)
    assert np.array_equal(found, network_outputs(body, (batch.images for batch in plain)))


# --- what goes wrong


@pytest.fixture
def on_disk(monkeypatch) -> Iterator[list]:
    """No memory to spare; every store that is made is noted."""
    made, found = [], source.FeatureStore

    def noted(*arguments: object):
        made.append(found(*arguments))
        return made[-1]

    monkeypatch.setattr(source, "room_in", lambda _: Room(0, 10**9))
    monkeypatch.setattr(source, "FeatureStore", noted)
    yield made
    assert made
    assert all(store.bytes == 0 for store in made)  # closed


def test_an_interruption_leaves_no_file(tmp_path, on_disk):
    def interrupt(event: StageProgress) -> None:
        if event.done > TRAIN:  # while the validation images are computed
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached_features(Counting(), training_data(), views=1, folder=tmp_path, on_event=interrupt)
    assert len(on_disk) == 2
    assert list(tmp_path.iterdir()) == []


def test_a_stop_that_is_asked_for_is_heard(tmp_path, on_disk):
    stop, body = StopSignal(), Counting()
    stop.request()
    with pytest.raises(KeyboardInterrupt):
        cached_features(body, training_data(), views=1, folder=tmp_path, stop=stop)
    assert body.seen == 1 + 64
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path, on_disk, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("striate.data.feature_batches._write_all", full)
    with pytest.raises(FileError, match="No space left on device"):
        cached_features(Counting(), training_data(), views=1, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []
