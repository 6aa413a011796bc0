"""What a person is told about the data."""

import shutil

import numpy as np
import pytest
from PIL import Image

from data.pictures import photograph, write
from striate.data import check, open_dataset, split
from striate.errors import DataError


def findings(source):
    return {finding.code: finding for finding in check(open_dataset(source)).findings}


def test_classes_that_differ_between_splits_are_an_error(tmp_path):
    root = write(tmp_path, {"train/a": 4, "train/b": 4, "train/c": 4, "test/a": 4, "test/d": 4})
    data = open_dataset(root)
    report = check(data)
    errors = [f.sentence for f in report.findings if f.severity == "error"]
    assert errors == [
        "train has no image of what test has: 'd'.",
        "test has no image of what train has: 'b', 'c'.",
    ]
    with pytest.raises(DataError, match="train has no image of what test has: 'd'") as caught:
        split(data, report)
    assert caught.value.code == "data-classes-differ"


def test_leaks_between_splits(tmp_path):
    root = write(tmp_path, {f"{split}/{name}": 12 for split in ("train", "test") for name in "ab"})
    shutil.copy(root / "train" / "a" / "003.png", root / "test" / "a" / "copy.png")
    image = Image.open(root / "train" / "b" / "004.png")
    image.resize((90, 90), Image.Resampling.BICUBIC).save(root / "test" / "b" / "near.jpg")
    found = findings(root)
    exact, near = found["duplicates-across-splits"], found["near-duplicates-across-splits"]
    assert exact.sentence.startswith("1 image of test has exact copies in train")
    assert exact.examples == ("test/a/copy.png",)
    assert near.sentence.startswith("1 image of test has near-duplicates in train")
    assert near.examples == ("test/b/near.jpg",)
    assert {exact.severity, near.severity} == {"warning"}


def test_near_duplicates_with_other_labels(tmp_path):
    write(tmp_path, {"a": 12, "b": 12})
    Image.open(tmp_path / "a" / "001.png").save(tmp_path / "b" / "again.jpg")
    found = findings(tmp_path)["near-duplicates-labels-differ"]
    assert found.examples == ("a/001.png", "b/again.jpg")


def test_sizes_of_classes(tmp_path):
    found = findings(write(tmp_path, {"a": 60, "b": 5, "c": 2}))
    assert found["few-images"].examples == ("b",)
    assert found["class-too-small"].examples == ("c",)
    assert found["imbalance"].sentence == "Classes are uneven: 60 of 'a', 2 of 'c' (30.0 times)."
    assert found["imbalance"].severity == "warning"


def test_odd_sizes(tmp_path):
    write(tmp_path, {"a": 12, "b": 12})
    photograph(100, 16).save(tmp_path / "a" / "small.png")
    photograph(101).resize((300, 60)).save(tmp_path / "a" / "long.png")
    found = findings(tmp_path)
    assert found["odd-size"].examples == ("a/small.png",)
    assert found["odd-size"].sentence == "1 image is much smaller than the rest (median 64 pixels)."
    assert found["odd-shape"].examples == ("a/long.png",)


def test_kinds_are_counted(tmp_path):
    write(tmp_path, {"a": 12, "b": 12})
    photograph(100).convert("L").save(tmp_path / "a" / "grey.png")
    photograph(101).convert("CMYK").save(tmp_path / "a" / "print.jpg")
    frames = [photograph(seed) for seed in (102, 103)]
    frames[0].save(tmp_path / "a" / "moving.gif", save_all=True, append_images=frames[1:])
    found = findings(tmp_path)
    assert found["kind-grey"].sentence == "1 image is greyscale."
    assert found["kind-cmyk"].examples == ("a/print.jpg",)
    assert found["kind-animated"].examples == ("a/moving.gif",)


def test_images_that_differ_in_channels_cannot_be_batched(tmp_path):
    write(tmp_path, {"a": 3, "b": 3})
    planes = [photograph(seed).convert("L") for seed in range(2)]
    data = np.stack([np.asarray(plane) for plane in planes], axis=-1)
    from data.test_tiff import tiff

    (tmp_path / "a" / "two.tif").write_bytes(tiff(data))
    found = findings(tmp_path)["channels-differ"]
    assert (found.severity, found.sentence) == (
        "error", "Images differ in channels: 1 with 2, 6 with 3.",
    )  # fmt: skip


def test_not_one_usable_image_is_an_error(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.png").write_bytes(name.encode())
    assert findings(tmp_path)["no-usable-image"].severity == "error"


def test_errors_come_first(tmp_path):
    root = write(tmp_path, {"train/a": 4, "train/b": 1, "test/a": 4})
    ranks = [f.severity for f in check(open_dataset(root)).findings]
    assert ranks == sorted(ranks, key=["error", "warning", "note"].index)
    assert ranks[0] == "error"
