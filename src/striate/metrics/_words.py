"""Numbers as people say them."""

from collections.abc import Mapping
from typing import Any

FLOAT_ERROR = 1e-9  # of a percentage that was computed: the mean of ones may fall short of 1


def percent(fraction: float, digits: int = 1) -> str:
    """`0.9926 -> "99.3 %"`; what is short of 100 % is never rounded up to it, nor down to 0 %.

    >>> percent(0.99996), percent(1.0), percent(0.968), percent(0.9999999)
    ('99.996 %', '100 %', '96.8 %', '99.9999 %')
    """
    return f"{_percent_number(fraction, digits)} %"


def percent_range(estimate: Mapping[str, Any]) -> str:
    """`97.3–99.8 %`, the interval of an estimate's JSON."""
    if estimate["low"] is None:
        return "interval unknown"
    return f"{_percent_number(estimate['low'])}–{_percent_number(estimate['high'])} %"


def _percent_number(fraction: float, digits: int = 1) -> str:
    value = 100 * fraction
    if min(abs(value), abs(value - 100)) < FLOAT_ERROR:
        return f"{value:.0f}"
    if 0 < value < 100:
        value = min(max(value, 0.0001), 99.9999)
    while digits < 4 and float(f"{value:.{digits}f}") in (0, 100):
        digits += 1
    return f"{value:.{digits}f}"


def points(difference: float) -> str:
    """A difference of fractions in percentage points, with a sign: `+0.3`, `−0.9`."""
    return signed(100 * difference, ".1f")


def signed(value: float, form: str = ".3g") -> str:
    """`+0.3`, `−0.9`, and `0` without a sign where it rounds to nothing."""
    text = format(abs(value), form)
    if float(text) == 0:
        return text
    return f"{'+' if value > 0 else '−'}{text}"


def p_value(p: float) -> str:
    """`p = 0.63`, `p = 0.0021`, `p < 0.0001`."""
    if p < 0.0001:
        return "p < 0.0001"
    return f"p = {p:.2f}" if p >= 0.095 else f"p = {p:.2g}"


def counted(n: int, noun: str) -> str:
    """`1 image`, `1,000 images`."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"
