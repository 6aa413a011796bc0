"""Arrays and labels as people hand them over: what comes out, and what is said when it cannot."""

import numpy as np
import pytest
import torch

from striate.arrays import input_tensor, row_shape, target_tensor
from striate.errors import DataError, ShapeError


def test_channels_come_first():
    x = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    tensor = input_tensor(x)
    assert tensor.shape == (2, 5, 3, 4)
    assert tensor.dtype == torch.float32
    assert tensor[1, 4, 2, 3] == x[1, 2, 3, 4]
    assert row_shape(tensor) == (3, 4, 5)


def test_grey_images_need_no_channel_axis():
    x = np.arange(24).reshape(2, 3, 4)
    assert torch.equal(input_tensor(x)[:, 0], torch.from_numpy(x).float())
    assert torch.equal(input_tensor(x.tolist()), input_tensor(x))


def test_tensors_are_channels_first_already():
    x = torch.arange(24).reshape(2, 1, 3, 4)
    assert torch.equal(input_tensor(x, input_shape=(3, 4, 1)), x.float())


def test_rows_of_features_stay():
    x = np.eye(3)
    assert torch.equal(input_tensor(x, input_shape=(3,)), torch.eye(3))


def test_the_array_is_not_changed():
    x = np.zeros((1, 2, 2, 1), np.float32)
    input_tensor(x).add_(1)  # may share memory: whoever calls must not write
    assert input_tensor(np.zeros((1, 2, 2, 1))).sum() == 0


@pytest.mark.parametrize(
    ("x", "shape", "words"),
    [
        (np.zeros((2, 28, 28, 3)), (28, 28, 1), r"of shape \(28, 28, 1\), got .* \(28, 28, 3\)"),
        (np.zeros((2, 3, 28, 28)), (28, 28, 3), r"got images of shape \(3, 28, 28\).*\(N, height"),
        (
            torch.zeros(2, 28, 28, 3),
            (28, 28, 3),
            r"Torch tensors are \(N, channels, height",
        ),
        (np.zeros((2, 5)), (4,), r"shape \(4,\), got rows of shape \(5,\).*Input layer"),
    ],
)
def test_rows_of_another_shape_are_named(x, shape, words):
    with pytest.raises(ShapeError, match=words) as caught:
        input_tensor(x, input_shape=shape)
    assert caught.value.code == "shape-input"


def test_images_of_several_sizes_make_no_array():
    ragged = np.empty(2, object)
    ragged[:] = [np.zeros((2, 2)), np.zeros((3, 3))]
    with pytest.raises(ShapeError, match="differ in shape"):
        input_tensor(ragged)
    with pytest.raises(ShapeError, match="differ in shape"):
        input_tensor([[1, 2], [3]])


def test_texts_are_no_images():
    with pytest.raises(DataError, match="must be numbers, got words such as 'a'"):
        input_tensor(np.array(["a", "b"]))


def test_one_hot_rows_and_class_numbers_are_the_same_labels():
    numbers = np.array([2, 0, 1])
    for labels in (numbers, numbers[:, None], np.eye(3)[numbers], torch.from_numpy(numbers)):
        assert target_tensor(labels, "single_label", 3).tolist() == [2, 0, 1]
    assert target_tensor(numbers.astype(float), "single_label").dtype == torch.int64


def test_soft_rows_stay_soft():
    rows = [[0.25, 0.75], [1, 0]]
    assert target_tensor(rows, "single_label", 2).tolist() == rows


def test_several_labels_and_numbers():
    assert target_tensor([[1, 0], [1, 1]], "multi_label").tolist() == [[1, 0], [1, 1]]
    assert target_tensor(np.array([[0.5], [2]]), "regression").tolist() == [0.5, 2]


@pytest.mark.parametrize(
    ("labels", "code", "words"),
    [
        (["cat", "dog"], "data-labels-not-numbers", "Number the classes: classes, y = np.unique"),
        ([0.5, 1.0], "data-labels-not-indices", r"got values such as \[0.5, 1.0\]"),
        ([-1, 0], "data-labels-not-indices", "whole numbers from 0"),
        ([1, 3], "data-labels-from-one", r"from 1 to 3; .* from 0 to 2\. Use y - 1"),
        ([0, 3], "data-label-beyond-classes", "go up to 3, but the network has 3 outputs.*4 units"),
        (np.eye(4), "data-label-width", "have 4 columns, the network 3 outputs"),
    ],
)
def test_wrong_labels_say_what_they_are(labels, code, words):
    with pytest.raises(DataError, match=words) as caught:
        target_tensor(labels, "single_label", 3)
    assert caught.value.code == code
