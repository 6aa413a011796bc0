"""The loop: it learns, it resumes bitwise, it keeps the best, it stops when asked."""

import copy
from itertools import islice

import numpy as np
import pytest
import torch
from torch import nn

from small_training import (
    MemoryBatches,
    assert_same_weights,
    blobs,
    small_batches,
    small_fit,
    small_network,
    small_recipe,
    validation,
)
from striate.errors import FileError, RunError, StriateError, TrainingError, UsageError
from striate.training import (
    Checkpoints,
    EpochEnded,
    Notice,
    SingleLabel,
    StepEnded,
    StopSignal,
    TrainingEnded,
    TrainingStarted,
    fit,
)


def without_times(history):
    return [{name: v for name, v in row.items() if name != "seconds"} for row in history]


class StopAt(StopSignal):
    """Asks to stop after so many steps, as a signal between two steps would."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.left = steps

    @property
    def requested(self) -> bool:
        return self.left <= 0

    @requested.setter
    def requested(self, value: bool) -> None:
        pass


def stopping_batches(stop: StopAt, **options) -> MemoryBatches:
    batches = small_batches(**options)
    plain = batches.epoch

    def epoch(number, start=0):
        for batch in plain(number, start):
            stop.left -= 1
            yield batch

    batches.epoch = epoch
    return batches


def test_eight_images_are_learnt_by_heart():
    images, labels = blobs(8)
    network = small_network()
    network[6].p = 0.0
    result = fit(
        network, MemoryBatches(images, labels, 8), SingleLabel(),
        small_recipe(epochs=150, batch_size=8, learning_rate=0.01, weight_decay=0.0),
    )  # fmt: skip
    assert result.history[-1]["train_loss"] < 0.01
    assert (result.steps, result.epochs_done, result.outcome) == (150, 150, "finished")


def test_one_step_is_what_torch_does_by_hand():
    network = small_network()
    by_hand = copy.deepcopy(network).train()
    batches = small_batches()
    recipe = small_recipe(
        epochs=1, optimizer="sgd", momentum=0.0, weight_decay=0.0, schedule="constant"
    )
    network[6].p = by_hand[6].p = 0.0
    fit(network, batches, SingleLabel(), recipe)
    optimizer = torch.optim.SGD(by_hand.parameters(), lr=0.01)
    for batch in batches.epoch(0):
        optimizer.zero_grad()
        nn.functional.cross_entropy(by_hand(batch.images), batch.targets).backward()
        optimizer.step()
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(tensor, by_hand.state_dict()[name])


RECIPES = {
    "adamw, ema, one-cycle": {"optimizer": "adamw", "ema": 0.9},
    "sgd, cosine, clipped": {"optimizer": "sgd", "schedule": "cosine", "clip_norm": 0.5},
    "accumulated": {"optimizer": "adam", "accumulate": 4},  # 6 batches: steps of 4 and of 2
    "rmsprop": {"optimizer": "rmsprop", "schedule": "step"},
    "adadelta": {"optimizer": "adadelta", "learning_rate": 1.0},
}


@pytest.mark.parametrize("settings", RECIPES.values(), ids=list(RECIPES))
@pytest.mark.parametrize("stop_after", [1, 5, 6, 9, 17])
def test_a_stopped_and_resumed_training_is_bitwise_the_uninterrupted_one(
    tmp_path, settings, stop_after
):
    recipe = small_recipe(**settings)
    whole, broken, resumed = small_network(), small_network(), small_network(seed=1)
    expected = small_fit(whole, recipe)
    stop, checkpoints = StopAt(stop_after), Checkpoints(tmp_path)
    batches = stopping_batches(stop)
    small_fit(broken, recipe, batches=batches, checkpoints=checkpoints, stop=stop)
    torch.manual_seed(stop_after)  # what the person does in between must not matter
    result = small_fit(resumed, recipe, checkpoints=checkpoints, resume=True)
    assert_same_weights(resumed, whole)
    assert without_times(result.history) == without_times(expected.history)
    assert (result.steps, result.best_epoch) == (expected.steps, expected.best_epoch)


def test_when_and_whether_checkpoints_are_written_changes_nothing(tmp_path):
    networks = [small_network() for _ in range(3)]
    small_fit(networks[0])
    small_fit(networks[1], checkpoints=Checkpoints(tmp_path / "1"))
    often = small_recipe(checkpoint_steps=1, checkpoint_every=1e-6)
    small_fit(networks[2], often, checkpoints=Checkpoints(tmp_path / "2"))
    assert_same_weights(networks[1], networks[0])
    assert_same_weights(networks[2], networks[0])


def test_the_seed_alone_decides():
    networks = [small_network() for _ in range(3)]
    for network, seed in zip(networks, [3, 3, 4], strict=True):
        torch.manual_seed(np.random.default_rng().integers(1 << 30).item())
        small_fit(network, small_recipe(seed=seed))
    assert_same_weights(networks[0], networks[1])
    assert not torch.equal(networks[0][0].weight, networks[2][0].weight)  # dropout differs


def test_random_numbers_modes_and_gradient_switch_are_left_as_found():
    network = small_network()
    network.eval()
    network[6].train()
    torch.manual_seed(5)
    found = torch.get_rng_state()
    small_fit(network, small_recipe(epochs=1))
    assert torch.equal(torch.get_rng_state(), found)
    assert [module.training for module in network.modules()].count(True) == 1
    assert network[6].training
    assert torch.is_grad_enabled()


def judging(values):
    """A validation that gives these losses, epoch by epoch, and remembers the weights it saw."""
    seen = []

    def validate(network):
        seen.append({name: tensor.clone() for name, tensor in network.state_dict().items()})
        assert not network.training
        assert not torch.is_grad_enabled()
        return {"val_loss": values[len(seen) - 1]}

    return validate, seen


@pytest.mark.parametrize("ema", [None, 0.9])
@pytest.mark.parametrize("on_disk", [False, True])
def test_the_network_ends_with_the_weights_that_judged_best(tmp_path, ema, on_disk):
    validate, seen = judging([3.0, 1.0, float("nan"), 2.0])
    network = small_network()
    result = small_fit(
        network, small_recipe(epochs=4, ema=ema), validate=validate,
        checkpoints=Checkpoints(tmp_path) if on_disk else None,
    )  # fmt: skip
    assert result.best_epoch == 2
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, seen[1][name]), name


def test_without_validation_the_last_average_is_kept():
    network, plain = small_network(), small_network()
    result = small_fit(network, small_recipe(ema=0.9), validate=None)
    small_fit(plain, small_recipe(), validate=None)
    assert result.best_epoch == 3
    assert not torch.equal(network[0].weight, plain[0].weight)


def test_patience_ends_the_training_and_survives_a_break(tmp_path):
    losses = [2.0, 1.0, 1.5, 1.0, 1.5, 0.5]  # equal is no improvement
    recipe = small_recipe(epochs=6, patience=3)
    assert small_fit(small_network(), recipe, validate=judging(losses)[0]).epochs_done == 5
    stop, checkpoints = StopAt(20), Checkpoints(tmp_path)
    small_fit(
        small_network(), recipe, validate=judging(losses)[0], checkpoints=checkpoints, stop=stop,
        batches=stopping_batches(stop),
    )  # fmt: skip
    result = small_fit(
        small_network(), recipe, validate=judging(losses[3:])[0], checkpoints=checkpoints,
        resume=True,
    )  # fmt: skip
    assert (result.outcome, result.epochs_done, result.best_epoch) == ("stopped_early", 5, 2)


def test_resuming_a_finished_training_gives_its_result_again(tmp_path):
    first, again, checkpoints = small_network(), small_network(seed=9), Checkpoints(tmp_path)
    done = small_fit(first, checkpoints=checkpoints)
    batches = small_batches()
    result = small_fit(again, batches=batches, checkpoints=checkpoints, resume=True)
    assert_same_weights(again, first)
    assert result.history == done.history
    assert not batches.asked


def test_a_damaged_best_is_told_and_the_last_weights_are_used(tmp_path):
    checkpoints, told = Checkpoints(tmp_path), []
    recipe = small_recipe(epochs=4)
    small_fit(small_network(), recipe, validate=judging([1, 2, 3, 4])[0], checkpoints=checkpoints)
    assert checkpoints.steps() == [6, 18, 24]
    (checkpoints.path(6) / "state.json").write_text("")
    network = small_network()
    result = small_fit(network, recipe, checkpoints=checkpoints, resume=True, on_event=told.append)
    assert result.best_epoch == 4
    assert [e.code for e in told if isinstance(e, Notice)] == ["checkpoint-best-lost"]
    last = checkpoints.load(24).tensors("network")
    assert torch.equal(network[0].weight, last["0.weight"])


def test_events_tell_the_story_and_steps_do_not_flood():
    told = []
    result = small_fit(small_network(), small_recipe(epochs=2), on_event=told.append)
    kinds = [type(event) for event in told]
    assert (kinds[0], kinds[-1]) == (TrainingStarted, TrainingEnded)
    assert [e.row for e in told if isinstance(e, EpochEnded)] == result.history
    started = told[0]
    assert (started.steps_per_epoch, started.epochs, started.start_step) == (6, 2, 0)
    assert 1 <= kinds.count(StepEnded) < 12
    assert list(result.history[0]) == [
        "epoch", "train_loss", "val_loss", "val_accuracy", "learning_rate", "seconds",
    ]  # fmt: skip
    assert result.history[0]["epoch"] == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"learning_rate": 0.02}, "train-other-recipe"),
        ({"epochs": 4}, "train-other-recipe"),
        ({"workers": 3, "checkpoint_every": 5.0}, None),
    ],
)
def test_another_recipe_is_told_where_it_matters(tmp_path, change, code):
    checkpoints, told, stop = Checkpoints(tmp_path), [], StopAt(8)
    small_fit(small_network(), checkpoints=checkpoints, stop=stop, batches=stopping_batches(stop))
    small_fit(
        small_network(), small_recipe(**change), checkpoints=checkpoints, resume=True,
        on_event=told.append,
    )  # fmt: skip
    notices = [event for event in told if isinstance(event, Notice)]
    assert [notice.code for notice in notices] == ([code] if code else [])
    if "learning_rate" in change:
        assert "learning_rate: 0.01 → 0.02" in notices[0].sentence


def test_other_threads_are_told(tmp_path, monkeypatch):
    checkpoints, told = Checkpoints(tmp_path), []
    small_fit(small_network(), small_recipe(epochs=1), checkpoints=checkpoints)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 77)
    small_fit(
        small_network(), small_recipe(epochs=1), checkpoints=checkpoints, resume=True,
        on_event=told.append,
    )  # fmt: skip
    (notice,) = [event for event in told if isinstance(event, Notice)]
    assert notice.code == "train-other-machine"
    assert "not bitwise" in notice.sentence
    assert "→ 77" in notice.sentence


class Crooked(nn.Sequential):
    """Other shapes than the small network's."""

    def __init__(self) -> None:
        super().__init__(nn.Flatten(), nn.Linear(64, 3))


@pytest.mark.parametrize(
    ("network", "options", "code", "words"),
    [
        (Crooked(), {}, "checkpoint-other-network", "1.weight is [3, 64]"),
        (small_network(), {"batches": small_batches(64)}, "checkpoint-other-data", "6 steps"),
        (small_network(), {"recipe": small_recipe(ema=0.5)}, "checkpoint-other-recipe", "ema"),
        (small_network(), {"recipe": small_recipe(optimizer="sgd")}, "checkpoint-other-recipe",
         "AdamW; this recipe has SGD"),
    ],
)  # fmt: skip
def test_a_checkpoint_of_something_else_is_refused(tmp_path, network, options, code, words):
    checkpoints = Checkpoints(tmp_path)
    small_fit(small_network(), small_recipe(epochs=1), checkpoints=checkpoints)
    with pytest.raises(FileError) as caught:
        small_fit(network, checkpoints=checkpoints, resume=True, **options)
    assert caught.value.code == code
    assert words in caught.value.what
    assert checkpoints.steps() == [6]


def test_a_folder_with_checkpoints_is_not_trained_over(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    small_fit(small_network(), small_recipe(epochs=1), checkpoints=checkpoints)
    with pytest.raises(RunError, match="holds checkpoints of an earlier training") as caught:
        small_fit(small_network(), checkpoints=checkpoints)
    assert caught.value.code == "checkpoint-exists"


@pytest.mark.parametrize(
    ("options", "error", "code"),
    [
        ({"batches": small_batches(8)}, UsageError, "train-no-batches"),
        (
            {"recipe": small_recipe(patience=2), "validate": None},
            UsageError,
            "train-patience-blind",
        ),
        ({"recipe": small_recipe(device="quantum")}, UsageError, "train-no-device"),
        ({"recipe": small_recipe(amp="bf16")}, UsageError, "train-amp-needs-gpu"),
        ({"monitor": "val_los"}, StriateError, "unknown-name"),
    ],
)
def test_what_cannot_work_is_refused(options, error, code):
    with pytest.raises(error) as caught:
        small_fit(small_network(), **options)
    assert caught.value.code == code


def test_batches_that_end_early_are_a_mistake_that_is_told():
    batches = small_batches()
    plain = batches.epoch
    batches.epoch = lambda number, start=0: islice(plain(number, start), 5)
    with pytest.raises(TrainingError, match="6 steps; the batches ended after 5") as caught:
        small_fit(small_network(), batches=batches)
    assert caught.value.code == "train-batches-missing"


def test_accumulation_is_the_larger_batch():
    """Without batch norm and dropout, two batches of 16 in one step are one batch of 32."""
    one, two = [nn.Sequential(nn.Flatten(), nn.Linear(64, 3)) for _ in range(2)]
    two.load_state_dict(one.state_dict())
    settings = {"optimizer": "sgd", "epochs": 2, "schedule": "constant"}
    small_fit(one, small_recipe(**settings), batches=small_batches(batch_size=32))
    small_fit(two, small_recipe(**settings, accumulate=2), batches=small_batches(batch_size=16))
    torch.testing.assert_close(one[1].weight, two[1].weight)


def test_batches_with_threads_or_files_are_closed():
    closed = []
    batches = small_batches()
    plain = batches.epoch

    def epoch(number, start=0):
        try:
            yield from plain(number, start)
        finally:
            closed.append(number)

    batches.epoch = epoch
    small_fit(small_network(), small_recipe(epochs=2), batches=batches, validate=validation)
    assert closed == [0, 1]


def test_with_two_threads_a_resumed_training_is_bitwise_the_same_too(tmp_path):
    """Large enough that torch shares every step between the threads."""
    torch.set_num_threads(2)
    recipe, (images, labels) = small_recipe(epochs=2, ema=0.9, batch_size=32), blobs(128, size=24)
    batches = MemoryBatches(images, labels, 32)
    network = nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.BatchNorm2d(32), nn.ReLU(), nn.Flatten(), nn.Linear(15488, 3)
    )
    whole, broken = copy.deepcopy(network), copy.deepcopy(network)
    small_fit(whole, recipe, batches=batches, validate=None)
    stop, checkpoints = StopAt(3), Checkpoints(tmp_path)
    counted = stopping_batches(stop)
    counted.images, counted.targets, counted.batch_size, counted.steps = images, labels, 32, 4
    options = {"batches": counted, "validate": None, "checkpoints": checkpoints}
    assert small_fit(broken, recipe, stop=stop, **options).steps == 3
    torch.ones(1_000_000).mul_(2)  # the threads have another history now
    small_fit(broken, recipe, resume=True, **options)
    assert_same_weights(broken, whole)


def test_the_training_loss_is_the_mean_over_images_however_they_are_grouped():
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    images, labels = blobs()
    expected = nn.functional.cross_entropy(network(images), labels).item()
    recipe = small_recipe(learning_rate=1e-12, epochs=2, accumulate=4)  # steps of 64 and 32 images
    result = small_fit(network, recipe)
    assert [row["train_loss"] for row in result.history] == pytest.approx([expected] * 2)


def test_convolutions_become_channels_last():
    network = small_network()
    assert not network[3].weight.is_contiguous(memory_format=torch.channels_last)
    small_fit(network, small_recipe(epochs=1))
    assert network[3].weight.is_contiguous(memory_format=torch.channels_last)
