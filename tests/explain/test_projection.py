"""Projections against arithmetic and against groups that are known."""

import sys
from importlib.util import find_spec

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from striate.errors import ShapeError, UnknownName, UsageError
from striate.explain.projection import PROJECTIONS, project


def groups(each: int = 20) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), each)
    return draw.normal(size=(3 * each, 12)) + 12 * np.eye(12)[labels], labels


def test_pca_keeps_distances_in_a_plane() -> None:
    draw = np.random.default_rng(1)
    plane = draw.normal(size=(30, 2)) * (5, 2)
    turned, _ = np.linalg.qr(draw.normal(size=(7, 2)))
    found = project(plane @ turned.T + 3, "pca")
    np.testing.assert_allclose(cdist(found, found), cdist(plane, plane), atol=1e-9)
    assert found[:, 0].var() >= found[:, 1].var()


@pytest.mark.parametrize(
    "method", [pytest.param(m, marks=[pytest.mark.slow] * (m == "umap")) for m in PROJECTIONS]
)
def test_neighbours_are_of_the_same_group(method: str) -> None:
    if method == "umap" and not find_spec("umap"):
        pytest.skip("UMAP ABSENT: pip install umap-learn")
    vectors, labels = groups()
    found = project(vectors, method)
    assert found.shape == (60, 2)
    distances = cdist(found, found)
    np.fill_diagonal(distances, np.inf)
    assert (labels[distances.argmin(axis=1)] == labels).all()
    np.testing.assert_array_equal(found, project(vectors, method))  # by the seed


@pytest.mark.parametrize("method", ["pca", "tsne"])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_few_vectors_have_a_map(method: str, count: int) -> None:
    found = project(groups()[0][::7][:count], method)
    assert found.shape == (count, 2)
    assert np.isfinite(found).all()


def test_equal_vectors_lie_on_one_point() -> None:
    assert not project(np.ones((9, 4)), "tsne").any()


def test_what_cannot_be_projected(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ShapeError, match=r"\[3\]"):
        project(np.zeros(3))
    with pytest.raises(ShapeError, match="finite"):
        project(np.full((5, 2), np.nan))
    with pytest.raises(UnknownName, match="tsne"):
        project(np.zeros((5, 2)), "tsn")
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(UsageError, match="umap-learn") as error:
        project(groups()[0], "umap")
    assert error.value.code == "explain-umap-absent"
