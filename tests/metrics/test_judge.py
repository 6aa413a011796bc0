"""The whole judgement: its keys, its JSON, its refusals."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from striate.errors import DataError, ShapeError, UsageError
from striate.metrics import judge, verdict

SINGLE = {
    "accuracy", "balanced_accuracy", "macro_f1", "macro_auc", "negative_log_likelihood",
    "brier_score", "calibration_error", "calibration_error_uncalibrated",
}  # fmt: skip
MULTI = {
    "mean_average_precision", "macro_f1", "micro_f1", "macro_auc", "exact_match", "hamming_loss",
}  # fmt: skip
NUMBERS = {"mean_absolute_error", "root_mean_squared_error", "r2", "spearman"}
KEYS = {
    "metrics", "per_class", "confusion_matrix", "curves", "calibration", "intervals", "baseline",
    "notes",
}  # fmt: skip


def plain(value) -> bool:
    """Whether a value is made of JSON's own types alone (no NumPy scalars)."""
    if isinstance(value, dict):
        return all(type(k) is str and plain(v) for k, v in value.items())
    if isinstance(value, list):
        return all(map(plain, value))
    return value is None or type(value) in (str, int, float, bool)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 8), st.integers(1, 8))
def test_any_single_label_case_is_json_and_can_be_said(seed, n, k, shown) -> None:
    rng = np.random.default_rng(seed)
    p, targets = rng.dirichlet(np.full(k, 0.3), n), rng.integers(0, min(k, shown), n)
    classes = [f"class {i}" for i in range(k)]
    judged = judge("single_label", p, targets, classes, resamples=20)
    assert set(judged) == KEYS
    assert set(judged["metrics"]) == SINGLE | ({"top5_accuracy"} if k > 5 else set())
    assert plain(judged)
    json.dumps(judged, allow_nan=False)
    for estimate in judged["metrics"].values():
        if estimate["low"] is not None:
            assert estimate["low"] <= estimate["value"] <= estimate["high"]
            assert estimate["n"] == n
    assert sum(b["n"] for b in judged["calibration"]["after"]) == n
    assert verdict("single_label", judged).startswith("Right on ")
    assert "None" not in verdict("single_label", judged)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 20), st.integers(1, 5))
def test_any_multi_label_case_is_json_and_can_be_said(seed, n, k) -> None:
    rng = np.random.default_rng(seed)
    targets = (rng.random((n, k)) < rng.choice([0, 0.5, 1], k)).astype(np.float32)
    names = [str(i) for i in range(k)]
    judged = judge("multi_label", rng.random((n, k)), targets, names, resamples=20)
    assert set(judged) == KEYS
    assert set(judged["metrics"]) == MULTI
    assert plain(judged)
    json.dumps(judged, allow_nan=False)
    assert verdict("multi_label", judged).startswith("All labels right on ")


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 20), st.sampled_from([1.0, 0.0]))
def test_any_regression_is_json_and_can_be_said(seed, n, spread) -> None:
    rng = np.random.default_rng(seed)
    targets = 5 + spread * rng.normal(size=n)
    judged = judge("regression", rng.normal(size=(n, 1)), targets, ["age"], resamples=20)
    assert set(judged) == KEYS
    assert set(judged["metrics"]) == NUMBERS
    assert plain(judged)
    json.dumps(judged, allow_nan=False)
    assert verdict("regression", judged).startswith("Off by ")


def test_both_sides_of_the_temperature_are_judged() -> None:
    rng = np.random.default_rng(0)
    honest = rng.dirichlet(np.full(3, 0.7), 2000)
    targets = (honest.cumsum(axis=1) > rng.random(2000)[:, None]).argmax(axis=1)
    sharp = honest**3 / (honest**3).sum(axis=1, keepdims=True)
    judged = judge(
        "single_label", honest, targets, "abc", uncalibrated=sharp, temperature=3.0, resamples=200
    )
    after, before = (judged["metrics"][f"calibration_error{key}"] for key in ("", "_uncalibrated"))
    assert after["low"] == 0
    assert before["low"] > 0.1
    assert judged["calibration"]["temperature"] == 3.0
    assert judged["calibration"]["before"] != judged["calibration"]["after"]


def test_the_same_seed_gives_the_same_report() -> None:
    rng = np.random.default_rng(0)
    p, targets = rng.dirichlet(np.ones(4), 50), rng.integers(0, 4, 50)
    first, again, other = (
        judge("single_label", p, targets, "abcd", resamples=100, seed=s) for s in (1, 1, 2)
    )
    assert first == again
    assert first["metrics"]["macro_f1"] != other["metrics"]["macro_f1"]
    assert first["intervals"] == {
        "confidence": 0.95, "seed": 1, "resamples": 100, "rank_resamples": 100,
    }  # fmt: skip


def test_thresholds_decide_the_labels() -> None:
    p, targets = np.array([[0.3, 0.3]] * 4), np.array([[1, 1]] * 4)
    judged = judge("multi_label", p, targets, "ab", thresholds=[0.2, 0.5], resamples=20)
    assert [row["recall"]["value"] for row in judged["per_class"]] == [1, 0]


HALVES = np.full((4, 2), 0.5)


@pytest.mark.parametrize(
    ("task", "outputs", "targets", "error", "code", "message"),
    [
        ("single_label", np.ones((4, 3)) / 3, np.zeros(4, int), ShapeError, "metrics-shape",
         r"\[images, 2\], one column per class, got \[4, 3\]"),
        ("single_label", HALVES, np.zeros(3, int), ShapeError, "metrics-length",
         "got 4 outputs and 4 uncalibrated and 3 targets"),
        ("single_label", HALVES[:0], np.zeros(0, int), ShapeError, "metrics-length", "0 outputs"),
        ("single_label", HALVES * 3, np.zeros(4, int), UsageError, "metrics-not-probabilities",
         "got values from 1.5 to 1.5"),
        ("single_label", HALVES / 2, np.zeros(4, int), UsageError, "metrics-not-probabilities",
         "a row whose sum is off by 0.5"),
        ("single_label", HALVES * np.nan, np.zeros(4, int), DataError, "metrics-not-finite",
         "for 4 of 4 images, the first at position 0"),
        ("single_label", HALVES, np.full(4, 2), DataError, "metrics-unknown-class",
         "targets must be 0 to 1, got 2 to 2"),
        ("single_label", HALVES, np.zeros(4), ShapeError, "metrics-labels", r"float64 \[4\]"),
        ("multi_label", HALVES, np.full((4, 2), 2), ShapeError, "metrics-labels", "0 or 1"),
        ("regression", HALVES, np.zeros(4), ShapeError, "metrics-shape", r"got \[4, 2\]"),
        ("segmentation", HALVES, np.zeros(4), UsageError, "metrics-task", "got 'segmentation'"),
    ],
)  # fmt: skip
def test_refusals(task, outputs, targets, error, code, message) -> None:
    with pytest.raises(error, match=message) as caught:
        judge(task, outputs, targets, ("a", "b"))
    assert caught.value.code == code
