"""Distances of classes, with numbers worked by hand."""

from importlib import import_module

import numpy as np
import pytest
from sklearn.metrics import silhouette_score

from striate.errors import ShapeError
from striate.explain.class_distances import class_distances


def test_by_hand() -> None:
    found = class_distances(
        [[0, 0], [0, 2], [6, 0], [6, 4]], ["b", "b", "a", "a"], metric="euclidean"
    )
    assert found.classes == ("a", "b")
    np.testing.assert_allclose(found.between, [[0, np.hypot(6, 1)], [np.hypot(6, 1), 0]])
    np.testing.assert_allclose(found.within, [2, 1])


def test_cosine_ignores_lengths() -> None:
    found = class_distances([[1, 0], [9, 0], [0, 2], [0, 1]], ["x", "x", "y", "y"])
    np.testing.assert_allclose(found.between, [[0, 1], [1, 0]])
    np.testing.assert_allclose(found.within, [0, 0], atol=1e-12)
    assert found.silhouette == pytest.approx(1)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_silhouettes_are_those_of_scikit_learn(metric, monkeypatch) -> None:
    draw = np.random.default_rng(0)
    labels = np.array(["p", "q", "r"])[draw.integers(0, 3, 60)]
    vectors = draw.normal(size=(60, 5)) + 2 * (labels == "q")[:, None]
    found = class_distances(vectors, list(labels), metric=metric)
    assert found.silhouette == pytest.approx(silhouette_score(vectors, labels, metric=metric))
    weights = [(labels == name).mean() for name in found.classes]
    assert found.silhouettes @ weights == pytest.approx(found.silhouette)
    monkeypatch.setattr(import_module("striate.explain.class_distances"), "MOST", 40)
    assert class_distances(vectors, list(labels), metric=metric).silhouette != found.silhouette


def test_one_class_has_no_silhouette_and_labels_are_counted() -> None:
    found = class_distances([[1, 2], [2, 1]], ["a", "a"])
    assert np.isnan(found.silhouette)
    assert np.isnan(found.silhouettes).all()
    with pytest.raises(ShapeError, match="and 3"):
        class_distances([[1, 2], [2, 1]], ["a", "a", "b"])
