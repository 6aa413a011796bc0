"""Hugging Face datasets, with the real package where it is installed."""

import io
import pickle

import numpy as np
import pytest

from data.pictures import photograph
from striate.data import check, open_dataset
from striate.errors import DataError

hf = pytest.importorskip("datasets")


def pictures(count):
    found = []
    for seed in range(count):
        buffer = io.BytesIO()
        photograph(seed).save(buffer, "PNG")
        found.append({"bytes": buffer.getvalue(), "path": None})
    return found


def dataset(labels, feature, column="label"):
    features = hf.Features({"image": hf.Image(), column: feature})
    content = {"image": pictures(len(labels)), column: labels}
    return hf.Dataset.from_dict(content, features=features)


def test_class_labels_and_splits():
    part = dataset([0, 1, 1], hf.ClassLabel(names=["dog", "cat"]))
    data = open_dataset(hf.DatasetDict(train=part, validation=part))
    assert data.classes == ("dog", "cat")
    assert data.labels.tolist() == [0, 1, 1, 0, 1, 1]
    assert data.ids[2:4] == ("train/00002", "val/00000")
    assert data.images.read(4) == pictures(2)[1]["bytes"]
    assert check(data).counts["used"] == 6
    again = pickle.loads(pickle.dumps(data))  # noqa: S301  our own bytes
    assert again.select([5]).images.read(0) == data.images.read(5)


def test_other_kinds_of_labels():
    assert open_dataset(dataset(["x", "y"], hf.Value("string"))).classes == ("x", "y")
    numbers = open_dataset(dataset([0.5, 2.0], hf.Value("float32"), "target"))
    assert numbers.task == "regression"
    assert numbers.labels.tolist() == [0.5, 2]
    several = open_dataset(
        dataset([[0, 1], []], hf.List(hf.ClassLabel(names=["a", "b"])), "labels")
    )
    assert several.task == "multi_label"
    np.testing.assert_array_equal(several.labels, [[1, 1], [0, 0]])


def test_mistakes():
    plain = hf.Dataset.from_dict({"text": ["a"], "label": ["b"]})
    with pytest.raises(DataError, match="no column holds images, found: text, label"):
        open_dataset(plain)
    part = dataset([0, 1], hf.ClassLabel(names=["a", "b"]))
    with pytest.raises(DataError, match="got 'unsupervised'"):
        open_dataset(hf.DatasetDict(unsupervised=part))
    with pytest.raises(DataError, match="no column holds labels"):
        open_dataset(part.remove_columns("label"))
