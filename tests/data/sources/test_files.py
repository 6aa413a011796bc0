"""Files without labels."""

import os

from data.pictures import write
from striate.data import open_files


def test_files_folders_and_globs_in_the_given_order(tmp_path, monkeypatch):
    write(tmp_path, {"b": 2, "a/deep": 1})
    (tmp_path / "b" / ".hidden.png").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    data = open_files(["b/001.png", "a", "b/*.png", "gone.png", "no*.png"])
    names = [name.replace(os.sep, "/") for name in data.ids]
    assert names == ["b/001.png", "a/deep/000.png", "b/000.png"]
    assert [(v.path, v.reason) for v in data.skipped] == [
        ("gone.png", "missing-file"),
        ("no*.png", "missing-file"),
    ]
    assert data.labels.tolist() == [-1, -1, -1]
    assert data.images.read(1) == (tmp_path / "a" / "deep" / "000.png").read_bytes()
    assert data.label_text(0) == ""


def test_one_path_and_the_hidden_files_of_a_folder(tmp_path):
    write(tmp_path, {"b": 2})
    (tmp_path / "b" / ".hidden.png").write_bytes(b"")
    assert len(open_files(tmp_path / "b" / "000.png")) == 1
    data = open_files(str(tmp_path / "b"))
    assert len(data) == 2
    assert data.skipped[0].reason == "dot-file"


def test_a_name_with_brackets_is_a_name_first(tmp_path):
    write(tmp_path, {"b": 1})
    (tmp_path / "b" / "000.png").rename(tmp_path / "b" / "[1].png")
    assert len(open_files(tmp_path / "b" / "[1].png")) == 1
