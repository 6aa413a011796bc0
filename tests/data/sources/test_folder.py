"""Folders: layouts, what is skipped, and the mistakes of beginners."""

import os
import shutil
from pathlib import Path

import pytest

from data.pictures import write
from striate.data import check, open_dataset
from striate.errors import DataError


def all_files(root):
    """Every path below a folder that is no folder, without following links."""
    return {
        (Path(folder) / name).relative_to(root).as_posix()
        for folder, folders, names in os.walk(root)
        for name in [*names, *(f for f in folders if (Path(folder) / f).is_symlink())]
    }


def test_an_unsplit_folder(tmp_path):
    data = open_dataset(write(tmp_path, {"dogs": 2, "cats": 3, "cats/kittens/small": 1}))
    assert data.classes == ("cats", "dogs")
    assert data.ids == (
        "cats/000.png", "cats/001.png", "cats/002.png", "cats/kittens/small/000.png",
        "dogs/000.png", "dogs/001.png",
    )  # fmt: skip
    assert data.labels.tolist() == [0, 0, 0, 0, 1, 1]
    assert set(data.split) == {""}
    assert data.root == tmp_path
    assert data.images.path(5) == tmp_path / "dogs" / "001.png"
    assert data.images.read(5) == (tmp_path / "dogs" / "001.png").read_bytes()


@pytest.mark.parametrize("val", ["val", "valid", "validation"])
def test_a_split_folder(tmp_path, val):
    counts = {f"{split}/{name}": 2 for split in ("train", val, "test") for name in "ab"}
    data = open_dataset(write(tmp_path, counts))
    assert data.classes == ("a", "b")
    assert [len(data.where(split)) for split in ("train", "val", "test")] == [4, 4, 4]
    assert data.ids[data.where("val")[0]] == f"{val}/a/000.png"


def test_a_class_may_be_called_test_beside_other_classes(tmp_path):
    data = open_dataset(write(tmp_path, {"test": 2, "exam": 2}))
    assert data.classes == ("exam", "test")
    only = open_dataset(write(tmp_path / "x", {"test/a": 2, "test/b": 2}))
    assert set(only.split) == {"test"}


def test_every_file_has_one_entry_and_links_are_not_followed(tmp_path):
    root = write(tmp_path / "data", {"train/a": 3, "train/b": 3, "extra": 1, "train/.cache": 1})
    outside = write(tmp_path / "elsewhere", {"x": 1})
    (root / "train" / "a" / "._000.png").write_bytes(b"\0\5\x16\7")
    (root / ".DS_Store").write_bytes(b"x")
    (root / "notes.txt").write_text("notes")
    (root / "train" / "stray.png").write_bytes(b"x")
    (root / "train" / "b" / "readme.txt").write_text("no image")
    (root / "train" / "b" / "loop").symlink_to(root / "train")
    (root / "train" / "b" / "away.png").symlink_to(outside / "x" / "000.png")
    (root / "train" / "b" / "away").symlink_to(outside)
    (root / "train" / "b" / "twice.png").symlink_to(root / "train" / "a" / "000.png")
    (root / "train" / "b" / "broken.png").symlink_to("nowhere.png")
    (root / "train" / "b" / "self").symlink_to("self")
    data = open_dataset(root)
    assert data.classes == ("a", "b")
    reasons = {verdict.path: verdict.reason for verdict in data.skipped}
    assert reasons == {
        ".DS_Store": "dot-file",
        "train/.cache/000.png": "dot-file",
        "train/a/._000.png": "dot-file",
        "notes.txt": "outside-splits",
        "extra/000.png": "outside-splits",
        "train/stray.png": "outside-classes",
        "train/b/loop": "symlink-loop",
        "train/b/away.png": "symlink-escape",
        "train/b/away": "symlink-escape",
        "train/b/twice.png": "symlink-duplicate",
        "train/b/broken.png": "symlink-broken",
        "train/b/self": "symlink-broken",
    }
    report = check(data)
    paths = [verdict.path for verdict in report.files]
    assert len(set(paths)) == len(paths)
    assert set(paths) == all_files(root)
    assert report.counts == {"found": 19, "used": 6, "excluded": 13}
    assert {v.path: v.reason for v in report.files}["train/b/readme.txt"] == "not-an-image"


def test_names_that_are_no_unicode_are_escaped(tmp_path):
    write(tmp_path, {"a": 1, "b": 1})
    name = os.fsdecode(b"bad\xff\nname.png")
    shutil.copy(tmp_path / "a" / "000.png", tmp_path / "a" / name)
    data = open_dataset(tmp_path)
    assert "a/bad\\xff\nname.png" in data.ids
    "".join(data.ids).encode()  # can be written
    assert check(data).counts["used"] == 3


def refused(source):
    with pytest.raises(DataError) as caught:
        open_dataset(source)
    return caught.value


def test_images_without_class_folders(tmp_path):
    error = refused(write(tmp_path, {".": 3}))
    assert error.code == "data-no-class-folders"
    assert "3 images lie directly inside (000.png, 001.png, 002.png" in error.what
    assert "one folder for each class" in error.fix
    error = refused(write(tmp_path / "x", {"train": 2, "test": 2}))
    assert "split folders hold no class folders: 4 images" in error.what


def test_one_class_and_one_folder_too_high(tmp_path):
    error = refused(write(tmp_path, {"cats": 3}))
    assert error.code == "data-one-class"
    assert "only one class was found, 'cats'" in error.what
    assert len(open_dataset(tmp_path, least_classes=1)) == 3
    root = write(tmp_path / "x", {"photos/cats": 2, "photos/dogs": 2})
    error = refused(root)
    assert error.fix == (
        f"The folder 'photos' holds cats, dogs: if these are the classes, give {root / 'photos'}."
    )


def test_an_empty_folder_and_one_of_hidden_files(tmp_path):
    assert refused(tmp_path).what == f"{tmp_path} is empty: no files were found."
    (tmp_path / ".hidden").write_bytes(b"x")
    error = refused(tmp_path)
    assert error.code == "data-no-images"
    assert "none of the 1 files found can be used (dot-file)" in error.what


def test_an_empty_class_folder_is_named(tmp_path):
    write(tmp_path, {"cats": 2, "dogs": 2})
    (tmp_path / "birds" / "small").mkdir(parents=True)
    error = refused(tmp_path)
    assert error.code == "data-empty-class"
    assert "class folder 'birds'" in error.what


def test_a_path_that_does_not_exist_is_answered_with_similar_ones(tmp_path):
    (tmp_path / "photos").mkdir()
    error = refused(tmp_path / "Fotos" / "train")
    assert error.code == "data-not-found"
    assert error.fix == f"Did you mean {tmp_path / 'photos'}?"
    assert "Looked in" in refused(tmp_path / "qqqqq").fix
    assert refused("digit").fix == "Did you mean digits?"


def test_archives_and_single_files(tmp_path):
    for name, code in (("a.zip", "data-archive"), ("a.png", "data-not-a-dataset")):
        (tmp_path / name).write_bytes(b"PK\3\4")
        assert refused(tmp_path / name).code == code
    with pytest.raises(ValueError, match="got int"):
        open_dataset(3)
