"""Training from given weights: what learns, what rests bitwise, what is kept and what is told."""

import numpy as np
import pytest
import torch
from PIL import Image

import striate as st
from small_pictures import small_request, train_small, write_pictures
from striate.errors import FileError, UsageError
from striate.nn.stages import stages
from striate.tasks.phased_course import PhasedCourse
from striate.tasks.train import run
from striate.tasks.tuning import LAYER_DECAY, Phase, choose, phases_of, views_of
from striate.training import EpochEnded, FitResult, Notice, Recipe, StageProgress, StopSignal


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    monkeypatch.setattr("striate.tasks.tuning.HEAD_EPOCHS", 2)


def tuned(pictures, trained, folder, **options):
    return train_small(pictures, folder, model="auto", weights=str(trained.folder), **options)


def same(trained, other, stage) -> bool:
    """Whether every tensor of a stage is bitwise what it was, running statistics included."""
    before, after = trained.model.network, other.model.network
    return all(
        torch.equal(tensor, after.get_submodule(path).state_dict()[name])
        for path in stage.paths
        for name, tensor in before.get_submodule(path).state_dict().items()
    )


# --- what learns


@pytest.mark.parametrize(("tune", "learning"), [("head", 0), ("last:1", 1), ("last:2", 2)])
def test_frozen_stages_are_bitwise_what_they_were(pictures, trained, tmp_path, tune, learning):
    other = tuned(pictures, trained, tmp_path / "run", tune=tune, epochs=2, ema=0.9)
    parts = stages(other.model.network)[:-1]
    resting = parts[: len(parts) - learning]
    assert resting
    assert all(same(trained, other, stage) for stage in resting)


@pytest.mark.parametrize("tune", ["all", "gradual"])
def test_every_stage_learns_where_all_may(pictures, trained, tmp_path, tune):
    other = tuned(pictures, trained, tmp_path / "run", tune=tune, epochs=4, learning_rate=0.01)
    improved = other.report["training"]["best_epoch"] > 2
    parts = [stage for stage in stages(other.model.network)[:-1] if stage.name != "stem"]
    assert [same(trained, other, stage) for stage in parts] == [not improved] * len(parts)
    assert [row["epoch"] for row in other.history] == [1, 2, 3, 4, 5, 6]


def test_the_head_on_kept_features_learns_as_through_the_body(
    pictures, trained, tmp_path, monkeypatch
):
    options = {"tune": "head", "epochs": 3, "crop": "none", "flip": "off", "views": 1}
    kept = tuned(pictures, trained, tmp_path / "kept", **options)
    monkeypatch.setattr("striate.tasks.caching.WORTHWHILE", -1.0)
    slow = tuned(pictures, trained, tmp_path / "slow", **options)
    assert "computed once" in " ".join(kept.files.notices("train-frozen-part"))
    assert "runs in every epoch" in " ".join(slow.files.notices("train-frozen-part"))
    for one, other in zip(kept.history, slow.history, strict=True):
        assert one["train_loss"] == pytest.approx(other["train_loss"], rel=1e-4)
        assert one["val_loss"] == pytest.approx(other["val_loss"], rel=1e-4)


@pytest.mark.parametrize("head", ["logistic", "svm", "knn"])
def test_a_head_of_scikit_learn_answers_from_the_file(pictures, trained, tmp_path, head):
    other = tuned(pictures, trained, tmp_path / "run", head=head)
    loaded = st.load(other.files.model)
    images = sorted(pictures.glob("*/[0-9]*"))[:6]
    first, again = other.model.predict(images), loaded.predict(images)
    assert np.array_equal(first.values, again.values)
    assert all(same(trained, other, stage) for stage in stages(trained.model.network)[:-1])
    assert len(other.history) == 1
    assert other.report["metrics"]["accuracy"]["value"] > 0.5


# --- what is kept


def ended(losses, best_epoch) -> FitResult:
    history = [
        {"epoch": k + 1, "val_loss": loss, "learning_rate": 0.1} for k, loss in enumerate(losses)
    ]
    return FitResult(history, best_epoch, len(losses), 3 * len(losses), 2.0, 10.0, "finished")


def course_of(head, stages):
    """A head's phase and a later one with these validation losses; each ends in its own weights."""
    told, network = [], torch.nn.Linear(1, 1, bias=False)
    course = PhasedCourse(len(head) + len(stages), told.append)
    for number, losses in enumerate((head, stages)):
        for row in (result := ended(losses, losses.index(min(losses)) + 1)).history:
            course(EpochEnded(row["epoch"], len(losses), row, False))
        torch.nn.init.constant_(network.weight, number)
        course.add(
            Phase("head" if number == 0 else "all", number, Recipe()), result, network, "val_loss"
        )
    return course.end(network, "val_loss"), network.weight.item(), told


def test_weights_of_the_head_stay_where_more_training_spoils():
    result, weight, told = course_of([0.9, 0.5], [2.0, 1.1])
    assert (result.best_epoch, weight) == (2, 0.0)
    notices = {event.code: event.sentence for event in told if isinstance(event, Notice)}
    assert "the weights of the head's phase are kept" in notices["train-tuning-no-gain"]
    assert "2.00, after the head alone it was 0.50" in notices["train-rate-destroys"]


def test_later_weights_are_kept_where_they_judge_better():
    result, weight, told = course_of([0.9, 0.5], [0.6, 0.4])
    assert (result.best_epoch, weight) == (4, 1.0)
    assert not [event for event in told if isinstance(event, Notice)]
    assert [row["epoch"] for row in result.history] == [1, 2, 3, 4]
    assert (result.epochs_done, result.steps, result.seconds) == (4, 12, 4.0)
    assert [event.epoch for event in told if isinstance(event, EpochEnded)] == [1, 2, 3, 4]


@pytest.mark.parametrize("stop_at", [1, 3, 4])
def test_an_interrupted_tuning_goes_on_as_if_it_had_not_been(
    pictures, trained, tmp_path, monkeypatch, stop_at
):
    options = {"tune": "last:1", "epochs": 3}
    whole = tuned(pictures, trained, tmp_path / "whole", **options)
    signals = []
    monkeypatch.setattr(
        "striate.tasks.train.StopSignal", lambda: signals.append(StopSignal()) or signals[-1]
    )

    def watch(event):
        if isinstance(event, EpochEnded) and event.epoch == stop_at:
            signals[-1].requested = True

    request = small_request(
        pictures, tmp_path / "cut", model="auto", weights=str(trained.folder), **options
    )
    first = run(request, on_event=watch)
    assert first.outcome == "interrupted"
    monkeypatch.undo()
    monkeypatch.setattr("striate.tasks.tuning.HEAD_EPOCHS", 2)
    again = run(request.model_copy(update={"resume": True}))
    one, other = whole.model.network.state_dict(), again.model.network.state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert [row["epoch"] for row in again.history] == [row["epoch"] for row in whole.history]


def test_a_stop_while_features_are_computed_keeps_what_is_done(
    pictures, trained, tmp_path, monkeypatch
):
    signals, told = [], []
    monkeypatch.setattr(
        "striate.tasks.train.StopSignal", lambda: signals.append(StopSignal()) or signals[-1]
    )

    def watch(event):
        told.append(event)
        epochs = [e for e in told if isinstance(e, EpochEnded)]
        if isinstance(event, StageProgress) and len(epochs) == 2 and "features" in event.stage:
            signals[-1].requested = True

    request = small_request(
        pictures, tmp_path / "cut", model="auto", weights=str(trained.folder), tune="last:1",
        epochs=2,
    )  # fmt: skip
    monkeypatch.setattr("striate.tasks.caching.WORTHWHILE", 100.0)
    first = run(request, on_event=watch)
    assert first.outcome == "interrupted"
    assert [row["epoch"] for row in first.history] == [1, 2]
    assert first.files.model.is_file()
    again = run(request.model_copy(update={"resume": True}))
    assert again.outcome == "finished"
    assert [row["epoch"] for row in again.history] == [1, 2, 3, 4]


# --- what is told and refused


def test_auto_says_why(pictures, trained, tmp_path):
    other = tuned(pictures, trained, tmp_path / "run", epochs=1)
    reasons = " ".join(other.report["model"]["chosen_because"])
    assert "Only the head is trained" in reasons
    assert "starts from weights" in reasons
    assert other.report["training"]["recipe"]["tune"] == "head"


def test_images_that_the_weights_have_seen_are_told(pictures, trained, tmp_path):
    told = []
    request = small_request(
        pictures, tmp_path / "run", model="auto", weights=str(trained.folder), tune="head",
        epochs=1, seed=5,
    )  # fmt: skip
    run(request, on_event=lambda e: told.append(e) if isinstance(e, Notice) else None)
    assert "weights-seen-images" in {notice.code for notice in told}


def told_by(pictures, trained, folder, **options) -> dict[str, str]:
    told = []
    request = small_request(
        pictures, folder, model="auto", weights=str(trained.folder), tune="head", **options
    )
    run(request, on_event=lambda e: told.append(e) if isinstance(e, Notice) else None)
    return {notice.code: notice.sentence for notice in told if notice.level == "warning"}


def test_images_much_smaller_than_the_weights_know_are_told(pictures, trained, tmp_path):
    side = trained.model.input_shape[0]
    assert side == 16
    told = told_by(pictures, trained, tmp_path / "run", epochs=1, image_size=9)
    assert "learnt on images of 16 pixels and will see 9" in told["weights-image-size"]
    assert "weights-image-size" not in told_by(pictures, trained, tmp_path / "as", epochs=1)


def test_classes_of_few_images_are_told(trained, tmp_path):
    few = write_pictures(tmp_path / "few", each=9)
    told = told_by(few, trained, tmp_path / "run", epochs=1)
    assert "fewer than 10 training images of blue, green, red" in told["train-few-images"]


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("RGBA", 4)])
def test_other_channels_adapt_the_first_layer(trained, tmp_path, mode, channels):
    data = write_pictures(tmp_path / "data")
    for file in data.glob("*/[0-9]*"):
        Image.open(file).convert(mode).save(file.with_suffix(".png"))
        if file.suffix != ".png":
            file.unlink()
    other = tuned(data, trained, tmp_path / "run", tune="head", epochs=1, channels=channels)
    assert other.model.input_shape == (16, 16, channels)
    assert len(other.model.preprocessing.mean) == channels
    assert "adapted to other channels" in " ".join(other.report["model"]["chosen_because"])


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ({"tune": "head"}, "usage-value", "there are none"),
        ({"weights": "RUN", "tune": "last:0"}, "usage-value", "last:2"),
        ({"weights": "RUN", "tune": "some"}, "usage-value", "gradual"),
        ({"weights": "RUN", "tune": "all", "head": "svm"}, "usage-value", "--tune head"),
        ({"weights": "RUN", "mean": (0.5, 0.5, 0.5)}, "usage-value", "--std"),
        ({"weights": "RUN", "tune": "last:99"}, "train-tune-depth", "stem"),
        ({"weights": "RUN", "model": "resnet18"}, "weights-other-architecture", "striatenet"),
    ],
)
def test_what_cannot_be_asked(pictures, trained, tmp_path, options, code, words):
    options = {"model": "auto"} | {
        key: str(trained.folder) if value == "RUN" else value for key, value in options.items()
    }
    with pytest.raises(UsageError) as error:
        st.train(pictures, progress=False, output_dir=tmp_path / "run", epochs=1, **options)
    assert error.value.code == code
    assert words in str(error.value)


def test_a_file_that_is_not_there_is_named(pictures, tmp_path):
    with pytest.raises(FileError) as error:
        train_small(pictures, tmp_path / "run", weights="nowhere.safetensors")
    assert error.value.code == "weights-not-found"
    assert not (tmp_path / "run").exists()


def test_own_networks_take_no_weights(pictures, trained, tmp_path):
    with pytest.raises(UsageError) as error:
        st.train(
            pictures, model=torch.nn.Linear(3, 3), weights=str(trained.folder), progress=False,
            output_dir=tmp_path / "run",
        )  # fmt: skip
    assert error.value.code == "train-own-network-weights"


# --- the choice


@pytest.mark.parametrize(
    ("each", "probe", "tune"),
    [
        (50, 0.6, "head"), (99, None, "head"), (100, 0.6, "last:3"), (999, 0.94, "last:3"),
        (1000, 0.9, "all"), (5000, None, "all"), (5000, 0.96, "head"),
    ],
)  # fmt: skip
def test_the_way_follows_from_amount_and_probe(each, probe, tune):
    chosen = choose([each] * 4, 4 * each, 9, None if probe is None else (probe, 100))
    assert chosen.tune == tune
    assert (f"{each:,} training images a class" in chosen.reason) == (probe != 0.96)


@pytest.mark.parametrize(
    ("images", "multiply_adds", "views"),
    [(50, 1e8, 4), (199, 1e8, 4), (200, 1e8, 1), (100, 2e9, 2), (100, 1e11, 1)],
)
def test_views_are_kept_where_images_are_few_and_passes_cheap(images, multiply_adds, views):
    assert views_of(images, multiply_adds) == views


def test_phases_begin_with_the_head_and_go_down():
    recipe = Recipe(epochs=10, optimizer="adamw", learning_rate=3e-4, layer_decay=LAYER_DECAY)
    found = phases_of("gradual", recipe, 8)
    assert [(phase.name, phase.last) for phase in found] == [
        ("head", 0), ("last:2", 2), ("last:4", 4), ("last:6", 6), ("all", 8),
    ]  # fmt: skip
    assert sum(phase.recipe.epochs for phase in found[1:]) == 10
    assert found[0].recipe.layer_decay is None
    assert [phase.name for phase in phases_of("last:2", recipe, 8)] == ["head", "last:2"]
    assert phases_of("head", recipe, 8)[0].recipe == recipe
