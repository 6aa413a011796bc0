"""Ways to reuse weights compared: what is trained, what is said of it, and going on later."""

import json
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from small_pictures import train_small, write_pictures
from striate.errors import DataError, TrainingError, UsageError
from striate.metrics.over_seeds import ONE_SEED
from striate.tasks import train
from striate.tasks.fields import ask
from striate.tasks.run import open_run
from striate.tasks.transfer import carry_out, transfer
from striate.tasks.transfer_outcome import Trained, outcome
from striate.tasks.transfer_request import TransferRequest
from striate.tasks.transfer_words import way_name
from striate.training import EventLog, Notice

SMALL = {"epochs": 1, "batch_size": 8, "workers": 0, "device": "cpu", "val": 0.25, "test": 0.25}


def trained_way(way: str, shares: list[float], seconds: float, n: int = 200) -> list[Trained]:
    """Trainings of a way that are right on the first so many of 200 images."""
    return [
        Trained(way, seed, Path(f"runs/{way}-seed{seed}"), tuple(map(str, range(n))),
                np.arange(n) < share * n, seconds, (), (96, 96, 3))
        for seed, share in enumerate(shares)
    ]  # fmt: skip


def test_a_clear_winner_is_named_with_its_lead() -> None:
    found = outcome([*trained_way("head", [0.8, 0.81, 0.79], 5),
                     *trained_way("all", [0.95, 0.96, 0.94], 60)])  # fmt: skip
    assert found["headline"] == "Fine-tuning everything is best: 95\u202f%, 15.0 points ahead."
    assert found["lead"].startswith("Against the head alone +15.0 points (+")
    assert found["lead"].endswith("more than chance. 3 seeds each, on the same 200 test images.")
    assert found["reference"] == "fine-tuning everything"
    (pair,) = found["pairs"]
    assert (pair["a_way"], pair["b_way"], pair["shown"]) == ("head", "all", True)
    assert pair["sentence"].startswith("Fine-tuning everything is better than the head alone")
    assert found["ways"][1]["accuracy"]["value"] == pytest.approx(0.95)
    assert found["ways"][1]["seconds"] == 60


def test_a_lead_that_may_be_chance_is_not_worth_its_time() -> None:
    found = outcome([*trained_way("scratch", [0.5, 0.52, 0.54], 30),
                     *trained_way("head", [0.94, 0.95, 0.93], 5),
                     *trained_way("all", [0.97, 0.93, 0.95], 60)])  # fmt: skip
    assert found["headline"] == "Take the head alone: 94\u202f% of the test images right, in 5.0 s."
    assert "Fine-tuning everything had 95\u202f%, but +1.0 points" in found["lead"]
    assert "may be chance" in found["lead"]
    assert "12 times as long" in found["lead"]
    assert [each["way"] for each in found["differences"]] == ["scratch", "all"]
    assert found["differences"][0]["value"] == pytest.approx(-0.42)
    assert [each["shown"] for each in found["differences"]] == [True, False]
    assert found["sentences"][-1].startswith("Training from scratch: 52\u202f%, −42.0 points")


def test_equal_ways_are_not_ranked() -> None:
    found = outcome([*trained_way("scratch", [0.6, 0.62], 30), *trained_way("all", [0.61, 0.6], 9)])
    assert found["headline"].startswith(
        "No way is shown to be better; fine-tuning everything is close and quicker: 60.5"
    )


def test_a_quick_way_that_seems_much_worse_is_not_taken() -> None:
    """Four images of ten, which may be chance, are no reason to take less."""
    found = outcome(
        [*trained_way("scratch", [0.5], 3, n=10), *trained_way("head", [0.9], 30, n=10)]
    )
    assert not found["pairs"][0]["shown"]
    assert found["headline"].startswith(
        "No way is shown to be better; the head alone has the highest mean: 90"
    )
    assert found["lead"].startswith("Its mean is the highest, but +40.0 points")


def test_a_pair_is_tested_on_the_seeds_that_both_have() -> None:
    whole = outcome([*trained_way("scratch", [0.5, 0.9], 3), *trained_way("head", [0.9], 30)])
    assert whole["pairs"][0]["difference"]["value"] == pytest.approx(0.4)
    assert whole["pairs"][0]["test"] == ONE_SEED
    assert whole["ways"][0]["accuracy"]["value"] == pytest.approx(0.7)


def test_one_way_or_none_is_no_comparison() -> None:
    assert outcome([]) == {"ways": [], "pairs": []}
    found = outcome(trained_way("head", [0.9], 5))
    assert found["headline"] == "The head alone: 90\u202f% of the test images right."
    assert found["pairs"] == found["differences"] == []


def test_ways_judged_on_other_images_are_refused() -> None:
    one, other = trained_way("head", [0.9], 5), trained_way("all", [0.9], 5, n=100)
    with pytest.raises(DataError, match="not judged on the same test images"):
        outcome([*one, *other])


def test_the_names_of_the_ways() -> None:
    assert way_name("last:1") == "fine-tuning the last stage"
    assert way_name("scratch") == "training from scratch"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"ways": "head,none"}, "'none' is none of scratch, auto, head, gradual, all, last:N"),
        ({"ways": "head,head"}, "each way once"),
        ({"ways": " , "}, "at least one"),
        ({"ways": "last:0"}, "'last:0' is none of"),
        ({"tune": "head"}, "--ways says what is tuned"),
        ({"weights": None}, "other than scratch need --weights"),
    ],
)
def test_what_cannot_be_asked_for(options: dict, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        ask(TransferRequest, {"data": "photos", **options})


def test_each_training_gets_what_is_its_own() -> None:
    request = TransferRequest(
        data="photos", weights="w.safetensors", model="resnet18", epochs=3, head="svm", views=2,
        output_dir=Path("out"), seed=5,
    )  # fmt: skip
    split = Path("out/split.csv")
    scratch = request.training("scratch", 5, split)
    assert (scratch.weights, scratch.tune, scratch.head, scratch.views) == (None, "auto", "linear", None)  # noqa: E501  # fmt: skip
    assert (scratch.epochs, scratch.model, scratch.seed, scratch.split) == (3, "resnet18", 5, split)
    assert scratch.output_dir == Path("out/runs/scratch-seed5")
    head = request.training("head", 6, split)
    assert (head.weights, head.tune, head.head, head.views) == ("w.safetensors", "head", "svm", 2)
    last = request.training("last:2", 6, split)
    assert (last.tune, last.head, last.output_dir.name) == ("last:2", "linear", "last-2-seed6")
    assert "batch_size" not in head.model_fields_set  # so that a run can go on with what was chosen


def test_the_command_asks_for_the_same() -> None:
    request = TransferRequest(data="my photos", ways="head", no_probe=True, image_size=96)
    assert request.command == (
        "striate transfer 'my photos' --image-size 96 --ways head --no-probe"
    )


def test_a_request_does_not_change() -> None:
    with pytest.raises(ValidationError):
        TransferRequest(data="photos").ways = "all"


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """Weights of a small training, and other pictures to use them for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STRIATE_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        root = tmp_path_factory.mktemp("start")
        run = train_small(write_pictures(root / "before", each=8), root / "run", epochs=1)
        return run.folder, write_pictures(root / "after", each=12)


@pytest.fixture(scope="module")
def done(start, tmp_path_factory):
    weights, data = start
    folder, events = tmp_path_factory.mktemp("transfer") / "out", []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STRIATE_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        request = TransferRequest(
            data=str(data),
            weights=str(weights),
            ways="scratch,head",
            seeds=2,
            output_dir=folder,
            **SMALL,
        )
        return carry_out(request, on_event=events.append), request, events


def test_every_way_and_seed_is_trained_on_one_split(done) -> None:
    found, request, _ = done
    names = {path.name for path in (request.folder / "runs").iterdir()}
    assert names == {f"{way}-seed{seed}" for way in ("scratch", "head") for seed in (0, 1)}
    runs = [open_run(request.folder / "runs" / name) for name in sorted(names)]
    assert len({run.files.split.read_bytes() for run in runs}) == 1
    assert {run.files.read_recipe()["model"] for run in runs} == {"striatenet"}
    assert [way["way"] for way in found.content["ways"]] == ["scratch", "head"]
    for way in found.content["ways"]:
        assert [run["seed"] for run in way["runs"]] == [0, 1]
        for run in way["runs"]:
            wanted = open_run(run["folder"]).report.metrics["accuracy"].value
            assert run["accuracy"] == pytest.approx(wanted)
            assert run["seconds"] > 0
    assert len(found.content["pairs"]) == 1
    assert not found.interrupted


def test_numbers_page_and_probe_are_written(done) -> None:
    found, request, events = done
    stored = json.loads((request.folder / "transfer.json").read_text())
    assert stored["headline"] == found.content["headline"]
    assert stored["probe"]["val"] == stored["images"]["val"]
    assert stored["probe"]["stages"][0]["stage"] == "stem"
    assert stored["probe"]["advice"]
    page = found.page.read_text()
    assert "Where is it reusable?" in page
    assert found.content["headline"].split(":")[0] in page
    said = [e.sentence for e in events if isinstance(e, Notice) and e.code == "transfer-training"]
    assert said[0] == "Training from scratch, seed 0: training 1 of 4."


def test_what_a_training_warned_of_is_told(done, tmp_path) -> None:
    """Of the images that the weights know, once; of a training that gained nothing, each."""
    found, request, _ = done
    folder = shutil.copytree(request.folder, tmp_path / "out")
    for seed in (0, 1):
        log = EventLog(folder / "runs" / f"head-seed{seed}" / "events.jsonl")
        log(Notice("warning", "weights-seen-images", "Some were seen."))
        log(Notice("warning", "train-tuning-no-gain", f"No gain: {seed}."))
    again = carry_out(request.model_copy(update={"output_dir": folder}))
    said = [text for text in again.content["warnings"] if "seen" in text or "gain" in text]
    assert said == ["Some were seen.", "The head alone, seed 0: No gain: 0.",
                    "The head alone, seed 1: No gain: 1."]  # fmt: skip
    assert "Some were seen." in again.page.read_text()
    assert found.content["weights"] == "run/model.safetensors"


def test_a_second_call_trains_nothing_again_and_more_seeds_only_what_is_new(
    done, monkeypatch
) -> None:
    found, request, _ = done
    asked = []

    def watched(request, **options):
        asked.append(request.output_dir.name)
        raise KeyboardInterrupt

    monkeypatch.setattr(train, "run", watched)
    again = carry_out(request)
    assert asked == []
    assert again.content["ways"] == found.content["ways"]
    more = carry_out(request.model_copy(update={"seeds": 3}))
    assert asked == ["scratch-seed2"]
    assert more.interrupted
    assert more.content["warnings"][0].startswith("4 of 6 trainings are done")
    assert len(more.content["ways"][0]["runs"]) == 2


def test_other_settings_or_images_are_refused(done, start) -> None:
    _, request, _ = done
    with pytest.raises(UsageError, match="other settings: epochs: 1 → 2") as caught:
        carry_out(request.model_copy(update={"epochs": 2}))
    assert caught.value.code == "transfer-changed"
    elsewhere = start[1].parent / "before"
    with pytest.raises(DataError):
        carry_out(request.model_copy(update={"data": str(elsewhere)}))


def test_a_way_that_fails_is_told_and_the_others_go_on(start, tmp_path, monkeypatch) -> None:
    weights, data = start
    carry_out_training = train.run

    def failing(request, **options):
        if request.tune == "all":
            raise TrainingError("train-loss", "The loss is not finite.")
        return carry_out_training(request, **options)

    monkeypatch.setattr(train, "run", failing)
    found = transfer(
        data, weights=str(weights), ways="all,head", seeds=1, output_dir=tmp_path / "out",
        no_probe=True, progress=False, **SMALL,
    )  # fmt: skip
    assert [way["way"] for way in found.content["ways"]] == ["head"]
    assert "all-seed0 failed: The loss is not finite." in found.content["warnings"]
    assert found.content["probe"] is None


def test_ctrl_c_keeps_what_is_done_and_the_next_call_goes_on(start, tmp_path) -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    weights, data = start
    request = TransferRequest(
        data=str(data), weights=str(weights), ways="head,scratch", seeds=1, no_probe=True,
        output_dir=tmp_path / "out", **{**SMALL, "epochs": 3},
    )  # fmt: skip

    def stop(event) -> None:
        if type(event).__name__ == "EpochEnded" and event.epochs == 3 and scratch:
            signal.raise_signal(signal.SIGINT)
        if isinstance(event, Notice) and event.sentence.startswith("Training from scratch"):
            scratch.append(event)

    scratch: list[Notice] = []
    found = carry_out(request, on_event=stop)
    assert found.interrupted
    assert [way["way"] for way in found.content["ways"]] == ["head"]
    assert found.page.exists()
    before = (tmp_path / "out" / "runs" / "head-seed0" / "report.json").read_bytes()
    whole = carry_out(request)
    assert not whole.interrupted
    assert [way["way"] for way in whole.content["ways"]] == ["head", "scratch"]
    assert len(open_run(tmp_path / "out" / "runs" / "scratch-seed0").history) == 3
    assert (tmp_path / "out" / "runs" / "head-seed0" / "report.json").read_bytes() == before


def test_labels_that_are_no_classes_are_refused(tmp_path) -> None:
    (tmp_path / "numbers.csv").write_text("path,label\n")
    images = np.zeros((40, 8, 8, 1), np.uint8) + np.arange(40, dtype=np.uint8)[:, None, None, None]
    np.savez(tmp_path / "numbers.npz", x=images, y=np.linspace(0, 1, 40))
    with pytest.raises(UsageError, match="regression") as caught:
        transfer(tmp_path / "numbers.npz", weights=None, ways="scratch", progress=False,
                 output_dir=tmp_path / "out")  # fmt: skip
    assert caught.value.code == "transfer-task"
