"""The record table."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from data.pictures import write
from striate.data import Dataset, open_dataset
from striate.data.dataset import column
from striate.errors import DataError


@pytest.fixture
def data(tmp_path) -> Dataset:
    return open_dataset(write(tmp_path, {"train/a": 2, "train/b": 2, "test/a": 1, "test/b": 1}))


def test_where_and_select(data):
    assert data.where("test").tolist() == [0, 1]
    assert data.where("val").tolist() == []
    picked = data.select([3, 0])
    assert picked.ids == (data.ids[3], data.ids[0])
    assert picked.labels.tolist() == [data.labels[3], data.labels[0]]
    assert picked.images.read(0) == data.images.read(3)
    assert picked.classes == data.classes
    assert len(data.select([])) == 0


def test_a_dataset_can_be_sent_to_another_process(data):
    again = pickle.loads(pickle.dumps(data))  # noqa: S301  our own bytes
    assert again.ids == data.ids
    assert again.images.read(2) == data.images.read(2)


def test_columns_must_agree(data):
    with pytest.raises(DataError, match="columns differ in length"):
        replace(data, ids=data.ids[1:])
    with pytest.raises(DataError, match="ids must be unique"):
        replace(data, ids=(data.ids[0],) * 6)
    with pytest.raises(DataError, match="got holdout"):
        replace(data, split=column(["holdout"] * 6))


def test_labels_as_text(data):
    assert [data.label_text(k) for k in range(3)] == ["a", "b", "a"]
    several = replace(
        data, task="multi_label", classes=("x", "y"), labels=np.array([[1, 1]] * 6, np.float32)
    )
    assert several.label_text(0) == "x|y"
    number = replace(data, task="regression", labels=np.full(6, 2.5, np.float32))
    assert number.label_text(0) == "2.5"
