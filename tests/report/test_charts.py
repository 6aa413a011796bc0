"""Scales, ticks and marks."""

import re
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from report.reports import Page
from striate.report.charts import Line, reliability, ruler, ruler_scale, series
from striate.report.plot import Plot, Scale, round_step, spread, widened
from striate.report.words import number

numbers = st.floats(-1e6, 1e6, allow_nan=False)


def test_a_scale_is_straight_and_stops_at_its_ends() -> None:
    scale = Scale(0, 10, 100, 200)
    assert [scale(v) for v in (0, 5, 10, 11, -1)] == [100, 150, 200, 200, 100]


@given(numbers, numbers)
def test_ticks_are_round_few_and_inside(one: float, other: float) -> None:
    low, high = sorted((one, other))
    if high - low < 1e-6 * max(abs(low), abs(high), 1):
        return
    ticks = Scale(low, high, 0, 1).ticks()
    slack = 1e-6 * (high - low)
    assert 1 <= len(ticks) <= 6
    assert all(low - slack <= tick <= high + slack for tick in ticks)


@given(st.lists(numbers, min_size=1, max_size=20))
def test_a_widened_axis_holds_all_values(values: list[float]) -> None:
    low, high = widened(values)
    slack = 1e-6 * (1 + max(map(abs, values)))
    assert low <= min(values) + slack
    assert high >= max(values) - slack
    assert high > low


@given(st.floats(1e-9, 1e9))
def test_a_round_step_is_at_least_what_was_asked_and_below_three_times_it(rough: float) -> None:
    assert rough * (1 - 1e-6) <= round_step(rough) <= 2.5 * rough


@given(st.lists(st.floats(0, 100), min_size=1, max_size=4))
def test_labels_are_kept_apart(places: list[float]) -> None:
    moved = sorted(spread(places, gap=10, most=100))
    assert moved[-1] <= 100
    assert all(b - a >= 10 - 1e-9 for a, b in pairwise(moved))


def test_path_data_merges_what_falls_on_one_pixel() -> None:
    plot = Plot.of((0, 1), (0, 1), size=(110, 110), margins=(5, 5, 5, 5))
    assert plot.path([0, 0.0001, 1], [0, 0.0001, 1]) == "M5.0 105.0L105.0 5.0"


def test_a_ruler_draws_the_interval_to_scale() -> None:
    estimate = {"value": 0.9, "low": 0.8, "high": 0.95, "n": 50}
    drawn = ruler(estimate, Scale(0.5, 1.0, 0, 100), "said", number)
    assert 'x="60" y="7" width="30"' in drawn
    assert 'x1="80" x2="80"' in drawn
    assert 'aria-label="said"' in drawn


def test_a_ruler_without_interval_shows_the_value_alone() -> None:
    drawn = ruler({"value": 0.9, "low": None, "high": None}, Scale(0, 1, 0, 100), "said", number)
    assert "rect" not in drawn


def test_shares_have_an_axis_that_ends_at_one() -> None:
    near = ruler_scale([{"value": 0.985, "low": 0.96, "high": 0.99}], 240, unit=True)
    far = ruler_scale([{"value": 0.5, "low": 0.1, "high": 0.6}], 240, unit=True)
    errors = ruler_scale([{"value": 7.2, "low": 6.6, "high": 7.9}], 240, unit=False)
    assert (near.low, near.high) == (0.96, 1.0)
    assert (far.low, far.high) == (0.0, 1.0)
    assert (errors.low, errors.high) == (0.0, 8.0)


def test_series_say_their_trend_and_mark_the_best_epoch() -> None:
    lines = [Line("validation", [1, 2, 3], [3.0, 1.0, 2.0], "s1")]
    drawn = series("k", "loss", lines, 2.0, number)
    assert "validation from 3 to 2." in Page(drawn).text
    assert len(re.findall('class="best"', drawn)) == 1


def test_one_epoch_is_a_dot() -> None:
    drawn = series("k", "loss", [Line("train", [1], [3.0], "s2")], 1.0, number)
    assert '<circle class="dot s2"' in drawn


def test_a_reliability_diagram_has_a_whisker_and_a_bar_per_slice() -> None:
    slices = [
        {"confidence": 0.55, "accuracy": 0.5, "low": 0.2, "high": 0.8, "n": 10},
        {"confidence": 0.95, "accuracy": 0.9, "low": 0.8, "high": 1.0, "n": 90},
    ]
    drawn = reliability("k", "title", slices)
    assert drawn.count('class="whisker"') == 2
    assert drawn.count('class="bar"') == 2
    assert "95\u202f% sure, 90\u202f% right (90 images)" in drawn
