"""Counter-based random numbers: reproducible, independent, evenly spread."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from striate.data.draws import Draws, repeats_of, shuffled, weighted

MANY = np.arange(100_000)


def test_a_samples_numbers_are_its_own() -> None:
    together = Draws(3, 5, MANY[:100]).bits("flip")
    for i in (0, 17, 99):
        assert Draws(3, 5, np.array([i])).bits("flip")[0] == together[i]
    assert np.array_equal(Draws(3, 5, MANY[:100])[10:20].bits("flip"), together[10:20])


def test_every_part_of_the_key_matters() -> None:
    record = np.array([7])
    one = np.array([1])
    keys = [
        Draws(0, 0, record).bits("a"),
        Draws(1, 0, record).bits("a"),
        Draws(0, 1, record).bits("a"),
        Draws(0, 0, record + 1).bits("a"),
        Draws(0, 0, record).bits("b"),
        Draws(0, 0, record, one).bits("a"),
        Draws(-1, 0, record).bits("a"),
    ]
    assert len({int(bits[0]) for bits in keys}) == len(keys)


def test_the_first_appearance_counts_as_no_repeat() -> None:
    record = np.array([7])
    assert Draws(0, 0, record).bits("a") == Draws(0, 0, record, np.array([0])).bits("a")


@pytest.mark.parametrize("seed", [0, 1, 2**63])
def test_uniform_numbers_are_uniform(seed: int) -> None:
    values = Draws(seed, 0, MANY).uniform("x")
    assert values.min() >= 0
    assert values.max() < 1
    assert stats.kstest(values, "uniform").pvalue > 0.001


def test_neighbours_are_uncorrelated() -> None:
    draws = Draws(0, 0, MANY)
    base = draws.uniform("x")
    others = [
        base[1:],
        draws.uniform("y"),
        Draws(1, 0, MANY).uniform("x"),
        Draws(0, 1, MANY).uniform("x"),
        Draws(0, 0, MANY, np.ones_like(MANY)).uniform("x"),
    ]
    for other in others:
        assert abs(np.corrcoef(base[: len(other)], other)[0, 1]) < 0.015  # 4.7 deviations


def test_every_bit_is_fair() -> None:
    bits = Draws(0, 0, MANY).bits("x")
    share = np.array([((bits >> np.uint64(k)) & np.uint64(1)).mean() for k in range(64)])
    assert np.abs(share - 0.5).max() < 0.008  # 5 deviations


def test_whole_numbers_reach_both_ends_evenly() -> None:
    counts = np.bincount(Draws(0, 0, MANY).whole("k", 2, 7))
    assert counts[:2].tolist() == [0, 0]
    assert len(counts) == 7
    assert stats.chisquare(counts[2:]).pvalue > 0.001


def test_chances() -> None:
    draws = Draws(0, 0, MANY)
    assert not draws.chance("c", 0).any()
    assert draws.chance("c", 1).all()
    assert draws.chance("c", 0.3).mean() == pytest.approx(0.3, abs=0.007)


def test_an_epochs_order_is_a_permutation_of_its_own() -> None:
    first, second = shuffled(1000, 0, 0), shuffled(1000, 0, 1)
    assert np.array_equal(np.sort(first), np.arange(1000))
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, shuffled(1000, 1, 0))
    assert np.array_equal(first, shuffled(1000, 0, 0))


def test_all_orders_of_three_are_equally_frequent() -> None:
    orders = [tuple(shuffled(3, seed, 0).tolist()) for seed in range(6000)]
    counts = [orders.count(order) for order in sorted(set(orders))]
    assert len(counts) == 6
    assert stats.chisquare(counts).pvalue > 0.001


def test_weights_are_the_proportions() -> None:
    weights = np.repeat([1.0, 0.0, 3.0], 20_000)
    drawn = weighted(weights, 0, 0)
    assert len(drawn) == 60_000
    shares = np.bincount(drawn // 20_000, minlength=3) / 60_000
    np.testing.assert_allclose(shares, [0.25, 0, 0.75], atol=0.01)


@given(st.lists(st.integers(0, 5)))
def test_repeats_count_what_came_before(records: list[int]) -> None:
    expected = [records[:i].count(record) for i, record in enumerate(records)]
    assert repeats_of(np.array(records, np.int64)).tolist() == expected
