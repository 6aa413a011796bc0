"""One function from bytes to the input tensor."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from striate.data import EvalBatches, Preprocessing, canvas_store, open_dataset
from striate.errors import DataError, FileError, ShapeError, UsageError

RANDOM = np.random.default_rng(0)


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def test_the_formula() -> None:
    pixels = RANDOM.integers(0, 256, (10, 12, 3), dtype=np.uint8)
    mean, std = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)
    tensor = Preprocessing((10, 12), mean=mean, std=std)([pixels])
    expected = (pixels / 255 - np.array(mean)) / np.array(std)
    np.testing.assert_allclose(tensor[0].permute(1, 2, 0).numpy(), expected, atol=2e-6)


def test_all_ways_in_give_the_same_bits() -> None:
    pixels = RANDOM.integers(0, 256, (20, 30, 3), dtype=np.uint8)
    how = Preprocessing(12, canvas=14)
    tensor = how([png(pixels), pixels, Image.fromarray(pixels)])
    assert torch.equal(tensor[0], tensor[1])
    assert torch.equal(tensor[0], tensor[2])


def test_the_network_sees_the_centre_of_the_canvas() -> None:
    pixels = RANDOM.integers(0, 256, (16, 16, 1), dtype=np.uint8)
    wide, narrow = Preprocessing(16, channels=1), Preprocessing(10, channels=1, canvas=16)
    assert torch.equal(narrow([pixels]), wide([pixels])[:, :, 3:13, 3:13])


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_memory_is_channels_last_whatever_came_in(channels: int) -> None:
    how = Preprocessing((6, 7), channels=channels)
    images = torch.randint(0, 256, (4, channels, 6, 7), dtype=torch.uint8)
    strides = (42 * channels, 1, 7 * channels, channels)
    assert how.normalise(images).stride() == strides
    turned = images.contiguous(memory_format=torch.channels_last)
    assert how.normalise(turned).stride() == strides
    assert torch.equal(how.normalise(images), how.normalise(turned))


def test_batch_and_place_change_no_bit() -> None:
    images = torch.randint(0, 256, (33, 3, 19, 17), dtype=torch.uint8)
    how = Preprocessing((19, 17), mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    whole = how.normalise(images)
    for i in (0, 5, 32):
        assert torch.equal(how.normalise(images[i : i + 1])[0], whole[i])


def test_grey_background_is_the_luminance() -> None:
    how = Preprocessing((9, 9), channels=1, fit="pad", background=(255, 0, 0))
    canvas = how.to_canvas(np.zeros((3, 9), np.uint8))
    assert canvas[0, :, 0].tolist() == [76] * 3 + [0] * 3 + [76] * 3


def test_photographs_through_cache_and_alone_are_bitwise_equal(
    shared_data: Path, tmp_path: Path
) -> None:
    dataset = open_dataset(shared_data / "cats-dogs").select(np.arange(0, 480, 12))
    assert len(dataset) == 40
    how = Preprocessing(48, canvas=56, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    cached = canvas_store(dataset, how, cache=tmp_path, epochs=2)
    assert "were resized once and are read from" in cached.reason
    decoded = canvas_store(dataset, how, epochs=1)
    records = np.arange(40)
    alone = torch.cat([how([dataset.images.read(i)]) for i in range(40)])
    for store, batch_size, workers in [(cached, 16, 0), (cached, 7, 2), (decoded, 40, 1)]:
        batches = EvalBatches(
            store, None, records, batch_size=batch_size, preprocessing=how, workers=workers
        )
        together = torch.cat([batch.images for batch in batches])
        assert torch.equal(together, alone)


def test_json_and_back() -> None:
    how = Preprocessing((10, 12), channels=1, canvas=(14, 15), fit="pad", mean=(0.1,), std=(0.3,))
    assert Preprocessing.from_json(json.loads(json.dumps(how.to_json()))) == how
    assert how.to_json()["size"] == [10, 12]


def test_one_number_is_a_square() -> None:
    assert Preprocessing(8, mean=0.5, canvas=9) == Preprocessing((8, 8), mean=(0.5,), canvas=(9, 9))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"extra": 1}, "extra"),
        ({"size": None}, "size must be one or two whole numbers above 0, got None"),
        ({"std": [0]}, "std must be above 0"),
        ({"background": 5}, "damaged"),
    ],
)
def test_damaged_json_is_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(FileError, match=words) as caught:
        Preprocessing.from_json({**Preprocessing(8).to_json(), **change})
    assert caught.value.code == "file-preprocessing"


def test_a_missing_key_is_refused() -> None:
    stored = Preprocessing(8).to_json()
    del stored["fit"]
    with pytest.raises(FileError, match="unknown or missing: fit"):
        Preprocessing.from_json(stored)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"size": 0}, "size must be one or two whole numbers above 0, got 0"),
        ({"size": (1, 2, 3)}, "size must be one or two whole numbers"),
        ({"size": 8, "canvas": 7}, r"canvas must be at least size \(8, 8\), got \(7, 7\)"),
        ({"size": 8, "channels": 0}, "channels must be 1 or more, got 0"),
        ({"size": 8, "fit": "stretch"}, "fit must be one of crop, squash, pad, got stretch"),
        ({"size": 8, "interpolation": "cubic"}, "interpolation must be one of bilinear"),
        ({"size": 8, "mean": (0.1, 0.2)}, "mean and std must have 1 or 3 numbers, got 2 and 1"),
        ({"size": 8, "std": 0}, r"std must be above 0, got \(0.0,\)"),
        ({"size": 8, "mean": float("nan")}, "mean must be finite"),
        ({"size": 8, "background": (0, 0, 256)}, "background must be three numbers in 0..255"),
    ],
)
def test_wrong_values_name_the_rule(options: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Preprocessing(**options)


def test_a_wrong_shape_is_named() -> None:
    with pytest.raises(ShapeError, match=r"takes \[N, 3, H, W\], got \[2, 1, 4, 4\]"):
        Preprocessing(4).normalise(torch.zeros(2, 1, 4, 4))


def test_a_broken_image_is_named() -> None:
    with pytest.raises(DataError, match="image 1"):
        Preprocessing(4)([np.zeros((4, 4), np.uint8), b"no image"])
