"""Training as one asks for it: what lands in the run folder, what is refused before it begins."""

import csv
import json
import shutil

import numpy as np
import pytest
import torch
import yaml
from torch import nn

import striate as st
from small_pictures import EACH, small_request, train_small
from striate.errors import DataError, RunError, ShapeError, TrainingError, UnknownName, UsageError
from striate.tasks.train import run
from striate.training import EpochEnded, RunLock, read_events


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def table(path, labels) -> str:
    """A table of these labels for the pictures of `folder`."""
    path.write_text("path,label\n" + "\n".join(f"{name},{label}" for name, label in labels))
    return str(path)


@pytest.fixture
def names(pictures) -> list[str]:
    return sorted(f"{file.parent.name}/{file.name}" for file in pictures.glob("*/[0-9]*"))


# --- what a finished run leaves


def test_the_run_folder_is_complete(trained):
    assert sorted(path.name for path in trained.folder.iterdir() if path.name != "run.lock") == [
        "checkpoints", "data.json", "events.jsonl", "history.csv", "model.safetensors",
        "predictions.parquet", "recipe.yaml", "report.html", "report.json", "split.csv",
    ]  # fmt: skip
    assert (trained.outcome, trained.exit_code) == ("finished", 0)
    assert repr(trained) == f"Run({str(trained.folder)!r}, finished)"


def test_the_recipe_is_resolved_and_plain(trained, pictures):
    recipe = yaml.safe_load(trained.files.recipe.read_text())
    assert recipe["data"] == str(pictures)
    assert recipe["model"] == "striatenet"
    assert recipe["epochs"] == 2
    assert None not in [recipe[k] for k in ("learning_rate", "optimizer", "flip", "channels")]
    assert "auto" not in [recipe[k] for k in ("flip", "crop", "imbalance", "task", "resize")]


def test_a_recipe_asks_for_the_same_training_again(trained, pictures, tmp_path):
    recipe = yaml.safe_load(trained.files.recipe.read_text())
    again = st.train(progress=False, output_dir=tmp_path / "again", **recipe)
    one, other = trained.model.network.state_dict(), again.model.network.state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_the_history_is_told_three_times_alike(trained):
    rows = trained.history
    assert [row["epoch"] for row in rows] == [1, 2]
    assert {"train_loss", "val_loss", "val_accuracy", "learning_rate", "seconds"} <= set(rows[0])
    events = [e for e in read_events(trained.files.events) if e["event"] == "EpochEnded"]
    assert [event["row"] for event in events] == trained.report["history"]
    assert rows == trained.report["history"]


def test_the_split_is_the_one_that_was_used(trained):
    with trained.files.split.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * EACH
    counts = {part: sum(row["split"] == part for row in rows) for part in ("train", "val", "test")}
    assert counts == trained.report["data"]["by_split"]
    assert all(row["path"].startswith(row["label"]) for row in rows)


def test_the_report_says_what_was_left_out_and_why_things_were_chosen(trained):
    data, model = trained.report["data"], trained.report["model"]
    assert (data["found"], data["used"], data["excluded"]) == (3 * EACH + 2, 3 * EACH, 2)
    assert {file["path"]: file["reason"] for file in data["excluded_files"]} == {
        "red/.hidden.png": "dot-file", "red/notes.png": "not-an-image",
    }  # fmt: skip
    assert any("striatenet" in reason for reason in model["chosen_because"])
    told = [e["sentence"] for e in read_events(trained.files.events) if e["event"] == "Notice"]
    assert f"{3 * EACH + 2} images found, {3 * EACH} used:" in told[0]
    assert set(model["chosen_because"]) <= set(told)


def test_the_model_of_the_run_is_the_one_in_its_file(trained, pictures):
    file = str(pictures / "red" / "000.png")
    assert np.array_equal(
        trained.model.predict(file).values, st.load(trained.folder).predict(file).values
    )
    assert trained.model.classes == ("blue", "green", "red")
    assert trained.model.provenance["images"] == trained.report["data"]["by_split"]


def test_the_page_stands_alone(trained):
    page = trained.files.page.read_text()
    assert "<html" in page
    assert trained.report.verdict.split(".")[0][:20] in page
    assert "http://" not in page.replace("http://www.w3.org", "")


# --- kinds of data


def test_several_labels(pictures, names, tmp_path):
    labels = [
        (pictures / n, n.split("/")[0] + ("|odd" if i % 2 else "")) for i, n in enumerate(names)
    ]
    done = train_small(table(tmp_path / "several.csv", labels), tmp_path / "run")
    assert done.model.task == "multi_label"
    assert done.model.classes == ("blue", "green", "odd", "red")
    assert "mean_average_precision" in done.report.metrics


def test_numbers(pictures, names, tmp_path):
    labels = [(pictures / name, 100 + 0.5 * i) for i, name in enumerate(names)]
    done = train_small(table(tmp_path / "numbers.csv", labels), tmp_path / "run")
    mean, deviation = done.model.target_scale
    assert 100 < mean < 122
    assert 3 < deviation < 8
    assert {"mean_absolute_error", "r2"} <= set(done.report.metrics)
    assert "val_mean_absolute_error" in done.history[0]
    assert 50 < done.model.predict(str(pictures / names[0]))[0].label < 200


def arrays() -> tuple[np.ndarray, np.ndarray]:
    draw, labels = np.random.default_rng(0), np.arange(48) % 3
    x = draw.integers(0, 150, (48, 8, 8, 3), dtype=np.uint8)
    x[np.arange(48), :, :, labels] += 100
    return x, labels


def test_arrays_in_memory():
    x, y = arrays()
    done = st.train((x, y), epochs=1, progress=False, workers=0)
    assert done.folder.name == "arrays"
    assert done.report.metrics["accuracy"].n == done.report["data"]["by_split"]["test"]
    with pytest.raises(DataError, match="arrays in the memory of a program") as caught:
        st.evaluate(done, progress=False)
    assert caught.value.code == "data-in-memory"


def test_arrays_with_a_test_part():
    x, y = arrays()
    parts = {"train": (x[:36], y[:36]), "test": (x[36:], y[36:])}
    done = st.train(parts, epochs=1, progress=False, workers=0)
    assert done.report.metrics["accuracy"].n == 12


def test_the_built_in_digits(monkeypatch):
    done = st.train("digits", epochs=1, model="lenet5", image_size=16, progress=False, workers=0)
    assert done.folder.name == "digits"
    assert done.model.classes == tuple("0123456789")


# --- networks of one's own


class Own(nn.Module):
    def __init__(self, classes: int = 3) -> None:
        super().__init__()
        self.filters = nn.Conv2d(3, 4, 3)
        self.output = nn.Linear(4, classes)

    def forward(self, x):
        return self.output(self.filters(x).relu().mean(dim=(2, 3)))


def test_a_network_of_ones_own(pictures):
    done = st.train(pictures, model=Own(), epochs=1, progress=False, workers=0)
    file = str(pictures / "red" / "000.png")
    answer = done.model.predict(file).values
    assert yaml.safe_load(done.files.recipe.read_text())["model"] == "Own"
    again = st.open_run(done.folder, network=Own())
    assert np.array_equal(again.model.predict(file).values, answer)
    assert st.evaluate(again, progress=False).report.metrics.keys() == done.report.metrics.keys()


@pytest.mark.parametrize(
    ("network", "words"),
    [
        (Own(5), r"Own gives \[2, 5\] for two images, the data need \[2, 3\].*3 outputs"),
        (nn.Sequential(nn.Flatten(), nn.Linear(7, 3)), r"'1' \(Linear\) takes 7 features"),
        (nn.Identity(), r"Identity gives \[2, 3, \d+, \d+\]"),
    ],
)
def test_a_network_that_does_not_fit_is_refused_before_training(pictures, network, words):
    with pytest.raises(ShapeError, match=words) as caught:
        st.train(pictures, model=network, epochs=1, progress=False)
    assert caught.value.code == "shape-own-network"


# --- what is refused


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"model": "resnet19"}, UnknownName, "Did you mean 'resnet18'"),
        ({"model": "enet"}, UsageError, "enet answers for every pixel"),
        ({"device": "gpu"}, UsageError, "torch knows no such device"),
        ({"split": "absent.csv"}, UsageError, "there is no file absent.csv"),
        ({"epochs": 0}, UsageError, "epochs: must be at least 1, got 0"),
        ({"epochs": "ten"}, UsageError, "epochs: must be a whole number, got 'ten'"),
        ({"learning_rate": 0}, UsageError, r"learning_rate: must be above 0"),
        ({"val": 0.9, "test": 0.5}, UsageError, "0.9 and 0.5 leave none to train on"),
        ({"background": (1, 2, 300)}, UsageError, "must lie between 0 and 255"),
        ({"optimizer": "adamm"}, UsageError, "must be one of 'sgd', 'adam'"),
        ({"epoch": 3}, UnknownName, "No option is named 'epoch'. Did you mean 'epochs'"),
    ],
)  # fmt: skip
def test_nothing_is_written_for_what_cannot_be_done(pictures, tmp_path, options, kind, words):
    with pytest.raises(kind, match=words):
        st.train(pictures, progress=False, **options)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_for_data_that_are_not_there(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        st.train("photos", progress=False)
    assert list(tmp_path.iterdir()) == []


def test_images_too_small_for_the_network(pictures):
    with pytest.raises(ShapeError, match="lenet5 needs images of at least 16×16 pixels, got 8×8"):
        st.train(pictures, model="lenet5", image_size=8, progress=False)


def test_weighted_draws_need_one_label(pictures, names, tmp_path):
    labels = [
        (pictures / n, n.split("/")[0] + ("|odd" if i % 2 else "")) for i, n in enumerate(names)
    ]
    with pytest.raises(UsageError, match="needs one label per image; the task is multi_label"):
        train_small(table(tmp_path / "several.csv", labels), imbalance="sampler")
    assert not (tmp_path / "runs" / "several" / "recipe.yaml").exists()


def test_classes_that_differ_between_parts_are_an_error(pictures, tmp_path):
    for part, colours in (("train", ("red", "green")), ("test", ("red", "blue"))):
        for colour in colours:
            shutil.copytree(pictures / colour, tmp_path / "data" / part / colour)
    with pytest.raises(DataError) as caught:
        st.train(tmp_path / "data", progress=False)
    assert "blue" in str(caught.value)
    assert (tmp_path / "runs" / "data" / "data.json").exists()
    assert not (tmp_path / "runs" / "data" / "recipe.yaml").exists()


# --- folders


def test_runs_are_numbered(pictures):
    assert [train_small(pictures, epochs=1).folder.name for _ in range(2)] == [
        "colours", "colours-2",
    ]  # fmt: skip


def test_a_folder_in_use_is_refused_and_passed_over(pictures, tmp_path):
    with RunLock(tmp_path / "runs" / "colours"):
        with pytest.raises(RunError, match=r"in use: process \d+ is training there"):
            train_small(pictures, tmp_path / "runs" / "colours")
        assert train_small(pictures, epochs=1).folder.name == "colours-2"


def test_the_second_run_can_have_the_split_of_the_first(trained, pictures, tmp_path):
    again = train_small(pictures, tmp_path / "b", split=trained.files.split, seed=5, epochs=1)
    assert again.files.split.read_bytes() == trained.files.split.read_bytes()
    assert again.report.metrics["accuracy"].n == trained.report.metrics["accuracy"].n


# --- stopping and going on


def stop_at_first_epoch(monkeypatch):
    """Ctrl-C as soon as an epoch has ended."""
    import signal

    def watch(event):
        if isinstance(event, EpochEnded):
            signal.raise_signal(signal.SIGINT)

    return watch


def test_an_interrupted_training_has_a_model_and_goes_on(trained, pictures, tmp_path, monkeypatch):
    request = small_request(pictures, tmp_path / "run")
    stopped = run(request, on_event=stop_at_first_epoch(monkeypatch))
    assert (stopped.outcome, stopped.exit_code) == ("interrupted", 130)
    assert len(stopped.model.predict(str(pictures / "red"))) == EACH
    with pytest.raises(RunError, match=r"has no report yet.*--resume"):
        _ = stopped.report
    assert st.open_run(stopped.folder).outcome == "interrupted"

    done = train_small(pictures, tmp_path / "run", resume=True)
    assert done.outcome == "finished"
    one, other = trained.model.network.state_dict(), done.model.network.state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert done.report["metrics"] == trained.report["metrics"]
    assert done.report["model"]["chosen_because"] == trained.report["model"]["chosen_because"]


def test_resume_finds_the_unfinished_run(pictures, monkeypatch):
    run(small_request(pictures), on_event=stop_at_first_epoch(monkeypatch))
    done = run(small_request(pictures, resume=True))
    assert (done.folder.name, done.outcome) == ("colours", "finished")
    with pytest.raises(RunError, match="There is no unfinished run of") as caught:
        run(small_request(pictures, resume=True))
    assert caught.value.code == "run-nothing-to-resume"


def test_only_the_same_training_is_resumed(trained, pictures, tmp_path, monkeypatch):
    with pytest.raises(UsageError, match="has ended") as caught:
        train_small(pictures, trained.folder, resume=True)
    assert caught.value.code == "run-finished"
    run(small_request(pictures, tmp_path / "r"), on_event=stop_at_first_epoch(monkeypatch))
    with pytest.raises(UsageError, match=r"must stay: epochs: 2 → 7") as caught:
        train_small(pictures, tmp_path / "r", resume=True, epochs=7)
    assert caught.value.code == "run-resume-changed"


def test_changed_data_are_not_resumed(pictures, tmp_path, monkeypatch):
    data = shutil.copytree(pictures, tmp_path / "data")
    run(small_request(data, tmp_path / "r"), on_event=stop_at_first_epoch(monkeypatch))
    (data / "red" / "000.png").unlink()
    with pytest.raises(DataError, match=r"1 files? differ.*red/000.png") as caught:
        train_small(data, tmp_path / "r", resume=True)
    assert caught.value.code == "data-changed"


def test_workers_may_change_at_resume(pictures, tmp_path, monkeypatch):
    run(small_request(pictures, tmp_path / "r"), on_event=stop_at_first_epoch(monkeypatch))
    assert train_small(pictures, tmp_path / "r", resume=True, workers=2).outcome == "finished"


def test_a_loss_that_explodes_keeps_the_run_resumable(pictures, tmp_path):
    with pytest.raises(TrainingError, match="Lower the learning rate"):
        train_small(pictures, tmp_path / "r", model="lenet5", image_size=16, learning_rate=1e30)
    assert not (tmp_path / "r" / "report.json").exists()
    assert json.loads((tmp_path / "r" / "data.json").read_text())["counts"]["used"] == 3 * EACH
