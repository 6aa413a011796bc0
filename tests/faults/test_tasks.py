"""Promises of a whole training, kept when things go wrong."""

import csv
import json
import resource
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from small_pictures import small_request, train_small, write_pictures
from striate import Model, Preprocessing, load, zoo
from striate.cli import run as command
from striate.data import EvalBatches, canvas_store, open_dataset
from striate.data.dataset import FileStore
from striate.errors import DataError, FileError
from striate.files import sha256_of
from striate.inference import BATCH_SIZE, network_outputs
from striate.model_file import read_model_file
from striate.tasks.judging import judge_model
from striate.tasks.run_folder import RunFolder
from striate.tasks.train import run as train
from striate.training import Notice, ignore

# --- one preprocessing: the same bytes give the same tensor and the same scores everywhere

MODES = ("RGB", "L", "RGBA", "P", "CMYK", "LA", "1", "I;16", "YCbCr", "rotated")


def odd_picture(number: int, path: Path) -> None:
    """A picture of some size and mode, in a format that can hold it."""
    draw, mode = np.random.default_rng(number), MODES[number % len(MODES)]
    shape = (int(draw.integers(9, 70)), int(draw.integers(9, 70)))
    colours = Image.fromarray(draw.integers(0, 255, (*shape, 3), dtype=np.uint8))
    if mode == "I;16":
        deep = draw.integers(0, 2**16, shape, dtype=np.uint16)
        Image.fromarray(deep).save(path.with_suffix(".png"))
    elif mode == "rotated":
        exif = Image.Exif()
        exif[0x0112] = 6
        colours.save(path.with_suffix(".jpg"), exif=exif)
    elif mode in ("CMYK", "YCbCr"):
        colours.convert(mode).save(path.with_suffix(".jpg"))
    else:
        colours.convert(mode).save(path.with_suffix(".gif" if mode == "P" else ".png"))


@pytest.fixture(scope="module")
def two_hundred(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("200")
    for number in range(200):
        folder = root / ("a", "b", "c")[number % 3]
        folder.mkdir(exist_ok=True)
        odd_picture(number, folder / f"{number:03}")
    return root


@pytest.fixture(scope="module")
def model() -> Model:
    torch.manual_seed(0)
    network = zoo.create("striatenet", classes=3, channels=3, image_size=24)
    for module in network.modules():  # statistics that are not those of a fresh network
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    preprocessing = Preprocessing(size=24, canvas=28, channels=3, mean=(0.4,), std=(0.2,))
    return Model(network, preprocessing=preprocessing, classes=("a", "b", "c"), temperature=1.3)


def test_every_way_to_a_picture_gives_the_same_bits(
    two_hundred, model, tmp_path, monkeypatch, capsys
):
    """Training-time evaluation (cached, and decoded at once), Model.predict, `striate predict`."""
    seen: list[list[torch.Tensor]] = []

    def spy(network, batches, asking):
        seen.append([])
        return network_outputs(network, (seen[-1].append(b.clone()) or b for b in batches), asking)

    monkeypatch.setattr("striate.answering.network_outputs", spy)

    dataset = open_dataset(two_hundred)
    files = [str(two_hundred / name) for name in dataset.ids]
    preparing = model.preprocessing
    cached = canvas_store(dataset, preparing, workers=3, cache=tmp_path / "cache", epochs=9)
    scores = [
        judge_model(model, dataset, store, ignore).part.values
        for store in (cached, canvas_store(dataset, preparing))
    ]
    scores.append(model.predict(files).values)
    path = str(model.save(tmp_path / "model.safetensors"))
    assert command(["predict", path, *files, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["predictions"]
    assert [row["path"] for row in rows] == files
    scores.append(np.array([[row["probabilities"][c] for c in model.classes] for row in rows]))

    assert [len(batches) for batches in seen] == [4] * 4
    for batches, values in zip(seen, scores, strict=True):
        assert all(torch.equal(one, other) for one, other in zip(batches, seen[0], strict=True))
        assert np.array_equal(values, scores[0])
    assert len(np.unique(scores[0].round(6), axis=0)) == 200


@pytest.mark.slow
def test_so_it_is_with_real_photographs(shared_data, tmp_path, model):
    dataset = open_dataset(shared_data / "cats-dogs" / "test")
    store = canvas_store(dataset, model.preprocessing, workers=2, cache=tmp_path, epochs=9)
    labels, rows = torch.from_numpy(dataset.labels), np.arange(len(dataset))
    batches = EvalBatches(
        store, labels, rows, batch_size=BATCH_SIZE, preprocessing=model.preprocessing
    )
    expected = model.answers(network_outputs(model.network, (b.images for b in batches)))
    files = [str(dataset.root / name) for name in dataset.ids]
    assert np.array_equal(model.predict(files).values, expected)


def weights(run) -> dict[str, torch.Tensor]:
    return read_model_file(run.files.model)[1]


def test_the_number_of_workers_changes_no_bit(pictures, tmp_path):
    runs = [
        train_small(pictures, tmp_path / str(n), workers=n, mixup=0.2, erasing=0.3)
        for n in (0, 1, 3)
    ]
    for name, tensor in weights(runs[0]).items():
        assert all(torch.equal(tensor, weights(run)[name]) for run in runs)
    assert runs[0].report["metrics"] == runs[1].report["metrics"] == runs[2].report["metrics"]


# --- every file accounted for, none touched


def account(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): sha256_of(path) for path in files}


def spoil(folder: Path) -> Path:
    """Pictures among which all kinds of broken files lie."""
    write_pictures(folder)
    red = folder / "red"
    whole = (red / "000.png").read_bytes()
    (red / "half.png").write_bytes(whole[: len(whole) // 2])
    (red / "empty.jpg").write_bytes(b"")
    (red / "page.jpg").write_text("<!doctype html><title>404</title>")
    (red / "again.png").write_bytes((folder / "blue" / "000.png").read_bytes())
    (folder / "stray.png").write_bytes(whole)
    (folder / "blue" / "loop").symlink_to(folder)
    bomb = Image.new("1", (20_000, 20_000))
    bomb.save(folder / "blue" / "bomb.png")
    return folder


def check_account(run, data: Path) -> None:
    told = json.loads(run.files.data.read_text())
    count = Counter(file["path"] for file in told["files"])
    links = {str(path.relative_to(data)) for path in data.rglob("*") if path.is_symlink()}
    assert set(count) == set(account(data)) | links
    assert set(count.values()) == {1}
    status = Counter(file["status"] for file in told["files"])
    assert told["counts"] == {
        "found": len(count), "used": status["used"], "excluded": status["excluded"],
    }  # fmt: skip
    assert all(bool(file["reason"]) == (file["status"] == "excluded") for file in told["files"])
    with run.files.split.open(newline="") as file:
        used = {row["path"] for row in csv.DictReader(file)}
    assert used == {file["path"] for file in told["files"] if file["status"] == "used"}
    hashes = account(data)
    for file in told["files"]:
        assert file["sha256"] in ("", hashes.get(file["path"], "")), file
    data_facts = run.report["data"]
    assert {name: data_facts[name] for name in told["counts"]} == told["counts"]


def test_broken_files_are_listed_and_nothing_is_touched(tmp_path):
    data = spoil(tmp_path / "data")
    before = account(data)
    run = train_small(data, tmp_path / "run", epochs=1)
    assert account(data) == before
    check_account(run, data)
    told = json.loads(run.files.data.read_text())
    reasons = {file["path"]: file["reason"] for file in told["files"]}
    assert reasons["red/half.png"] == "truncated"
    assert reasons["red/empty.jpg"] == "empty-file"
    assert reasons["red/page.jpg"] == "not-an-image"
    assert reasons["blue/bomb.png"] == "over-pixel-cap"
    assert reasons["blue/loop"] == "symlink-loop"
    assert reasons["red/again.png"] == reasons["blue/000.png"] == "conflicting-labels"


@pytest.mark.slow
def test_so_it_is_with_the_odd_images(shared_data, tmp_path, capfd):
    data = shared_data / "odd-images"
    before = account(data)
    run = train_small(data, tmp_path / "run", epochs=1)
    assert account(data) == before
    check_account(run, data)


# --- the test part is sealed


def test_the_test_part_is_not_read_before_it_is_opened(tmp_path, monkeypatch, pictures):
    """Only the check, which decides what can be used, has looked at its files until then."""
    reads: list[tuple[str, str]] = []
    phase = ["check"]
    read = FileStore.read

    def spy(store: FileStore, index: int) -> bytes:
        path = store.paths[index]
        reads.append((phase[0], f"{path.parent.name}/{path.name}"))
        return read(store, index)

    monkeypatch.setattr(FileStore, "read", spy)
    monkeypatch.setenv("STRIATE_CACHE", str(tmp_path / "cache"))

    def watch(event):
        if isinstance(event, Notice) and event.code == "data-parts":
            phase[0] = "training"

    log = RunFolder.log_test_opening

    def opened(folder: RunFolder, by: str) -> None:
        phase[0] = "opened"
        log(folder, by)

    monkeypatch.setattr(RunFolder, "log_test_opening", opened)
    run = train(small_request(pictures, tmp_path / "run"), on_event=watch)
    with run.files.split.open(newline="") as file:
        parts = {row["path"]: row["split"] for row in csv.DictReader(file)}
    during = {parts[name] for when, name in reads if when == "training"}
    assert during == {"train", "val"}
    assert "test" in {parts[name] for when, name in reads if when == "opened"}
    assert [opening["by"] for opening in run.report["test_openings"]] == ["train"]


# --- nowhere to write


def test_a_full_disk_is_told_and_what_was_there_stays(pictures, tmp_path, capsys, monkeypatch):
    """No file may grow beyond 20 kB: the first checkpoint does not fit."""
    monkeypatch.chdir(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    arguments = ["train", str(pictures), "epochs=1", "model=striatenet", "workers=0", "-q"]
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        code = command(arguments)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    said = capsys.readouterr().err
    assert code == 1
    assert "Cannot write" in said
    assert "File too large" in said
    assert command([*arguments, "--resume"]) == 0


def test_a_disk_that_fills_while_the_report_is_written(pictures, tmp_path, monkeypatch):
    import striate.tasks.judging as judging

    def full(path, content):
        raise FileError("file-cannot-write", f"Cannot write {path}", "")

    with monkeypatch.context() as patch:
        patch.setattr(judging, "write_atomic", full)
        with pytest.raises(FileError):
            train_small(pictures, tmp_path / "run")
    assert len(load(tmp_path / "run").predict(str(pictures / "red"))) > 0
    assert train_small(pictures, tmp_path / "run", resume=True).outcome == "finished"


@pytest.mark.parametrize("place", ["/proc/striate/run", "/dev/null/run"])
def test_a_place_that_cannot_be_written_fails_before_the_first_step(place, pictures, capsys):
    assert command(["train", str(pictures), "-o", place, "-q"]) == 1
    said = capsys.readouterr().err
    assert f"Cannot write {place}" in said
    assert "--output-dir" in said


def test_pictures_that_vanish_after_the_check(tmp_path):
    data = write_pictures(tmp_path / "data")

    def watch(event):
        if isinstance(event, Notice) and event.code == "data-parts":
            for path in (data / "red").glob("0*.png"):
                path.unlink()

    with pytest.raises(DataError, match="cannot be read any more") as caught:
        train(small_request(data, tmp_path / "run"), on_event=watch)
    assert caught.value.code == "data-unreadable"
