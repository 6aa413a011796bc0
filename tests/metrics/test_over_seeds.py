"""Ways compared over seeds: by hand on small tables, and how often chance is called a finding."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit

from striate.errors import ShapeError
from striate.metrics.intervals import wilson
from striate.metrics.over_seeds import (
    ONE_SEED,
    OVER_BOTH,
    accuracy_over_seeds,
    compare_over_seeds,
    corrected,
)


def rows(*texts: str) -> np.ndarray:
    """`rows("110", "101")`: two seeds, three images."""
    return np.array([[letter == "1" for letter in text] for text in texts])


def test_the_test_is_the_sum_of_three_variances() -> None:
    a = rows("1100110010", "1000110000", "1100100010")
    b = rows("1111110011", "1110110111", "1111111011")
    found = compare_over_seeds(a, b)
    per_image = b.mean(axis=0) - a.mean(axis=0)
    parts = [per_image.var(ddof=1) / 10, a.mean(axis=1).var(ddof=1) / 3,
             b.mean(axis=1).var(ddof=1) / 3]  # fmt: skip
    error = sum(parts) ** 0.5
    freedom = sum(parts) ** 2 / (parts[0] ** 2 / 9 + parts[1] ** 2 / 2 + parts[2] ** 2 / 2)
    difference = b.mean() - a.mean()
    assert found.difference.value == pytest.approx(difference)
    assert found.p == pytest.approx(2 * stats.t.sf(difference / error, freedom))
    arm = stats.t.ppf(0.975, freedom) * error
    assert found.difference.low == pytest.approx(difference - arm)
    assert found.difference.high == pytest.approx(difference + arm)
    assert (found.test, found.difference.n) == (OVER_BOTH, 10)


def test_the_other_way_round_says_the_opposite() -> None:
    a, b = rows("11001100", "10001100"), rows("11111100", "11101101")
    one, other = compare_over_seeds(a, b), compare_over_seeds(b, a)
    assert one.p == other.p
    turned = one.reversed()
    assert (turned.a, turned.b) == (other.a, other.b)
    assert turned.difference.value == pytest.approx(other.difference.value)
    assert turned.difference.low == pytest.approx(other.difference.low)
    assert turned.difference.high == pytest.approx(other.difference.high)


def test_one_seed_is_mcnemars_test() -> None:
    a, b = rows("1111100000"), rows("1111011111")
    found = compare_over_seeds(a, b)
    assert found.test == ONE_SEED
    assert found.p == pytest.approx(stats.binomtest(1, 6).pvalue)
    assert found.difference.value == pytest.approx(0.4)


def test_equal_answers_are_no_finding_and_contrary_ones_are() -> None:
    same = rows("1100", "1100")
    found = compare_over_seeds(same, same)
    assert (found.p, found.difference.low, found.difference.high) == (1.0, 0.0, 0.0)
    assert not found.shown
    opposite = compare_over_seeds(np.zeros((3, 50)), np.ones((3, 50)))
    assert opposite.shown


def test_sentences_claim_no_more_than_was_shown() -> None:
    a, b = rows("1100110010", "1000110000"), rows("1100110011", "1000110000")
    said = compare_over_seeds(a, b).sentence(("A", "B"))
    assert said.startswith("B is not shown to be better than A: 45.0 % against 40.0 %")
    shown = compare_over_seeds(np.zeros((3, 50)), np.ones((3, 50))).sentence(("A", "B"))
    assert shown.startswith("B is better than A: 100 % against 0 % on the same 50 images")


def test_seeds_that_lie_apart_make_a_finding_less_sure() -> None:
    images = np.arange(200)
    a = np.stack([images % 10 < 5] * 3)
    alike = np.stack([images % 10 < 6] * 3)
    apart = np.stack([images % 10 < 3, images % 10 < 6, images % 10 < 9])
    assert alike.mean() == pytest.approx(apart.mean())
    sure, unsure = compare_over_seeds(a, alike), compare_over_seeds(a, apart)
    assert sure.shown
    assert not unsure.shown


@pytest.mark.parametrize("spread", [0.0, 0.6])
def test_chance_is_rarely_called_a_finding(spread: float) -> None:
    """Two ways of one worth, on hard and easy images, with seeds that differ: below 7 in 100."""
    draw = np.random.default_rng(0)
    tries, false = 300, 0
    for _ in range(tries):
        hard = draw.normal(2, 2.5, 100)

        def way(hard: np.ndarray = hard) -> np.ndarray:
            own = hard + draw.normal(0, 1, 100) + spread * draw.normal(size=(3, 1))
            return draw.random((3, 100)) < expit(own)

        false += compare_over_seeds(way(), way()).p < 0.05
    assert false / tries < 0.07


def test_the_mean_of_alike_seeds_has_wilsons_interval_and_others_a_wider_one() -> None:
    row = np.arange(100) < 90
    assert accuracy_over_seeds([row]) == wilson(90, 100)
    same = accuracy_over_seeds([row, row, row])
    assert (same.low, same.high) == (wilson(90, 100).low, wilson(90, 100).high)
    apart = accuracy_over_seeds([np.arange(100) < 80, row, np.ones(100)])
    assert apart.value == pytest.approx(0.9)
    assert apart.low < same.low
    perfect = accuracy_over_seeds(np.ones((3, 100)))
    assert (perfect.value, perfect.low) == (1.0, wilson(100, 100).low)


def test_correction_by_hand() -> None:
    assert corrected([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert corrected([0.9, 0.8]) == [1.0, 1.0]
    assert corrected([]) == []


def test_tables_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ShapeError, match="10 a and 9 b"):
        compare_over_seeds(np.ones((2, 10)), np.ones((2, 9)))
    with pytest.raises(ShapeError, match=r"\[seeds, images\], got \[10\]"):
        accuracy_over_seeds(np.ones(10))
