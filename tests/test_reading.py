"""Pictures a person names: found, read in order, in batches; what cannot be read is listed."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from small_pictures import picture
from striate.data import Preprocessing
from striate.errors import DataError
from striate.reading import is_picture, read_pictures

PREPROCESSING = Preprocessing(size=(8, 8), channels=3)


def read(pictures, batch_size=2, on_progress=None):
    reading = read_pictures(pictures, PREPROCESSING, batch_size, on_progress)
    return reading, list(reading.batches())


@pytest.fixture
def folder(tmp_path) -> Path:
    for number in range(5):
        picture("red", number).save(tmp_path / f"{number}.png")
    return tmp_path


def test_what_is_a_picture():
    assert all(map(is_picture, ["a.png", Path("a"), b"", Image.new("L", (1, 1))]))
    assert not is_picture(["a.png"])


def test_batches_are_the_one_preprocessing(folder):
    reading, batches = read(folder)
    assert [len(batch) for batch in batches] == [2, 2, 1]
    assert reading.ids == tuple(str(folder / f"{number}.png") for number in range(5))
    whole = PREPROCESSING([(folder / f"{number}.png").read_bytes() for number in range(5)])
    assert torch.equal(torch.cat(batches), whole)


def test_paths_bytes_and_images_are_the_same_picture(folder):
    path = folder / "0.png"
    given = [str(path), path, path.read_bytes(), Image.open(path)]
    _, batches = read(given, batch_size=4)
    assert all(torch.equal(one, batches[0][0]) for one in batches[0])


def test_order_and_repetition_are_kept(folder):
    reading, _ = read([folder / "3.png", folder / "1.png", folder / "3.png"])
    assert [Path(name).stem for name in reading.ids] == ["3", "1", "3"]


def test_globs_and_generators(folder):
    assert len(read(f"{folder}/[01].png")[0].ids) == 2
    assert len(read(folder / name for name in ("0.png", "2.png"))[0].ids) == 2


def test_batches_are_filled_past_unreadable_files(folder):
    (folder / "1.png").write_text("words")
    (folder / "2.png").write_bytes((folder / "0.png").read_bytes()[:60])
    (folder / "3.png").write_bytes(b"")
    reading, batches = read([folder, "absent.jpg"])
    assert [len(batch) for batch in batches] == [2]
    assert [(Path(file.id).name, file.reason) for file in reading.unreadable] == [
        ("absent.jpg", "missing-file"),
        ("1.png", "not-an-image"),
        ("2.png", "truncated"),
        ("3.png", "empty-file"),
    ]
    assert not any(str(folder) in file.detail for file in reading.unreadable)


def test_a_file_that_may_not_be_opened_is_listed(folder, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    reading = read_pictures(folder / "0.png", PREPROCESSING, 2)
    monkeypatch.setattr("builtins.open", refuse)
    assert list(reading.batches()) == []
    assert [(file.reason, file.detail) for file in reading.unreadable] == [
        ("cannot-read", "Permission denied")
    ]


def test_progress_counts_pictures(folder):
    told = []
    read(folder, on_progress=lambda done, total: told.append((done, total)))
    assert told == [(2, 5), (4, 5), (5, 5)]


def test_nothing_found(tmp_path):
    with pytest.raises(DataError, match="There is no file in"):
        read(tmp_path)
    with pytest.raises(DataError, match="an empty list"):
        read([])
