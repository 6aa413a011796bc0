"""`striate filter`: the drawing, its name, the JSON, the exit codes."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from striate import filters
from striate.cli import run


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


@pytest.mark.parametrize("kernel", ["sobel", "low_pass", "gradient_x", "1 0 -1"])
def test_writes_a_drawing_and_says_where(photo: Path, kernel: str, capsys, monkeypatch) -> None:
    monkeypatch.chdir(photo.parent)
    assert run(["filter", "photo.png", "--kernel", kernel]) == 0
    name = kernel if kernel in filters.NAMES else "kernel"
    assert capsys.readouterr().out == f"photo-{name}.png\n"
    with Image.open(f"photo-{name}.png") as drawing:
        assert drawing.format == "PNG"
        assert drawing.width > 1.5 * drawing.height


def test_json_tells_the_answers(photo: Path, capsys) -> None:
    out = photo.parent / "out.png"
    assert run(["filter", str(photo), "-k", "edge_all", "--grey", "-o", str(out), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    with Image.open(photo) as image:
        answers = filters.apply(np.asarray(image.convert("L")), "edge_all")
    assert found == {
        "path": str(out),
        "kernel": "edge_all",
        "shape": [40, 60, 1],
        "lowest": answers.min(),
        "highest": answers.max(),
    }


@pytest.mark.parametrize(("side", "shape"), [(30, [20, 30, 3]), (0, [40, 60, 3])])
def test_larger_pictures_are_shrunk_first(photo: Path, side: int, shape: list, capsys) -> None:
    out = photo.parent / "out.png"
    assert run(["filter", str(photo), "--side", str(side), "-o", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["shape"] == shape


@pytest.mark.parametrize(
    ("arguments", "exit_code", "said"),
    [
        (["--kernel", "soble"], 2, "Did you mean 'sobel'"),
        (["--padding", "valid", "--side", "4", "--kernel", "low_pass"], 1, "8×8 does not fit"),
    ],
)
def test_faults(photo: Path, arguments: list[str], exit_code: int, said: str, capsys) -> None:
    assert run(["filter", str(photo), *arguments]) == exit_code
    assert said in capsys.readouterr().err
    assert sorted(p.name for p in photo.parent.iterdir()) == ["photo.png"]


def test_what_is_no_picture_is_refused(tmp_path: Path, capsys) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    assert run(["filter", str(tmp_path / "notes.txt")]) == 3
    assert "notes.txt" in capsys.readouterr().err
    assert run(["filter", str(tmp_path / "absent.png")]) == 3
    assert "Cannot read" in capsys.readouterr().err
