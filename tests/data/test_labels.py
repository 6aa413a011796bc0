"""Labels become classes and numbers."""

import numpy as np
import pytest

from striate.data.labels import encode, encode_array, infer_task, sorted_classes
from striate.errors import DataError


def test_classes_are_sorted_by_name_or_as_numbers():
    assert sorted_classes(["dog", "cat", "dog"]) == ("cat", "dog")
    assert sorted_classes(map(str, [10, 9, 100])) == ("9", "10", "100")


@pytest.mark.parametrize(
    ("texts", "task"),
    [
        (["cat", "dog", "cat"], "single_label"),
        (["a|b", "", "c"], "multi_label"),
        (["1.5", "2", "7"], "regression"),
        (["0", "1"] * 10, "single_label"),
        (["1.0", "2.0"] * 10, "single_label"),
        ([str(k) for k in range(40)], "regression"),  # whole, but hardly any value twice
        ([str(k % 60) for k in range(600)], "regression"),  # more than 50 different
        ([str(k % 50) for k in range(600)], "single_label"),
        (["1", "2", "many"], "single_label"),
        (["nan", "1.5"], "single_label"),
    ],
)
def test_the_task_is_inferred_from_labels(texts, task):
    assert infer_task(texts) == task


def test_several_labels_become_zeros_and_ones():
    classes, labels = encode(["b | a", "", "c|", "a"], "multi_label", "label", "t.csv")
    assert classes == ("a", "b", "c")
    assert labels.tolist() == [[1, 1, 0], [0, 0, 0], [0, 0, 1], [1, 0, 0]]
    assert labels.dtype == np.float32


def test_regression_refuses_words():
    assert encode(["1", "2.5"], "regression", "age", "t.csv")[1].tolist() == [1, 2.5]
    with pytest.raises(DataError, match=r"t\.csv: regression needs numbers, got 'x' in 1 of 2"):
        encode(["1", "x"], "regression", "age", "t.csv")


@pytest.mark.parametrize(
    ("labels", "task", "classes", "numbers"),
    [
        (np.array([2, 10, 2]), "single_label", ("2", "10"), [0, 1, 0]),
        (np.array(["b", "a"]), "single_label", ("a", "b"), [1, 0]),
        (np.array([[3], [1]]), "single_label", ("1", "3"), [1, 0]),
        (np.array([0.5, 2]), "regression", ("target",), [0.5, 2]),
        (np.array([[0, 1], [1, 0]]), "single_label", ("0", "1"), [1, 0]),
        (np.array([[1.0, 1.0], [1.0, 0.0]]), "multi_label", ("0", "1"), [[1, 1], [1, 0]]),
    ],
)
def test_arrays_of_labels(labels, task, classes, numbers):
    assert encode_array(labels, "auto", "arrays")[:2] == (task, classes)
    assert encode_array(labels, "auto", "arrays")[2].tolist() == numbers


def test_arrays_of_labels_with_names_and_forced_tasks():
    assert encode_array(np.array([1, 0]), "auto", "x", ["z", "a"])[1] == ("z", "a")
    assert encode_array(np.array([1.0, 0.0]), "single_label", "x")[1] == ("0", "1")
    assert encode_array(np.array([1, 0]), "regression", "x")[0] == "regression"
    assert encode_array(np.eye(2), "multi_label", "x")[0] == "multi_label"


@pytest.mark.parametrize(
    ("labels", "task", "names", "words"),
    [
        (np.zeros((2, 2, 2)), "auto", None, r"\[n\] or \[n, K\]"),
        (np.array([[2, 0]]), "auto", None, "zeros and ones"),
        (np.array([[1, 1]]), "single_label", None, "exactly one 1"),
        (np.array([0.5]), "single_label", None, "whole"),
        (np.array([np.nan]), "auto", None, "finite"),
        (np.array([0, 3]), "auto", ["a", "b"], "2 class names for labels 0 to 3"),
        (np.array([0, 1]), "multi_label", None, r"\[n, K\]"),
    ],
)
def test_labels_that_make_no_sense(labels, task, names, words):
    with pytest.raises(DataError, match=words):
        encode_array(labels, task, "arrays", names)
