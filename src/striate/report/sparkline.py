"""A row of numbers as a row of characters."""

from collections.abc import Sequence
from itertools import pairwise

BLOCKS = "▁▂▃▄▅▆▇█"
PLAIN = "_.,-~=+*#"  # for consoles that can write nothing but ASCII


def sparkline(values: Sequence[float], width: int, levels: str = BLOCKS) -> str:
    """At most `width` characters; more values than that are averaged in groups.

    >>> sparkline([0, 1, 2, 3], 8)
    '▁▃▆█'
    """
    if not values or width < 1:
        return ""
    shown = _grouped(values, width)
    low, high = min(shown), max(shown)
    top = len(levels) - 1
    if high == low:
        return levels[top // 2] * len(shown)
    return "".join(levels[round(top * (v - low) / (high - low))] for v in shown)


def _grouped(values: Sequence[float], width: int) -> list[float]:
    n = len(values)
    if n <= width:
        return list(values)
    edges = [i * n // width for i in range(width + 1)]
    return [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]
