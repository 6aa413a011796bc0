"""Neighbours, against distances written out."""

import numpy as np
import pytest
import torch

from striate.errors import ShapeError
from striate.explain import nearest


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
