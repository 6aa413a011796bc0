"""The arithmetic behind the tables."""

import doctest

import pytest
from scipy.stats import binomtest

from benchmarks import medians


def test_the_examples_hold():
    assert doctest.testmod(medians).failed == 0


def test_a_ratio_is_of_pairs_so_that_a_slow_round_cancels():
    found = medians.ratio([1.0, 10.0, 1.0], [2.0, 20.0, 2.0])
    assert found == medians.Spread(0.5, 0.5, 0.5)


def test_a_ratio_wants_as_many_of_either():
    with pytest.raises(ValueError, match="shorter"):
        medians.ratio([1.0, 2.0], [1.0])


@pytest.mark.parametrize(("right", "images"), [(96, 100), (100, 100), (0, 10), (9_931, 10_000)])
def test_the_interval_is_wilsons(right, images):
    theirs = binomtest(right, images).proportion_ci(0.95, method="wilson")
    ours = medians.interval(right / images, images)
    assert ours == pytest.approx((theirs.low, theirs.high), abs=1e-6)


@pytest.mark.parametrize(
    ("ratio", "said"),
    [(0.979, "ahead"), (0.981, "a tie"), (1.0199, "a tie"), (1.021, "behind")],
)
def test_two_percent_are_a_tie(ratio, said):
    assert medians.compared(ratio) == said
