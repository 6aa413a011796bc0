"""Arrays, .npz and idx."""

import gzip
import struct

import numpy as np
import pytest
import torch

from striate.data import check, open_dataset, split
from striate.data.sources.arrays import read_idx
from striate.errors import DataError

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (10, 6, 5, 3), dtype=np.uint8)
LABELS = np.arange(10) % 2


def test_a_pair_of_arrays():
    data = open_dataset((IMAGES, LABELS))
    assert data.ids[:2] == ("00000", "00001")
    assert data.classes == ("0", "1")
    np.testing.assert_array_equal(data.images.read(3), IMAGES[3])
    picked = data.select([7, 3])
    np.testing.assert_array_equal(picked.images.read(1), IMAGES[3])
    np.testing.assert_array_equal(picked.images.gather(np.array([1, 0])), IMAGES[[3, 7]])


def test_splits_of_arrays_and_torch_tensors():
    tensor = torch.from_numpy(IMAGES.transpose(0, 3, 1, 2).copy())
    data = open_dataset(
        {"train": (tensor, torch.from_numpy(LABELS)), "test": (tensor[:4], LABELS[:4])}
    )
    assert data.ids[9:11] == ("train/00009", "test/00000")
    assert data.split.tolist() == ["train"] * 10 + ["test"] * 4
    np.testing.assert_array_equal(data.images.read(3), IMAGES[3])


@pytest.mark.parametrize(
    ("images", "dtype"),
    [
        (IMAGES.astype(np.float64), np.uint8),
        (IMAGES.astype(np.int64), np.uint8),
        (IMAGES.astype(np.int64) * 200, np.uint16),
        (IMAGES / 255, np.float32),
        (IMAGES > 128, np.uint8),
    ],
)
def test_numbers_are_stored_as_what_they_mean(images, dtype):
    data = open_dataset((images, LABELS))
    assert data.images.read(0).dtype == dtype
    expected = (IMAGES > 128) * 255 if images.dtype == np.bool_ else images
    np.testing.assert_allclose(data.images.read(0), expected[0], rtol=1e-6)
    assert check(data).counts["used"] == 10


def test_grey_arrays_without_a_channel_axis():
    assert open_dataset((IMAGES[..., 0], LABELS)).images.read(0).shape == (6, 5, 1)


def test_an_image_with_nan_is_excluded_alone():
    images = (IMAGES / 255).astype(np.float32)
    images[4, 0, 0, 0] = np.nan
    report = check(open_dataset((images, LABELS)))
    assert report.kept.tolist() == [0, 1, 2, 3, 5, 6, 7, 8, 9]
    assert report.files[4].reason == "range"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ((IMAGES, LABELS[:9]), "10 images and 9 labels"),
        ((IMAGES[0, 0], LABELS), r"\[N, H, W\]"),
        ((IMAGES.transpose(0, 3, 1, 2), LABELS), r"looks like \[N, C, H, W\]"),
        ((IMAGES / 255 - 0.5, LABELS), "Undo any normalisation"),
        ((IMAGES.astype(str), LABELS), "must be numbers"),
        ((IMAGES,), "pair"),
        ({"holdout": (IMAGES, LABELS)}, "got 'holdout'"),
        ({"train": (IMAGES, LABELS), "test": (IMAGES[:, :4], LABELS)}, "differ in shape"),
        ((IMAGES[:0], LABELS[:0]), "empty"),
    ],
)
def test_mistakes(source, words):
    with pytest.raises(DataError, match=words) as caught:
        open_dataset(source)
    assert caught.value.code.startswith("data-")


def test_npz(tmp_path):
    np.savez(tmp_path / "a.npz", x=IMAGES, y=LABELS, classes=["off", "on"])
    assert open_dataset(tmp_path / "a.npz").classes == ("off", "on")
    np.savez(tmp_path / "b.npz", x_train=IMAGES, y_train=LABELS, x_test=IMAGES, y_test=LABELS)
    assert len(open_dataset(tmp_path / "b.npz").where("test")) == 10
    np.savez(tmp_path / "c.npz", pixels=IMAGES)
    with pytest.raises(DataError, match="holds pixels"):
        open_dataset(tmp_path / "c.npz")
    np.savez(tmp_path / "d.npz", x=np.array([{}], dtype=object), y=LABELS[:1])
    with pytest.raises(DataError, match="cannot be read"):  # a pickle inside
        open_dataset(tmp_path / "d.npz")
    (tmp_path / "e.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:100])
    with pytest.raises(DataError, match="cannot be read"):
        open_dataset(tmp_path / "e.npz")


def idx(array):
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def test_idx_files(tmp_path):
    grey = IMAGES[..., 0].copy()
    for word, zipped in (("train", True), ("t10k", False)):
        for kind, values in (("images-idx3", grey), ("labels-idx1", LABELS.astype(np.uint8))):
            name = f"{word}-{kind}-ubyte"
            data = idx(values)
            (tmp_path / (f"{name}.gz" if zipped else name)).write_bytes(
                gzip.compress(data) if zipped else data
            )
    (tmp_path / "README").write_text("digits")
    data = open_dataset(tmp_path)
    assert data.ids[0] == "train/00000"
    assert [len(data.where(name)) for name in ("train", "test")] == [10, 10]
    np.testing.assert_array_equal(data.images.read(13), grey[3][..., None])
    assert [(v.path, v.reason) for v in data.skipped] == [("README", "not-idx")]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0\0\x08\x01",
        idx(LABELS.astype(np.uint8))[:-1],
        idx(LABELS.astype(np.uint8)) + b"x",
        b"\1" + idx(LABELS.astype(np.uint8)),
        gzip.compress(b"x" * 100)[:20],
    ],
)
def test_broken_idx(tmp_path, data):
    for name in ("labels-idx1-ubyte", "labels-idx1-ubyte.gz"):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(DataError) as caught:
            read_idx(tmp_path / name)
        assert caught.value.code == "data-idx"


def test_mnist(shared_data):
    data = open_dataset(shared_data / "mnist")
    assert [len(data.where(name)) for name in ("train", "test")] == [60_000, 10_000]
    assert data.classes == tuple("0123456789")
    assert data.labels[:5].tolist() == [5, 0, 4, 1, 9]
    report = check(data)
    assert report.counts == {"found": 70_000, "used": 70_000, "excluded": 0}
    divided = split(data, report, test=0.15)
    assert [len(divided.where(name)) for name in ("train", "val", "test")] == [
        51_000,
        9_000,
        10_000,
    ]


def test_digits():
    data = open_dataset("digits")
    assert len(data) == 1797
    image = data.images.read(0)
    assert (image.shape, image.dtype, image.max()) == ((8, 8, 1), np.uint8, 239)  # 15/16 of 255
