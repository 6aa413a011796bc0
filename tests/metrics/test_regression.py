"""Scores of numbers equal scikit-learn's and SciPy's, on the whole and on every resample."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn import metrics as peer

from striate.metrics.intervals import bootstrap
from striate.metrics.regression import WeightedRanks, correlation, regression


def theirs(predictions, targets) -> list[float]:
    constant = np.ptp(targets) == 0 or np.ptp(predictions) == 0
    return [
        peer.mean_absolute_error(targets, predictions),
        peer.root_mean_squared_error(targets, predictions),
        peer.r2_score(targets, predictions) if np.ptp(targets) else None,
        None if constant else spearmanr(predictions, targets).statistic,
    ]


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 40), st.booleans(), st.sampled_from([0, 1e4]))
def test_all_scores_are_scikit_learns(seed: int, n: int, ties: bool, offset: float) -> None:
    rng = np.random.default_rng(seed)
    targets = offset + rng.normal(size=n)
    predictions = targets + rng.normal(size=n)
    if ties:
        targets, predictions = targets.round(), predictions.round()
    found = regression(predictions, targets, resamples=5)
    expected = theirs(predictions, targets)
    for estimate, value in zip(found.values(), expected, strict=True):
        assert estimate.value == (None if value is None else pytest.approx(value, abs=1e-8))


def test_one_target_or_equal_targets_have_no_r2() -> None:
    found = regression(np.array([1.0]), np.array([2.0]), resamples=5)
    assert found["mean_absolute_error"].value == 1
    assert found["r2"].value is found["spearman"].value is None
    assert regression(np.array([1.0, 2, 3]), np.full(3, 0.1), resamples=5)["r2"].value is None


def test_weighted_ranks_are_ranks_of_the_drawn_images() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 6, 30).astype(float), rng.normal(size=30)
    weights = bootstrap(lambda w: w.astype(float), 30, resamples=20)
    ours = correlation(
        WeightedRanks(x)(weights.astype(np.float32)),
        WeightedRanks(y)(weights.astype(np.float32)),
        weights,
    )
    for w, value in zip(weights, ours, strict=True):
        rows = np.repeat(np.arange(30), w.astype(int))
        assert value == pytest.approx(spearmanr(x[rows], y[rows]).statistic, abs=1e-8)


def test_intervals_hold_the_value_and_narrow_with_n() -> None:
    rng = np.random.default_rng(0)
    widths = []
    for n in (50, 5000):
        targets = rng.normal(size=n)
        for estimate in (found := regression(targets + rng.normal(size=n), targets)).values():
            assert estimate.low <= estimate.value <= estimate.high
        widths.append(found["spearman"].high - found["spearman"].low)
    assert widths[1] < widths[0] / 5
