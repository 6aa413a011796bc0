"""Paired tests: closed answers, coverage, and sentences that claim what was shown."""

import numpy as np
import pytest
from scipy.stats import binomtest

from striate.errors import ShapeError, UsageError
from striate.metrics import paired
from striate.metrics.compare import bootstrap_p, mcnemar, newcombe


def one_hot(right: np.ndarray) -> np.ndarray:
    """Answers of two classes to images that are all of class 0."""
    return np.stack([right, 1 - right], axis=1).astype(float)


def answers(both: int, only_a: int, only_b: int, neither: int):
    a = np.repeat([1, 1, 0, 0], [both, only_a, only_b, neither])
    b = np.repeat([1, 0, 1, 0], [both, only_a, only_b, neither])
    return one_hot(a), one_hot(b), np.zeros(len(a), dtype=int)


def test_mcnemar_is_the_binomial_test() -> None:
    assert mcnemar(0, 0) == 1
    assert mcnemar(0, 5) == pytest.approx(2 / 2**5)
    assert mcnemar(3, 12) == pytest.approx(binomtest(3, 15).pvalue)


@pytest.mark.parametrize("agreement", [0.0, 0.8])
@pytest.mark.parametrize(("p_a", "p_b"), [(0.9, 0.9), (0.8, 0.9), (0.97, 0.99)])
def test_newcombes_interval_covers_the_true_difference(p_a, p_b, agreement) -> None:
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(1000):
        shared = rng.random(300)
        own = np.where(rng.random(300) < agreement, shared, rng.random(300))
        a, b = shared < p_a, own < p_b
        low, high = newcombe(int((a & b).sum()), int((a & ~b).sum()), int((b & ~a).sum()), 300)
        covered.append(low <= p_b - p_a <= high)
    assert 0.925 < np.mean(covered) < 0.99


def test_newcombes_interval_is_the_published_one() -> None:
    """The paper's example of 36, 12, 2 and 0 pairs; then a positive correlation, by the formula."""
    assert newcombe(36, 2, 12, 50) == pytest.approx((0.0569, 0.3404), abs=5e-5)
    in_a, in_b = (binomtest(k, 60).proportion_ci(method="wilson") for k in (43, 49))
    phi = (40 * 8 - 3 * 9 - 60 / 2) / (43 * 17 * 49 * 11) ** 0.5
    down_b, up_a, up_b, down_a = (
        49 / 60 - in_b.low, in_a.high - 43 / 60, in_b.high - 49 / 60, 43 / 60 - in_a.low,
    )  # fmt: skip
    below = (down_b**2 - 2 * phi * down_b * up_a + up_a**2) ** 0.5
    above = (up_b**2 - 2 * phi * up_b * down_a + down_a**2) ** 0.5
    assert newcombe(40, 3, 9, 60) == pytest.approx((0.1 - below, 0.1 + above), abs=1e-12)


def test_newcombes_interval_is_antisymmetric_and_exists_at_the_edges() -> None:
    low, high = newcombe(40, 3, 9, 60)
    assert newcombe(40, 9, 3, 60) == pytest.approx((-high, -low))
    low, high = newcombe(50, 0, 0, 50)
    assert -0.08 < low < 0 < high < 0.08


def test_no_difference_shown() -> None:
    a, b, targets = answers(both=950, only_a=18, only_b=21, neither=11)
    found = paired("single_label", a, b, targets)
    assert found["better"] is None
    assert found["difference"]["value"] == pytest.approx(0.003)
    assert found["sentence"].startswith(
        "B is not shown to be better than A: 97.1 % against 96.8 % on the same 1,000 images, "
        "difference +0.3 points (−"
    )
    assert found["sentence"].endswith(" McNemar p = 0.75.")
    assert "three seeds" in found["caveat"]


def test_a_difference_shown_both_ways() -> None:
    a, b, targets = answers(both=900, only_a=5, only_b=60, neither=35)
    found = paired("single_label", a, b, targets, names=("small", "large"))
    assert found["better"] == "large"
    assert found["sentence"].startswith("large is better than small: 96.0 % against 90.5 %")
    assert found["sentence"].endswith("McNemar p < 0.0001.")
    turned = paired("single_label", b, a, targets, names=("large", "small"))
    assert turned["better"] == "large"
    assert turned["sentence"].startswith("small is worse than large: ")


def test_equal_answers() -> None:
    a, _, targets = answers(30, 10, 0, 0)
    found = paired("single_label", a, a, targets)
    assert found["sentence"].startswith("B is neither better nor worse than A here: ")
    assert (found["p"], found["better"]) == (1, None)


def test_several_labels_by_paired_bootstrap() -> None:
    rng = np.random.default_rng(0)
    targets = rng.random((300, 3)) < 0.3
    weak = (0.3 * targets + rng.random((300, 3))) / 1.3
    strong = (0.9 * targets + rng.random((300, 3))) / 1.9
    found = paired("multi_label", weak, strong, targets)
    assert found["metric"] == "mean_average_precision"
    assert found["better"] == "B"
    assert found["difference"]["low"] > 0
    assert "paired bootstrap p = 0.002" in found["sentence"]


def test_regression_by_paired_bootstrap_lower_is_better() -> None:
    rng = np.random.default_rng(0)
    targets = rng.normal(size=400)
    near, far = targets + 0.1 * rng.normal(size=400), targets + rng.normal(size=400)
    found = paired("regression", far, near, targets)
    assert found["better"] == "B"
    assert found["difference"]["high"] < 0
    assert found["sentence"].startswith("B is better than A: mean absolute error 0.0")
    assert paired("regression", near, far, targets)["sentence"].startswith("B is worse than A")


def test_the_bootstrap_p_value_is_fair_under_no_difference() -> None:
    rng = np.random.default_rng(0)
    small = 0
    for seed in range(300):
        targets = rng.normal(size=80)
        a, b = targets + rng.normal(size=80), targets + rng.normal(size=80)
        small += paired("regression", a, b, targets, seed=seed, resamples=200)["p"] < 0.1
    assert 0.06 < small / 300 < 0.16
    assert bootstrap_p(np.zeros(9)) == 1
    assert bootstrap_p(np.ones(999)) == 0.002


def test_refusals() -> None:
    a, b, targets = answers(3, 1, 1, 1)
    with pytest.raises(ShapeError, match="6 a and 5 b and 6 targets") as caught:
        paired("single_label", a, b[:5], targets)
    assert caught.value.code == "metrics-length"
    with pytest.raises(UsageError, match="got 'detection'") as unknown:
        paired("detection", a, b, targets)
    assert unknown.value.code == "metrics-task"
