"""`striate zoo`."""

import json
import re
import xml.etree.ElementTree as ElementTree

import pytest
from PIL import Image

from striate import zoo
from striate.cli import run


def listed(capsys, *arguments):
    assert run(["zoo", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_all_are_listed_by_year(capsys):
    entries = listed(capsys)
    assert {entry["name"] for entry in entries} == set(zoo.ARCHITECTURES)
    years = [entry["year"] for entry in entries]
    assert years == sorted(years)
    resnet = next(entry for entry in entries if entry["name"] == "resnet50")
    assert resnet["weights"] == 25_557_032
    assert (resnet["family"], resnet["top5"], resnet["sources"]) == (
        "resnet",
        6.71,
        ["torchvision"],
    )


def test_filters_and_sorts(capsys):
    names = [entry["name"] for entry in listed(capsys, "resnet1??", "--sort", "weights", "-r")]
    assert names == ["resnet152", "resnet101"]
    light = listed(capsys, "--max-weights", "2000000", "--sort", "weights")
    assert [entry["weights"] for entry in light] == sorted(entry["weights"] for entry in light)
    assert all(entry["weights"] <= 2_000_000 for entry in light)
    assert {entry["family"] for entry in listed(capsys, "--family", "resnet")} == {"resnet"}
    assert all(entry["sources"] for entry in listed(capsys, "--published"))
    quick = listed(capsys, "--max-multiply-adds", "1000000", "--sort", "name")
    assert all(entry["multiply_adds"] <= 1_000_000 for entry in quick)
    best = listed(capsys, "--sort", "accuracy")
    assert best[0]["accuracy"] == max(entry["accuracy"] or 0 for entry in best)
    lowest = listed(capsys, "--sort", "top5")
    assert lowest[0]["top5"] == min(entry["top5"] for entry in lowest if entry["top5"])
    assert listed(capsys, "resnet*", "--max-weights", "1000", "--max-multiply-adds", "1") == []


def test_the_list_for_a_person(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "140")
    assert run(["zoo", "resnet18*"]) == 0
    assert run(["zoo", "resnet1??"]) == 0
    text = capsys.readouterr().out
    for word in ("resnet101", "2015", "44.5 M", "7.8 G", "971", "6.05 %", "77.4 %", "torchvision"):
        assert word in text


def test_a_story(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", "140")
    picture = tmp_path / "resnet18.svg"
    assert run(["zoo", "resnet18", "--svg", str(picture)]) == 0
    text = capsys.readouterr().out
    for word in ("arXiv:1512.03385", "11,689,512", "435×435", "stage4", "7×7×512", "8.4 M"):
        assert word in text
    assert f"Drawn: {picture}" in text
    assert ElementTree.parse(picture).getroot().tag.endswith("svg")


def test_a_stage_gives_what_the_next_one_takes(capsys):
    stages = {stage["name"]: stage for stage in listed(capsys, "densenet121")["stages"]}
    assert stages["features.stage1"]["output_shape"] == [56, 56, 256]  # 64 + 6 * 32
    assert stages["features.stage4"]["output_shape"] == [7, 7, 1024]


def test_a_story_as_json(capsys):
    found = listed(capsys, "lenet5")
    assert found["taps"]["c3"] == "features.c3"
    assert [stage["name"] for stage in found["stages"]][-1] == "head.output"
    assert sum(stage["weights"] for stage in found["stages"]) == found["entry"]["weights"]
    work = sum(stage["multiply_adds"] for stage in found["stages"])
    assert work == pytest.approx(found["entry"]["multiply_adds"], rel=0.01)


def test_the_picture_of_accuracy_over_work(tmp_path):
    for name in ("zoo.png", "zoo.svg"):
        assert run(["zoo", "--picture", str(tmp_path / name)]) == 0
    with Image.open(tmp_path / "zoo.png") as picture:
        assert picture.size == (1495, 962)
    text = (tmp_path / "zoo.svg").read_text(encoding="utf-8")
    assert "<svg" in text


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["resnet8"], 2, "No architecture is named 'resnet8'.\nDid you mean 'resnet18'"),
        (["xyz*"], 2, "No architecture is named 'xyz*'."),
        (["--svg", "a.svg"], 2, "--svg draws one architecture: name it"),
        (["--picture", "a.gif"], 2, ".png, .svg or .pdf"),
        (["pull", "lenet5"], 2, "Nobody is known to have published weights for lenet5."),
        (["pull", "resnet8"], 2, "No architecture is named 'resnet8'."),
        (["pull", "resnet18", "--source", "keras"], 2, "No source of weights for resnet18"),
    ],
)
def test_mistakes(capsys, arguments, code, said):
    assert run(["zoo", *arguments]) == code
    assert said in capsys.readouterr().err


def test_offline_says_which_file_to_put_where(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("STRIATE_CACHE", str(tmp_path))
    published = zoo.published("resnet18")
    here = published.__class__(**{**vars(published), "url": "http://127.0.0.1:9/resnet18.pth"})
    monkeypatch.setattr("striate.zoo.pretrained.published", lambda *_: here)
    assert run(["zoo", "pull", "resnet18"]) == 1
    error = capsys.readouterr().err
    assert f"put it here: {tmp_path / 'zoo' / 'downloads' / 'resnet18.pth'}" in error
    assert "[zoo-offline]" in error


def test_what_is_fetched_is_told_as_it_comes(capsys, monkeypatch, tmp_path):
    def fetch(name, source, *, on_progress):
        on_progress(1, None)  # a server that does not say how much it has
        for here in (1 << 20, 2_300_000):
            on_progress(here, 2_300_000)
        return tmp_path / f"{name}.safetensors"

    monkeypatch.setattr("striate.zoo.pull", fetch)
    assert run(["zoo", "pull", "resnet18"]) == 0
    told = capsys.readouterr()
    assert re.fullmatch(r"Fetching the weights \(MB\): 3 in .*\n", told.err)
    assert f"Next: striate predict {tmp_path / 'resnet18.safetensors'} FILES…" in told.out
    assert run(["zoo", "pull", "resnet18", "--quiet"]) == 0
    assert capsys.readouterr().err == ""
