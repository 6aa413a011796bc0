"""Every verb end to end: what it prints for a person, as JSON, to a file, and its exit code."""

import csv
import io
import json
import os
import shutil
import signal

import pytest

from small_pictures import EACH
from striate.cli import run
from striate.training import EpochEnded

SMALL = ("epochs=2", "batch_size=8", "--model", "striatenet", "-j", "0", "--device", "cpu")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")


@pytest.fixture
def copied(trained, tmp_path):
    """A run folder that may be written to."""
    return shutil.copytree(trained.folder, tmp_path / "runs" / "colours")


# --- train


def test_train_prints_the_result_and_where_it_lies(pictures, trained, capsys):
    assert run(["train", str(pictures), *SMALL]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(trained.report.verdict[:30])
    assert "Accuracy" in out
    assert "95 % interval" in out
    assert "report  runs/colours/report.html" in out
    assert "model   runs/colours/model.safetensors" in out
    assert "epoch 2/2" in err
    assert "warning: 1 file is left out" in err


def test_train_as_json(pictures, trained, capsys):
    assert run(["train", str(pictures), *SMALL, "--json", "--quiet"]) == 0
    out, err = capsys.readouterr()
    report = json.loads(out)
    assert err == ""
    assert report["folder"] == "runs/colours"
    assert report["metrics"] == trained.report["metrics"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_train_says_how_to_go_on(pictures, monkeypatch, capsys, number, code):
    import striate.cli.train as verb

    def interrupted(request, on_event):
        def watch(event):
            on_event(event)
            if isinstance(event, EpochEnded):
                os.kill(os.getpid(), number)

        return carry_out(request, on_event=watch)

    carry_out = verb.carry_out
    monkeypatch.setattr(verb, "carry_out", interrupted)
    assert run(["train", str(pictures), *SMALL, "-q"]) == code
    said = capsys.readouterr().out
    assert "The model so far is in runs/colours/model.safetensors." in said
    command = said.rpartition("Go on with: striate ")[2].split()

    assert run(["predict", "colours", str(pictures / "red" / "000.png")]) == 0
    assert run(["compare", "colours", "colours-2"]) == 1
    monkeypatch.setattr(verb, "carry_out", carry_out)
    capsys.readouterr()
    assert run(command) == 0  # the hint works as it is printed
    assert "report  runs/colours/report.html" in capsys.readouterr().out


def test_train_on_bad_data(tmp_path, capsys):
    (tmp_path / "data" / "red").mkdir(parents=True)
    (tmp_path / "data" / "red" / "a.png").write_text("words")
    assert run(["train", "data"]) == 3
    assert "only one class was found" in capsys.readouterr().err


# --- predict


def test_predict_prints_a_table(trained, pictures, capsys):
    red = pictures / "red"
    assert run(["predict", str(trained.folder), str(red / "000.png"), str(red / "001.png")]) == 0
    out, err = capsys.readouterr()
    assert len(out.strip().splitlines()) == 3
    assert "sure" in out
    assert err == ""
    run(["predict", str(trained.folder), str(red / "000.png"), "-k", "3"])
    assert "or else" in capsys.readouterr().out


def test_predict_lists_what_it_cannot_read(trained, pictures, capsys):
    assert run(["predict", str(trained.folder), str(pictures / "red"), "absent.png"]) == 3
    out, err = capsys.readouterr()
    assert len(out.strip().splitlines()) == EACH + 1
    assert err.splitlines() == [
        "not read: absent.png: There is no such file.",
        f"not read: {pictures}/red/notes.png: The content is text that begins 'no picture at all'.",
    ]
    assert run(["predict", str(trained.folder), "absent.png"]) == 3
    assert capsys.readouterr().out == ""


def test_a_long_list_of_unreadable_files_is_cut(trained, tmp_path, capsys):
    for number in range(25):
        (tmp_path / f"{number}.txt").write_text("words")
    assert run(["predict", str(trained.folder), "*.txt"]) == 3
    assert capsys.readouterr().err.splitlines()[-1] == "… and 5 more; --json lists all."
    run(["predict", str(trained.folder), "*.txt", "--json"])
    assert len(json.loads(capsys.readouterr().out)["unreadable"]) == 25


def test_predict_as_json(trained, pictures, capsys):
    files = [str(pictures / "red" / "000.png"), "absent.png"]
    assert run(["predict", str(trained.folder), *files, "--json"]) == 3
    found = json.loads(capsys.readouterr().out)
    (row,) = found["predictions"]
    assert row["path"] == files[0]
    assert sum(row["probabilities"].values()) == pytest.approx(1)
    assert row["probability"] == row["probabilities"][row["label"]]
    assert [file["path"] for file in found["unreadable"]] == ["absent.png"]
    run(["predict", str(trained.folder), files[0], "--json", "--top", "1"])
    assert len(json.loads(capsys.readouterr().out)["predictions"][0]["probabilities"]) == 1


def test_predict_as_csv(trained, pictures, capsys, tmp_path):
    red = str(pictures / "red" / "00?.png")
    assert run(["predict", str(trained.folder), red, "--csv", "-"]) == 0
    text = capsys.readouterr().out
    rows = list(csv.DictReader(io.StringIO(text)))
    assert list(rows[0]) == ["path", "label", "probability", "blue", "green", "red"]
    assert float(rows[0][rows[0]["label"]]) == float(rows[0]["probability"])
    assert run(["predict", str(trained.folder), red, "--csv", "out.csv"]) == 0
    assert (tmp_path / "out.csv").read_text() == text


def test_predict_reads_a_list_from_standard_input(trained, pictures, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{pictures}/red/000.png\n"))
    assert run(["predict", str(trained.folder), "-", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["predictions"]) == 1


def test_hostile_names_are_printed_harmlessly(trained, pictures, tmp_path, capsys):
    name = "a\x1b[31m\n<b>‮.png"
    shutil.copy(pictures / "red" / "000.png", tmp_path / name)
    (tmp_path / f"x{name}").write_text("words")
    assert run(["predict", str(trained.folder), name, f"x{name}"]) == 3
    assert "\x1b" not in "".join(capsys.readouterr())
    run(["predict", str(trained.folder), name, "--json"])
    assert json.loads(capsys.readouterr().out)["predictions"][0]["path"] == name


# --- evaluate, compare


def test_evaluate_tells_that_the_seal_was_broken_again(copied, trained, capsys):
    assert run(["evaluate", "colours"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(trained.report.verdict[:30])
    assert "report  runs/colours/evaluations/test/report.html" in out
    assert "opened 2 times" in err


def test_evaluate_other_data(copied, pictures, tmp_path, capsys):
    (tmp_path / "few" / "red").mkdir(parents=True)
    shutil.copy(pictures / "red" / "000.png", tmp_path / "few" / "red")
    assert run(["evaluate", "colours", "few", "--json", "-q"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["metrics"]["accuracy"]["n"] == 1
    assert report["folder"] == "runs/colours/evaluations/few"
    (tmp_path / "few" / "red").rename(tmp_path / "few" / "mauve")
    assert run(["evaluate", "colours", "few"]) == 3
    assert "does not know the classes mauve" in capsys.readouterr().err


def test_compare_says_it_in_words(copied, pictures, capsys):
    arguments = ["--split", "runs/colours/split.csv", "--seed", "7", "-q"]
    assert run(["train", str(pictures), *SMALL, *arguments]) == 0
    capsys.readouterr()
    assert run(["compare", "colours", "colours-2"]) == 0
    sentence, caveat = capsys.readouterr().out.splitlines()
    assert "colours-2 is" in sentence
    assert "seed" in caveat
    assert run(["compare", "colours", "colours-2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sentence"] == sentence
    assert run(["compare", "colours", "runs/colours"]) == 2


# --- data


def test_data_check_prints_what_it_found(pictures, capsys):
    assert run(["data", "check", str(pictures), "-q"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{3 * EACH + 2} files found: {3 * EACH} used, 2 excluded.")
    assert "not-an-image" in out


def test_data_check_fails_on_errors(pictures, tmp_path, capsys):
    for place in ("train/red", "train/blue", "test/red", "test/green"):
        (tmp_path / "data" / place).mkdir(parents=True)
        source = pictures / place.split("/")[1] / "000.png"
        shutil.copy(source, tmp_path / "data" / place)
    assert run(["data", "check", "data", "--json", "-q"]) == 3
    account = json.loads(capsys.readouterr().out)
    assert "error" in {finding["severity"] for finding in account["findings"]}


def test_data_split(pictures, capsys, tmp_path):
    assert run(["data", "split", str(pictures), "-q"]) == 0
    assert capsys.readouterr().out.startswith("split.csv: ")
    assert run(["data", "split", str(pictures), "-q"]) == 2
    assert run(["data", "split", str(pictures), "-o", "b.csv", "--json", "-q"]) == 0
    parted = json.loads(capsys.readouterr().out)
    assert parted["path"] == "b.csv"
    assert sum(parted["counts"].values()) == 3 * EACH
    assert (tmp_path / "b.csv").read_text() == (tmp_path / "split.csv").read_text()
