"""How sure a number is: Wilson intervals for proportions, the bootstrap for everything else."""

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Weights = npt.NDArray[np.float32]  # [resamples, images]: how often each image was drawn
Statistic = Callable[[Weights], Floats]  # weights [r, n] -> values [r] or [r, m]; NaN = undefined

CONFIDENCE = 0.95
BLOCK = 2_000_000  # weights held at once: 8 MB
AFFORDABLE = 1_000_000_000  # image visits of a rank statistic, about 10 s on one core


@dataclass(frozen=True)
class Estimate:
    """A number, its 95 % interval and the count of images it rests on.

    The number is None where it is undefined, and its limits are where no resample defines it.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int

    def to_json(self) -> dict[str, float | int | None]:
        return asdict(self)


UNDEFINED = Estimate(None, None, None, 0)


def wilson(successes: float, n: int, confidence: float = CONFIDENCE) -> Estimate:
    """A proportion with its Wilson score interval, which stays honest at 0 and at 1.

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference".

    >>> wilson(10, 10).low
    0.722...
    """
    if n == 0:
        return UNDEFINED
    from scipy.special import ndtri  # here, since it takes a while

    z2 = float(ndtri(0.5 + confidence / 2)) ** 2
    p = successes / n
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = (z2 * (p * (1 - p) / n + z2 / (4 * n * n))) ** 0.5 / (1 + z2 / n)
    return Estimate(float(p), float(min(p, centre - half)), float(max(p, centre + half)), int(n))


def affordable(resamples: int, images: int, rankings: int) -> int:
    """Resamples of a rank statistic that take seconds, not minutes; at least 100 of those asked."""
    return min(resamples, max(100, AFFORDABLE // (images * rankings)))


def bootstrap(statistic: Statistic, n: int, *, resamples: int = 1000, seed: int = 0) -> Floats:
    """The statistic on resamples of n images drawn with replacement, [resamples, ...].

    A resample is given as weights, so that whatever was sorted or counted once serves all of them.
    The same seed and n draw the same images: statistics of two models are then paired.
    Source: Efron 1979, "Bootstrap methods: another look at the jackknife".
    """
    rng = np.random.default_rng(seed)
    parts = []
    for start in range(0, resamples, block := max(1, BLOCK // n)):
        rows = min(block, resamples - start)
        drawn = rng.integers(0, n, (rows, n)) + n * np.arange(rows)[:, None]
        weights = np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n)
        parts.append(statistic(weights.astype(np.float32)))
    return np.concatenate(parts)


def percentiles(draws: Floats, confidence: float = CONFIDENCE) -> tuple[float, float] | None:
    """The middle 95 % of resampled values [r]; None where the statistic was never defined."""
    defined = draws[np.isfinite(draws)]
    if not len(defined):
        return None
    tail = (1 - confidence) / 2
    low, high = np.quantile(defined, [tail, 1 - tail])
    return float(low), float(high)


def estimate(value: float, draws: Floats, n: int, supports: npt.ArrayLike = ()) -> Estimate:
    """A value with its bootstrap percentile interval.

    Args:
        draws: the statistic on resamples, [r].
        n: images the value rests on.
        supports: for scores that end at 1: images per class. A perfect score is perfect in every
            resample, so there the bootstrap knows no doubt and `perfect_low` stands in.
    """
    if not np.isfinite(value):
        return Estimate(None, None, None, int(n))
    ends = percentiles(draws)
    if ends is None:
        return Estimate(float(value), None, None, int(n))
    low, high = min(ends[0], value), max(ends[1], value)
    counts = np.atleast_1d(np.asarray(supports))
    if counts.size and low >= 1 - 1e-12:
        low = perfect_low(counts)
    return Estimate(float(value), float(low), float(high), int(n))


def perfect_low(supports: npt.NDArray[np.generic]) -> float:
    """Lower limit of a mean of proportions that are all 1, from their Wilson limits.

    Source: Zou and Donner 2008, "Construction of confidence limits about effect measures", eq. 4
        (limits of a sum from the limits of its parts).
    """
    lows = (wilson(float(count), int(count)).low for count in supports if count > 0)
    slack = [1 - low for low in lows if low is not None]
    return 1 - float(np.sqrt(np.sum(np.square(slack)))) / max(len(slack), 1)
