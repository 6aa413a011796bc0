"""Weights against imbalance."""

import numpy as np
import pytest

from striate.training import balanced_weights, positive_weights, sampling_weights


def test_balanced_weights_are_scikit_learns():
    from sklearn.utils.class_weight import compute_class_weight

    labels = np.repeat([0, 1, 2], [50, 30, 10])
    expected = compute_class_weight("balanced", classes=np.arange(3), y=labels)
    assert balanced_weights(np.bincount(labels)).tolist() == pytest.approx(expected)


def test_no_class_counts_more_than_twenty_times_another_and_the_mean_stays_one():
    counts = np.array([10_000, 100, 1, 0])
    weights = balanced_weights(counts).numpy()
    assert weights[1] == weights[2] == pytest.approx(20 * weights[0])
    assert weights[3] == 0
    assert (weights * counts).sum() / counts.sum() == pytest.approx(1)


def test_positive_weights_count_absent_per_present():
    targets = np.array([[1, 0, 1], [0, 0, 1], [0, 0, 1], [0, 0, 1]])
    assert positive_weights(targets).tolist() == pytest.approx([3.0, 4.0, 1 / 20])


def test_sampling_weights_make_classes_come_equally_often():
    labels = np.array([0, 0, 0, 2])
    weights = sampling_weights(labels)
    assert weights.tolist() == pytest.approx([2 / 3, 2 / 3, 2 / 3, 2.0])
