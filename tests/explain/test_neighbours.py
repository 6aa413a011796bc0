"""Neighbours, against distances written out."""

import sys

import numpy as np
import pytest
import torch

from striate.errors import ShapeError, StriateWarning
from striate.explain import NeighbourIndex, nearest, neighbours
from striate.explain.neighbours import pixel_rows


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_equal_to_sorting_all_distances(metric) -> None:
    rng = np.random.default_rng(0)
    queries, bank = rng.normal(size=(6, 5)), rng.normal(size=(40, 5))
    if metric == "cosine":
        norms = np.linalg.norm(queries, axis=1)[:, None] * np.linalg.norm(bank, axis=1)
        distances = 1 - queries @ bank.T / norms
    else:
        distances = np.linalg.norm(queries[:, None] - bank, axis=2)
    found = nearest(torch.tensor(queries), torch.tensor(bank), k=3, metric=metric)
    np.testing.assert_array_equal(found.indices, np.argsort(distances, axis=1)[:, :3])
    np.testing.assert_allclose(found.distances, np.sort(distances, axis=1)[:, :3], atol=1e-12)


def test_a_small_bank_gives_all_it_has_and_no_query_gives_nothing() -> None:
    assert nearest(np.eye(3), np.eye(3)[:2], k=5).indices.shape == (3, 2)
    assert nearest(np.empty((0, 3)), np.eye(3), k=5).indices.shape == (0, 3)


def test_features_of_different_layers_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"got \[2, 4\] and \[3, 5\]") as caught:
        nearest(np.ones((2, 4)), np.ones((3, 5)))
    assert caught.value.code == "explain-embedding-shape"


@pytest.fixture(scope="module")
def clustered():
    """4,000 vectors of 32 numbers around 40 centres, and 200 more to ask for."""
    rng = np.random.default_rng(1)
    centres = rng.normal(size=(40, 32)) * 3
    made = centres[rng.integers(0, 40, 4_200)] + rng.normal(size=(4_200, 32))
    return made[:4_000].astype(np.float32), made[4_000:].astype(np.float32)


@pytest.mark.slow  # compiles for half a minute
@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_a_graph_finds_nearly_all_of_them(clustered, metric) -> None:
    pytest.importorskip("pynndescent")
    bank, asked = clustered
    index = NeighbourIndex(bank, metric=metric, approximate=True)
    assert index.graph is not None
    found, true = index.nearest(asked, 10), nearest(asked, bank, 10, metric=metric)
    assert found.indices.shape == found.distances.shape == (200, 10)
    both = [np.intersect1d(a, b).size for a, b in zip(found.indices, true.indices, strict=True)]
    assert np.mean(both) / 10 >= 0.95
    assert (np.diff(found.distances) >= 0).all()
    same = found.indices == true.indices
    np.testing.assert_allclose(found.distances[same], true.distances[same], rtol=1e-3, atol=1e-5)
    again = NeighbourIndex(bank, metric=metric, approximate=True).nearest(asked, 10)
    np.testing.assert_array_equal(found.indices, again.indices)


def test_a_large_bank_is_searched_by_a_graph_where_there_is_one(clustered, monkeypatch) -> None:
    bank, asked = clustered
    monkeypatch.setattr(neighbours, "MANY", 3_999)
    monkeypatch.setitem(sys.modules, "pynndescent", None)  # "there is no such package"
    with pytest.warns(StriateWarning, match=r"4,000 vectors.*\n?.*") as told:
        index = NeighbourIndex(bank)
    assert [warning.message.code for warning in told] == ["explain-index-absent"]
    assert "pip install 'striate[explain]'" in str(told[0].message)
    index.nearest(asked[:2])  # tells nothing more
    np.testing.assert_array_equal(
        index.nearest(asked[:5]).indices, nearest(asked[:5], bank).indices
    )
    monkeypatch.setattr(neighbours, "MANY", 4_000)
    assert NeighbourIndex(bank).graph is None  # and no warning


@pytest.mark.parametrize("bank", [np.ones(3), np.ones((0, 3)), np.float32(1)])
def test_what_is_no_bank_is_refused(bank) -> None:
    with pytest.raises(ShapeError, match="N >= 1"):
        NeighbourIndex(bank)


def test_pixels_are_those_of_thumbnails() -> None:
    image = torch.rand(2, 3, 32, 32)
    np.testing.assert_array_equal(pixel_rows(image), image.flatten(1).numpy())
    grey = pixel_rows(torch.full((1, 1, 80, 50), 7, dtype=torch.uint8))
    np.testing.assert_allclose(grey, np.full((1, 32 * 32), 7), rtol=1e-6)
