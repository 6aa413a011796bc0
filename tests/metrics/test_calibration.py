"""Calibration against simulated models whose true calibration is known."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.calibration import calibration_curve

from striate.errors import DataError, ShapeError
from striate.metrics import (
    fit_temperature,
    label_probabilities,
    probabilities,
    temperature_note,
    wilson,
)
from striate.metrics.calibration import (
    BinnedCalibration,
    calibration_error,
    chart_bins,
    negative_log_likelihood,
)


def simulated(n: int, seed: int, gap: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Confidences, and answers right with probability confidence − gap."""
    rng = np.random.default_rng(seed)
    sure = rng.uniform(0.4 + gap, 1, n)
    return sure, rng.random(n) < sure - gap


def test_the_debiased_error_is_its_formula() -> None:
    sure, right = simulated(300, 0, gap=0.1)
    order, total = np.argsort(sure), 0.0
    for rows in np.array_split(order, 15):  # bins of equal mass
        n, p, y = len(rows), sure[rows].mean(), right[rows].mean()
        total += n / 300 * ((p - y) ** 2 - y * (1 - y) / (n - 1))
    bins = BinnedCalibration(sure, right)
    assert bins.count.tolist() == [20] * 15
    assert bins.squared_error(bins.accuracy) == pytest.approx(total, abs=1e-12)


@pytest.mark.parametrize(("gap", "tolerance"), [(0.0, 1.5e-4), (0.1, 3e-4)])
def test_the_squared_error_has_no_bias_where_the_plain_one_has(
    gap: float, tolerance: float
) -> None:
    debiased, plain = [], []
    for seed in range(400):
        bins = BinnedCalibration(*simulated(500, seed, gap))
        debiased.append(bins.squared_error(bins.accuracy))
        plain.append(bins.share @ (bins.accuracy - bins.confidence) ** 2)
    assert np.mean(debiased) == pytest.approx(gap**2, abs=tolerance)
    assert np.mean(plain) > gap**2 + 10 * tolerance


@pytest.mark.slow
@pytest.mark.parametrize(("gap", "n"), [(0.0, 300), (0.0, 3000), (0.03, 1000), (0.1, 1000)])
def test_the_interval_covers_the_truth_as_often_as_it_says(gap: float, n: int) -> None:
    covered = []
    for seed in range(400):
        estimate = calibration_error(*simulated(n, seed, gap), resamples=400, seed=seed)
        covered.append(estimate.low <= gap + 1e-9 and estimate.high >= gap - 1e-9)
    assert 0.925 <= np.mean(covered) <= 0.98


def test_a_calibrated_model_is_found_calibrated_and_another_is_not() -> None:
    good = calibration_error(*simulated(5000, 1))
    assert good.low == 0
    assert good.value < 0.02
    bad = calibration_error(*simulated(5000, 1, gap=0.15))
    assert bad.low > 0.12
    assert bad.low < bad.value == pytest.approx(0.15, abs=0.02)
    assert bad.value < bad.high < 0.18


@pytest.mark.parametrize(
    ("sure", "right"),
    [
        (np.ones(30), np.ones(30, dtype=bool)),
        (np.ones(30), np.zeros(30, dtype=bool)),
        (np.array([0.7]), np.array([True])),
        (np.full(50, 0.5), np.arange(50) % 2 == 0),
    ],
    ids=["all right", "all wrong", "one image", "all ties"],
)
def test_extremes_have_finite_errors(sure, right) -> None:
    found = calibration_error(sure, right)
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.value == pytest.approx(abs(sure.mean() - right.mean()), abs=0.31)


def test_chart_bins_are_scikit_learns_with_wilson_intervals() -> None:
    sure, right = simulated(400, 3)
    accuracy, confidence = calibration_curve(right, sure, n_bins=10)
    rows = chart_bins(sure, right)
    np.testing.assert_allclose([row["accuracy"] for row in rows], accuracy, atol=1e-8)
    np.testing.assert_allclose([row["confidence"] for row in rows], confidence, atol=1e-8)
    assert sum(row["n"] for row in rows) == 400
    for row in rows:
        share = wilson(round(row["accuracy"] * row["n"]), row["n"])
        assert (row["low"], row["high"]) == (share.low, share.high)
    assert chart_bins(np.ones(2), np.ones(2, dtype=bool))[0]["confidence"] == 1


def drawn(n: int, k: int, seed: int, sharpness: float) -> tuple[np.ndarray, np.ndarray]:
    """Logits `sharpness` times too large for labels drawn from the honest probabilities."""
    rng = np.random.default_rng(seed)
    logits = 2 * rng.normal(size=(n, k))
    labels = (probabilities(logits).cumsum(axis=1) > rng.random(n)[:, None]).argmax(axis=1)
    return sharpness * logits, labels


@pytest.mark.parametrize("sharpness", [0.3, 1.0, 4.0])
def test_a_known_temperature_is_found(sharpness: float) -> None:
    logits, labels = drawn(20_000, 5, 0, sharpness)
    found = fit_temperature(logits, labels)
    assert found == pytest.approx(sharpness, rel=0.03)

    def nll(log_t) -> float:
        return negative_log_likelihood(logits, labels, math.exp(log_t[0])) / len(labels)

    best = minimize(nll, [0.0], method="L-BFGS-B")
    assert found == pytest.approx(math.exp(best.x[0]), rel=1e-3)


@settings(max_examples=150, deadline=None)
@given(
    st.integers(1, 30),
    st.integers(2, 5),
    st.integers(0, 2**32 - 1),
    st.sampled_from([1e-3, 1.0, 30.0, 1e4]),
    st.sampled_from(["random", "all right", "all wrong", "one class"]),
)
def test_validation_never_gets_worse(n, k, seed, size, labels_are) -> None:
    rng = np.random.default_rng(seed)
    logits = size * rng.normal(size=(n, k))
    labels = {
        "random": rng.integers(0, k, n),
        "all right": logits.argmax(axis=1),
        "all wrong": logits.argmin(axis=1),
        "one class": np.zeros(n, dtype=int),
    }[labels_are]
    found = fit_temperature(logits.astype(np.float32), labels)
    assert 0.049 < found < 20.1
    logits = logits.astype(np.float32).astype(np.float64)
    after, before = (negative_log_likelihood(logits, labels, t) for t in (found, 1.0))
    assert after <= before * (1 + 1e-12)


def test_few_images_all_right_stay_near_one_and_many_may_leave_it() -> None:
    logits = np.tile([2.0, 0.0], (1000, 1))
    few, many = (fit_temperature(logits[:n], np.zeros(n, dtype=int)) for n in (3, 1000))
    assert 0.15 < many < few < 1
    assert fit_temperature(np.empty((0, 2)), np.empty(0, dtype=int)) == 1.0


def test_several_labels_have_a_temperature_too() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(5000, 4))
    targets = rng.random((5000, 4)) < label_probabilities(logits)
    assert fit_temperature(3 * logits, targets) == pytest.approx(3, rel=0.05)


def test_the_note_says_when_the_temperature_rests_on_little() -> None:
    assert temperature_note(1.3, 500) == ""
    assert "only 12 validation images" in temperature_note(1.3, 12)
    assert "No validation images" in temperature_note(1.0, 0)
    assert "at its limit, 20.09" in temperature_note(math.exp(3), 500)


def test_refusals() -> None:
    with pytest.raises(ShapeError, match=r"2 logits and 3 targets") as caught:
        fit_temperature(np.ones((2, 2)), np.zeros(3, dtype=int))
    assert caught.value.code == "metrics-length"
    with pytest.raises(DataError, match=r"1 of 2 images, the first at position 1") as broken:
        fit_temperature(np.array([[0.0, 1], [np.nan, 0]]), np.zeros(2, dtype=int))
    assert broken.value.code == "metrics-not-finite"
    with pytest.raises(ShapeError, match=r"\[images, classes\], got \[3\]"):
        fit_temperature(np.ones(3), np.zeros(3, dtype=int))
