"""`striate transfer` from end to end."""

import json

from striate.cli import run

SMALL = ["--epochs", "1", "-b", "8", "-j", "0", "--device", "cpu", "--val", "0.25"]


def test_transfer_says_the_answer_and_where_the_page_lies(
    trained, pictures, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    asked = ["transfer", str(pictures), "--weights", str(trained.folder), *SMALL]
    asked += ["--ways", "scratch,head"]
    assert run([*asked, "--seeds", "1", "--no-probe"]) == 0
    out, err = capsys.readouterr()
    assert "1 seed each, on the same" in out
    assert "Note: One seed a way" in out
    assert "were used to train or choose the weights" in out
    assert out.endswith("Page: transfer/transfer.html\n")
    assert "Training from scratch, seed 0: training 1 of 2." in err
    assert (tmp_path / "transfer" / "transfer.html").stat().st_size > 10_000

    assert run([*asked, "--seeds", "1", "--no-probe", "--json", "--quiet"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [way["way"] for way in told["ways"]] == ["scratch", "head"]
    assert told["folder"] == "transfer"

    assert run([*asked, "--lr", "0.1"]) == 2
    assert "other settings: learning_rate: None → 0.1" in capsys.readouterr().err
    assert run(["transfer", str(pictures), "--ways", "some"]) == 2
    assert "'some' is none of scratch, auto, head" in capsys.readouterr().err


def test_an_interrupted_transfer_ends_as_a_shell_expects(pictures, tmp_path, monkeypatch, capsys):
    def stopped(*_arguments, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr("striate.tasks.train.run", stopped)
    asked = ["transfer", str(pictures), "--ways", "scratch", "-o", str(tmp_path / "out"), "-q"]
    assert run([*asked, "weights=null"]) == 130
    assert f"So far: {tmp_path / 'out' / 'transfer.html'}" in capsys.readouterr().out
