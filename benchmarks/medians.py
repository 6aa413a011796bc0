"""The arithmetic of the tables: medians with their spread, paired ratios, intervals, verdicts."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

TIE = 0.02  # a ratio this close to 1 is no difference
Z = 1.959964  # of a normal distribution, for an interval of 95 %


@dataclass(frozen=True)
class Spread:
    """A median and the quartiles around it."""

    median: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """Of one value, that value.

    >>> spread([1.0, 2.0, 3.0, 4.0, 10.0])
    Spread(median=3.0, low=2.0, high=4.0)
    """
    if len(values) == 1:
        return Spread(values[0], values[0], values[0])
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(median, low, high)


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """Of pairs that ran next to each other, so that what slows both cancels.

    >>> ratio([1.0, 2.0], [2.0, 4.0]).median
    0.5
    """
    return spread([mine / other for mine, other in zip(ours, theirs, strict=True)])


def best(peers: Mapping[str, Sequence[float]]) -> str:
    """The peer of the lowest median.

    >>> best({"slow": [2.0, 9.0, 2.0], "fast": [1.0, 1.0, 30.0]})
    'fast'
    """
    return min(peers, key=lambda name: statistics.median(peers[name]))


def compared(ratio: float) -> str:
    """In a word.

    >>> compared(0.5), compared(1.25), compared(1.015)
    ('ahead', 'behind', 'a tie')
    """
    if abs(ratio - 1) <= TIE:
        return "a tie"
    return "ahead" if ratio < 1 else "behind"


def interval(accuracy: float, images: int) -> tuple[float, float]:
    """The 95 % score interval of a share that was counted on so many images.

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference".

    >>> low, high = interval(0.96, 100)
    >>> round(low, 3), round(high, 3)
    (0.902, 0.984)
    """
    spread = Z * math.sqrt(accuracy * (1 - accuracy) / images + Z**2 / (4 * images**2))
    middle, scale = accuracy + Z**2 / (2 * images), 1 + Z**2 / images
    return (middle - spread) / scale, (middle + spread) / scale


def equal_within_intervals(one: float, other: float, images: int) -> bool:
    """Whether the intervals of two accuracies on as many images overlap.

    >>> equal_within_intervals(0.97, 0.95, 100), equal_within_intervals(0.97, 0.80, 100)
    (True, False)
    """
    (low, high), (others_low, others_high) = interval(one, images), interval(other, images)
    return low <= others_high and others_low <= high
