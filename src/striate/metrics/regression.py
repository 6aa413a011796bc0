"""A number per image: mean absolute error, root mean squared error, R², Spearman's correlation."""

import numpy as np

from striate.metrics.classification import ratio
from striate.metrics.intervals import Estimate, Floats, Weights, bootstrap, estimate

NAMES = ("mean_absolute_error", "root_mean_squared_error", "r2", "spearman")


class WeightedRanks:
    """Mid-ranks of values under any weights, sorted once."""

    def __init__(self, values: Floats) -> None:
        ordered = np.sort(values)
        self._order = np.argsort(values, kind="stable")
        self._first = np.searchsorted(ordered, values, side="left")
        self._last = np.searchsorted(ordered, values, side="right")

    def __call__(self, weights: Weights) -> Floats:
        """Weights [r, n] -> ranks [r, n]: less than it, plus half of its equals."""
        totals = np.zeros((len(weights), weights.shape[1] + 1))
        np.cumsum(np.take(weights, self._order, axis=1), axis=1, out=totals[:, 1:])
        return (np.take(totals, self._first, axis=1) + np.take(totals, self._last, axis=1)) / 2


def correlation(x: Floats, y: Floats, weights: Floats) -> Floats:
    """Pearson's correlation of x and y [r, n] under weights [r, n]; NaN where one is constant."""
    n = weights.sum(axis=1, keepdims=True)
    x = x - (weights * x).sum(axis=1, keepdims=True) / n
    y = y - (weights * y).sum(axis=1, keepdims=True) / n
    both = (weights * x * y).sum(axis=1)
    spread = np.sqrt((weights * x * x).sum(axis=1) * (weights * y * y).sum(axis=1))
    return ratio(both, spread)


def regression(
    predictions: Floats, targets: Floats, *, seed: int = 0, resamples: int = 1000
) -> dict[str, Estimate]:
    """The four scores of predictions [n] with bootstrap intervals.

    R² and Spearman's correlation are None where the targets (or the predictions) are all equal.
    """
    n = len(targets)
    error = predictions - targets
    centred = targets - targets.mean()
    columns = np.stack([np.abs(error), error**2, centred, centred**2], axis=1)  # [n, 4]
    rank_predictions, rank_targets = WeightedRanks(predictions), WeightedRanks(targets)
    constant = np.ptp(targets) == 0

    def scores(weights: Weights) -> Floats:
        absolute, squared, first, second = (weights @ columns / n).T  # each [r]
        spread = second - first**2
        spread[spread < 1e-12 * max(float(columns[:, 3].max()), 1e-300)] = 0  # rounding
        r2 = np.full(len(weights), np.nan) if constant else 1 - ratio(squared, spread)
        ranks = (rank_predictions(weights), rank_targets(weights))
        spearman = correlation(*ranks, weights.astype(np.float64))
        return np.stack([absolute, np.sqrt(squared), r2, spearman], axis=1)

    whole = scores(np.ones((1, n), dtype=np.float32))[0]
    draws = bootstrap(scores, n, resamples=resamples, seed=seed)
    return {name: estimate(float(whole[i]), draws[:, i], n) for i, name in enumerate(NAMES)}
