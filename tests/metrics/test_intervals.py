"""Intervals: closed answers, parity with SciPy, and the coverage they promise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from striate.metrics.intervals import (
    UNDEFINED,
    affordable,
    bootstrap,
    estimate,
    percentiles,
    perfect_low,
    wilson,
)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_is_scipys(case: tuple[int, int]) -> None:
    hits, n = case
    theirs = binomtest(hits, n).proportion_ci(method="wilson")
    ours = wilson(hits, n)
    assert (ours.value, ours.n) == (hits / n, n)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_wilson_of_ten_right_out_of_ten() -> None:
    """low = n / (n + z²) with z² = 3.8415 at 95 %."""
    assert wilson(10, 10).low == pytest.approx(10 / 13.8414588, abs=1e-8)
    assert wilson(10, 10).high == 1.0
    assert wilson(0, 0) == UNDEFINED


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9, 0.97])
def test_wilson_covers_the_truth_about_as_often_as_it_says(p: float) -> None:
    n = 270
    hits = np.arange(n + 1)
    covered = [(e := wilson(int(h), n)).low <= p <= e.high for h in hits]
    assert 0.93 < binom.pmf(hits, n, p)[covered].sum() < 0.97


def test_bootstrap_draws_n_images_each_time_and_repeats_by_seed() -> None:
    weights = bootstrap(lambda w: w.astype(float), 7, resamples=50, seed=3)
    assert weights.shape == (50, 7)
    assert set(weights.sum(axis=1)) == {7.0}
    np.testing.assert_array_equal(
        weights, bootstrap(lambda w: w.astype(float), 7, resamples=50, seed=3)
    )
    assert (weights != bootstrap(lambda w: w.astype(float), 7, resamples=50, seed=4)).any()
    assert weights.mean() == 1
    assert weights.var() == pytest.approx(6 / 7, abs=0.15)  # binomial(7, 1/7)


def test_blocks_do_not_change_the_draws(monkeypatch) -> None:
    whole = bootstrap(lambda w: w.astype(float), 9, resamples=20)
    monkeypatch.setattr("striate.metrics.intervals.BLOCK", 27)
    np.testing.assert_array_equal(bootstrap(lambda w: w.astype(float), 9, resamples=20), whole)


def test_the_bootstrap_of_a_mean_has_the_textbook_width() -> None:
    values = np.random.default_rng(0).normal(size=400)
    draws = bootstrap(lambda w: w @ values / 400, 400, resamples=4000)
    low, high = percentiles(draws)
    assert (high - low) / 2 == pytest.approx(1.96 * values.std() / 20, rel=0.05)


def test_undefined_draws_are_left_out_and_undefined_values_are_none() -> None:
    assert percentiles(np.array([np.nan, 1.0, np.nan])) == (1.0, 1.0)
    assert percentiles(np.array([np.nan])) is None
    assert estimate(float("nan"), np.ones(3), 5).to_json() == {
        "value": None, "low": None, "high": None, "n": 5,
    }  # fmt: skip
    unsure = estimate(0.5, np.full(3, np.nan), 5)
    assert (unsure.value, unsure.low, unsure.high) == (0.5, None, None)


def test_a_perfect_score_still_has_an_interval() -> None:
    perfect = estimate(1.0, np.ones(100), 10, [10])
    assert perfect.low == pytest.approx(wilson(10, 10).low)
    both = 1 - wilson(10, 10).low, 1 - wilson(40, 40).low
    assert perfect_low(np.array([10, 0, 40])) == pytest.approx(1 - np.hypot(*both) / 2)
    assert estimate(0.9, np.full(100, 0.9), 10, [10]).low == 0.9  # not perfect: the draws speak


def test_resamples_are_fewer_only_where_they_would_take_minutes() -> None:
    assert affordable(1000, 10_000, 10) == 1000
    assert affordable(1000, 50_000, 100) == 200
    assert affordable(1000, 50_000, 1000) == 100
    assert affordable(50, 50_000, 1000) == 50
