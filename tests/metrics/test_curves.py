"""Areas under weights equal scikit-learn's with sample weights; curves keep their shape."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as peer

from striate.metrics.curves import RankedClasses, Ranking, thinned


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.sampled_from([2, 5, 1000]))
def test_weighted_areas_are_scikit_learns(seed: int, n: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    scores, positive = rng.integers(0, levels, n) / levels, rng.random(n) < 0.4
    weights = rng.integers(0, 4, (3, n)).astype(np.float32)
    ranking = Ranking(scores, positive)
    aucs, precisions = ranking.auc(weights), ranking.average_precision(weights)
    for w, auc, precision in zip(weights, aucs, precisions, strict=True):
        if w[positive].sum() and w[~positive].sum():
            theirs = peer.roc_auc_score(positive, scores, sample_weight=w)
            assert auc == pytest.approx(theirs, abs=1e-8)
        else:
            assert np.isnan(auc)
        if w[positive].sum():
            rows = np.repeat(np.arange(n), w.astype(int))
            theirs = peer.average_precision_score(positive[rows], scores[rows])
            assert precision == pytest.approx(theirs, abs=1e-6)  # float32 ratios
        else:
            assert np.isnan(precision)


def test_curves_are_scikit_learns_and_absent_classes_have_none() -> None:
    rng = np.random.default_rng(0)
    scores, labels = rng.random((60, 3)), rng.integers(0, 2, 60)  # class 2 is absent
    found = RankedClasses(scores, labels[:, None] == np.arange(3)).curves(("a", "b", "c"))
    assert list(found["roc"]) == list(found["precision_recall"]) == ["a", "b"]
    x, y, _ = peer.roc_curve(labels == 0, scores[:, 0])
    np.testing.assert_allclose(found["roc"]["a"]["x"], x, atol=1e-6)
    np.testing.assert_allclose(found["roc"]["a"]["y"], y, atol=1e-6)
    assert found["roc"]["a"]["auc"] == pytest.approx(peer.auc(x, y), abs=1e-8)
    recall = found["precision_recall"]["b"]["x"]
    assert (recall[0], recall[-1]) == (0, 1)
    area = peer.average_precision_score(labels == 1, scores[:, 1])
    assert found["precision_recall"]["b"]["average_precision"] == pytest.approx(area, abs=1e-8)


@pytest.mark.parametrize("power", [1, 0.02, 30])
def test_a_thinned_curve_keeps_its_ends_and_its_area(power: float) -> None:
    x = np.linspace(0, 1, 5000)
    y = x**power
    few = thinned(x, y, 200)
    assert len(few["x"]) <= 200
    assert (few["x"][0], few["y"][0], few["x"][-1], few["y"][-1]) == (0, 0, 1, 1)
    assert np.trapezoid(few["y"], few["x"]) == pytest.approx(np.trapezoid(y, x), abs=0.01)


def test_many_classes_share_the_points() -> None:
    rng = np.random.default_rng(0)
    scores, labels = rng.random((3000, 400)), rng.integers(0, 400, 3000)
    found = RankedClasses(scores, labels[:, None] == np.arange(400))
    curves = found.curves(tuple(map(str, range(400))))["precision_recall"]
    assert max(len(curve["x"]) for curve in curves.values()) <= 50
