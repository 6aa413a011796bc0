"""What people type by mistake: one sentence, a way out, the right exit code, never a traceback."""

import pytest
import yaml

from small_pictures import small_request
from striate.cli import run
from striate.errors import StriateError


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")


MISTAKES = [  # arguments, exit code, words of the message
    ("trian digits", 2, "No command is named 'trian'.\nDid you mean 'train'"),
    ("data chekc x", 2, "No command is named 'chekc'.\nDid you mean 'check'?"),
    ("xyz", 2, "No command is named 'xyz'.\nKnown: compare, data, embed, evaluate, "),
    ("train", 2, "DATA is missing.\nUsage: striate train DATA [KEY=VALUE…] [OPTIONS]"),
    ("compare a", 2, "RUN_B is missing.\nUsage: striate compare RUN_A RUN_B"),
    ("predict", 2, "RUN is missing."),
    ("predict a", 2, "FILES are missing."),
    ("train photos", 3, "photos does not exist."),
    ("train digitz", 3, "Did you mean digits?"),
    ("train digits --epocks 3", 2, "Unknown option: --epocks. Did you mean --epochs?"),
    ("train digits --epochs ten", 2, 'Invalid value for --epochs: unable to convert "ten"'),
    ("train digits --epochs 0", 2, "--epochs: must be at least 1, got 0."),
    ("train digits --lr -1", 2, "--learning-rate: must be above 0, got -1.0."),
    ("train digits --optimizer adamm", 2, 'Did you mean "adam"'),
    ("train digits --val 0.9 --test 0.5", 2, "0.9 and 0.5 leave none to train on."),
    ("train digits --model resnet19", 2, "Did you mean 'resnet18'"),
    ("train digits --device gpu", 2, "torch knows no such device."),
    ("train digits --split s.csv", 2, "--split: there is no file s.csv."),
    ("train digits --background 1 2", 2, "--background requires 3"),
    ("train digits epochs=ten", 2, "--epochs: must be a whole number, got 'ten'."),
    ("train digits epoks=3", 2, "No option is named 'epoks'.\nDid you mean 'epochs'"),
    ("train digits fast", 2, "Cannot place the argument 'fast'."),
    ("train digits --config absent.yaml", 2, "--config: cannot read absent.yaml"),
    ("train digits --resume", 1, "There is no unfinished run of digits in runs/."),
    ("evaluate nobody", 1, "nobody is no run folder"),
    ("predict nobody x.png", 1, "nobody is no run folder"),
    ("predict nobody --tpo 3 x.png", 2, "No option is named '--tpo'.\nDid you mean '--top'"),
    ("predict nobody --top 0 x.png", 2, "--top: must be at least 1, got 0."),
    ("data check nowhere", 3, "nowhere does not exist."),
    ("data split digits --val 2", 2, "--val: must be below 1"),
]


@pytest.mark.parametrize(("typed", "code", "words"), MISTAKES, ids=[m[0] for m in MISTAKES])
def test_a_mistake_is_told_in_a_sentence(typed, code, words, capsys, tmp_path):
    assert run(typed.split()) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err
    assert err.startswith("error: ")
    assert err.rstrip().endswith("]")  # the stable code
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("just words", "s.csv: columns are path,label,split,group."),
        ("path,label,split,group\na.png,red,holdout,\n", "splits are train, val, test"),
        ("path,label,split,group\na.png,red,train,\n", "s.csv is the split of other data: 42 of"),
    ],
)
def test_a_split_that_does_not_fit_is_bad_data(text, words, pictures, capsys, tmp_path):
    (tmp_path / "s.csv").write_text(text)
    assert run(["train", str(pictures), "--split", "s.csv", "--model", "striatenet", "-q"]) == 3
    assert words in capsys.readouterr().err
    assert not list(tmp_path.rglob("recipe.yaml"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("epochs: [", "c.yaml is no YAML"),
        ("just words", "lines of the form `option: value`"),
        ("epoks: 3", "Did you mean 'epochs'"),
        ("epochs: 0", "--epochs: must be at least 1, got 0."),
    ],
)
def test_a_wrong_config_is_told(text, words, capsys, tmp_path):
    (tmp_path / "c.yaml").write_text(text)
    assert run(["train", "digits", "--config", "c.yaml"]) == 2
    assert words in capsys.readouterr().err


def asked(monkeypatch, *arguments):
    """The request that the arguments make."""
    found = []

    def spy(request, **_):
        found.append(request)
        raise StriateError("stop-here", "Enough.")

    monkeypatch.setattr("striate.cli.train.carry_out", spy)
    assert run(["train", *arguments]) == 1
    return found[0]


@pytest.mark.parametrize(
    "arguments",
    [
        ["digits", "--epochs", "3", "--batch-size", "7", "--learning-rate", "0.5"],
        ["digits", "-e", "3", "-b", "7", "--lr", "0.5"],
        ["digits", "--epochs=3", "-b7", "lr=0.5"],
        ["digits", "epochs=3", "batch_size=7", "learning-rate=5e-1"],
        ["digits", "e=3", "batch-size=7", "learning_rate=0.5"],
        ["-e", "3", "digits", "b=7", "--lr=.5"],
    ],
)
def test_one_request_has_many_spellings(arguments, monkeypatch):
    request = asked(monkeypatch, *arguments)
    assert (request.data, request.epochs, request.batch_size) == ("digits", 3, 7)
    assert request.learning_rate == 0.5


def test_a_config_file_is_overridden_by_what_is_typed(monkeypatch, tmp_path):
    recipe = {**small_request("digits").recorded(), "epochs": 9, "seed": 4}
    (tmp_path / "r.yaml").write_text(yaml.safe_dump(recipe))
    assert asked(monkeypatch, "--config", "r.yaml").recorded() == recipe
    request = asked(monkeypatch, "photos", "--config", "r.yaml", "epochs=2", "-b", "5")
    assert (request.data, request.epochs, request.batch_size, request.seed) == ("photos", 2, 5, 4)
    assert asked(monkeypatch, "epochs=2", "--config", "r.yaml").data == "digits"


def test_names_that_people_know_from_elsewhere(monkeypatch, tmp_path):
    request = asked(
        monkeypatch, "digits", "--opt", "adam", "--wd", "0.1", "-j", "0", "--imgsz", "32",
        "--sched", "cosine", "--smoothing", "0.2", "--aa", "2", "--reprob", "0.3", "-o", "x",
        "--model-ema", "0.9",
    )  # fmt: skip
    assert request.optimizer == "adam"
    assert (request.weight_decay, request.workers, request.image_size) == (0.1, 0, 32)
    assert (request.schedule, request.label_smoothing, request.randaugment) == ("cosine", 0.2, 2)
    assert (request.erasing, str(request.output_dir), request.ema) == (0.3, "x", 0.9)


def test_colours_are_three_numbers(monkeypatch):
    assert asked(monkeypatch, "digits", "--background", "1", "2", "3").background == (1, 2, 3)
    assert asked(monkeypatch, "digits", "background=[1, 2, 3]").background == (1, 2, 3)


def test_ctrl_c_outside_of_training(monkeypatch, capsys):
    def interrupt(request, **_):
        raise KeyboardInterrupt

    monkeypatch.setattr("striate.cli.train.carry_out", interrupt)
    assert run(["train", "digits", "-q"]) == 130
    assert capsys.readouterr().err == "Interrupted.\n"


def test_what_the_system_refuses_is_no_traceback(monkeypatch, capsys):
    def full(request, **_):
        raise OSError(28, "No space left on device", "runs/x")

    monkeypatch.setattr("striate.cli.train.carry_out", full)
    assert run(["train", "digits", "-q"]) == 1
    assert "No space left on device: 'runs/x'" in capsys.readouterr().err
