"""`striate explain`: what it prints, writes and answers."""

import json
import shutil

import pytest

from striate.cli import run


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")


@pytest.fixture
def explain(trained):
    return lambda *arguments: run(["explain", str(trained.folder), *map(str, arguments)])


def test_a_table_and_a_picture_for_every_image_and_method(explain, pictures, tmp_path, capsys):
    red = pictures / "red"
    files = (red / "000.png", red / "001.png")
    assert explain(*files, "--method", "grad_cam,saliency", "--quality", "deletion") == 0
    out, err = capsys.readouterr()
    heading, *rows, where = out.strip().splitlines()
    assert heading.split() == ["image", "explained", "sure", "deletion", "method", "picture"]
    assert len(rows) == 4
    assert [row.split()[-1] for row in rows] == [
        f"00{number}-{method}.png" for number in (0, 1) for method in ("grad_cam", "saliency")
    ]
    assert where == "Pictures: explanations"
    assert "Making the maps: 4 in" in err
    assert len(list((tmp_path / "explanations").glob("*.png"))) == 4


def test_as_json(explain, pictures, capsys):
    assert explain(pictures / "red" / "000.png", "--json", "-q", "--out", "here") == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert err == ""
    assert found["folder"] == "here"
    assert [row["method"] for row in found["explanations"]] == ["grad_cam"]


def test_unreadable_files_are_listed(explain, pictures, capsys):
    assert explain(pictures / "red" / "000.png", pictures / "red" / "notes.png", "-q") == 3
    out, err = capsys.readouterr()
    assert "000-grad_cam.png" in out
    assert err.startswith("not read: ")
    assert "notes.png" in err
    assert explain("absent.png", "-q") == 3
    assert "There is no such file" in capsys.readouterr().err


def test_a_refusing_method_is_told(explain, pictures, capsys):
    file = pictures / "red" / "000.png"
    assert explain(file, "--method", "attention_rollout,grad_cam", "-q") == 0
    out, err = capsys.readouterr()
    assert "000-grad_cam.png" in out
    assert err.startswith("not explained by attention_rollout: ")
    assert explain(file, "--method", "attention_rollout", "-q") == 1
    assert capsys.readouterr().err.startswith("error: ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a.png", "--method", "grad_can"], "Did you mean 'grad_cam'"),
        (["a.png", "--target", "rde"], "Did you mean 'red'"),
        (["a.png", "--target", "7"], "A target must be 0 to 2, got 7"),
        (["a.png", "--layer", "nowhere"], "No layer is named 'nowhere'"),
        (["a.png", "--gallery", "data"], "cannot be asked for at once"),
        ([], "FILES are missing"),
    ],
)
def test_wrong_usage(explain, pictures, tmp_path, capsys, arguments, said):
    shutil.copy(pictures / "red" / "000.png", tmp_path / "a.png")
    assert explain(*arguments) == 2
    assert said in capsys.readouterr().err


def test_ctrl_c_keeps_what_is_done(explain, pictures, monkeypatch, capsys, tmp_path):
    import striate.tasks.explain as task

    draw, drawn = task.draw_explained, []

    def interrupted(shown):
        if len(drawn) == 3:
            raise KeyboardInterrupt
        drawn.append(shown)
        return draw(shown)

    monkeypatch.setattr(task, "draw_explained", interrupted)
    assert explain(pictures / "red", "-q", "-b", "2") == 130
    assert "So far: explanations" in capsys.readouterr().out
    kept = json.loads((tmp_path / "explanations" / "explanations.json").read_text())
    assert (len(kept["explanations"]), kept["interrupted"]) == (3, True)


def test_a_gallery(explain, pictures, capsys, tmp_path):
    assert explain("--gallery", pictures, "--each", "1", "--out", "here") == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[0] == "Gallery: here/gallery.html"
    assert "Explaining the classes" in err
    page = (tmp_path / "here" / "gallery.html").read_text()
    assert "left out; striate data check" in page
    assert explain("--gallery", pictures, "--only", "red", "--json", "-q", "--each", "1") == 0
    assert [each["name"] for each in json.loads(capsys.readouterr().out)["classes"]] == ["red"]
