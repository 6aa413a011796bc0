"""What the order of the scores decides: ROC, precision-recall, and the areas under them."""

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from striate.metrics.intervals import Floats, Weights

Bools = npt.NDArray[np.bool_]
MOST_POINTS = 200  # of one curve
MOST_POINTS_IN_ALL = 20_000


class Ranking:
    """Images sorted by their score for one class, once, ready for any weights.

    Weighted, the AUC is the share of (positive, negative) pairs in the right order, ties counting
    half (Mann-Whitney), and the average precision is the mean, over the positives, of the
    precision at their score.
    """

    def __init__(self, scores: Floats, positive: Bools) -> None:
        self._order = np.argsort(scores, kind="stable")
        ordered = scores[self._order]
        self._positives = np.flatnonzero(positive[self._order])
        own = ordered[self._positives]
        # numbers of images, and of positives, that score less (first) or at most as much (last)
        self._first = np.searchsorted(ordered, own, side="left")
        self._last = np.searchsorted(ordered, own, side="right")
        self._own_first = np.searchsorted(own, own, side="left")
        self._own_last = np.searchsorted(own, own, side="right")

    def _totals(self, weights: Weights) -> tuple[Weights, Weights, Weights]:
        """Positive weights [r, p], and running totals from 0 of all and of the positives."""
        ordered = np.take(weights, self._order, axis=1)
        positive = np.take(ordered, self._positives, axis=1)
        return positive, _running(ordered), _running(positive)

    def auc(self, weights: Weights) -> Floats:
        """[r, n] -> [r]; NaN where a resample has only positives or only negatives."""
        positive, total, own = self._totals(weights)
        below = np.take(total, self._first, axis=1) - np.take(own, self._own_first, axis=1)
        up_to = np.take(total, self._last, axis=1) - np.take(own, self._own_last, axis=1)
        won = np.einsum("rp,rp->r", positive, below + up_to, dtype=np.float64) / 2
        positives = own[:, -1].astype(np.float64)
        pairs = positives * (total[:, -1] - positives)
        return np.divide(won, pairs, out=np.full(len(won), np.nan), where=pairs > 0)

    def average_precision(self, weights: Weights) -> Floats:
        """[r, n] -> [r]; NaN where a resample has no positives."""
        positive, total, own = self._totals(weights)
        found = own[:, -1:] - np.take(own, self._own_first, axis=1)
        taken = total[:, -1:] - np.take(total, self._first, axis=1)
        precision = np.divide(found, taken, out=np.zeros_like(found), where=taken > 0)
        gained = np.einsum("rp,rp->r", positive, precision, dtype=np.float64)
        positives = own[:, -1].astype(np.float64)
        return np.divide(gained, positives, out=np.full(len(gained), np.nan), where=positives > 0)


def _running(weights: Weights) -> Weights:
    """Running totals along the last axis, starting from 0; exact up to 16 million images."""
    totals = np.zeros((len(weights), weights.shape[1] + 1), dtype=np.float32)
    np.cumsum(weights, axis=1, out=totals[:, 1:])
    return totals


class RankedClasses:
    """One ranking per class, one class against the rest.

    Args:
        scores: [n, classes]; higher means more likely of the class.
        positive: [n, classes]; whether the image is of the class.
    """

    def __init__(self, scores: Floats, positive: Bools) -> None:
        self.scores, self.positive = scores, positive
        self._rankings = [Ranking(scores[:, i], positive[:, i]) for i in range(scores.shape[1])]

    def auc(self, weights: Weights) -> Floats:
        """[r, n] -> [r, classes]."""
        return np.stack([ranking.auc(weights) for ranking in self._rankings], axis=1)

    def average_precision(self, weights: Weights) -> Floats:
        """[r, n] -> [r, classes]."""
        return np.stack([one.average_precision(weights) for one in self._rankings], axis=1)

    @cached_property
    def exact_auc(self) -> Floats:
        """Area under each ROC curve, [classes]; NaN where a class has no images or all."""
        from sklearn.metrics import roc_auc_score  # here, since it takes a second

        return np.array(
            [
                roc_auc_score(positive, scores) if 0 < positive.sum() < len(positive) else np.nan
                for positive, scores in zip(self.positive.T, self.scores.T, strict=True)
            ],
            dtype=np.float64,
        )

    @cached_property
    def exact_average_precision(self) -> Floats:
        """Average precision of each class, [classes]; NaN where a class has no images."""
        from sklearn.metrics import average_precision_score

        return np.array(
            [
                average_precision_score(positive, scores) if positive.any() else np.nan
                for positive, scores in zip(self.positive.T, self.scores.T, strict=True)
            ],
            dtype=np.float64,
        )

    def curves(self, names: tuple[str, ...]) -> dict[str, dict[str, Any]]:
        """ROC and precision-recall curves by class name, without the classes that have none."""
        from sklearn.metrics import precision_recall_curve, roc_curve

        points = int(np.clip(MOST_POINTS_IN_ALL // len(names), 20, MOST_POINTS))
        aucs, precisions = self.exact_auc, self.exact_average_precision
        roc, precision_recall = {}, {}
        for i, name in enumerate(names):
            positive, scores = self.positive[:, i], self.scores[:, i]
            if np.isfinite(aucs[i]):
                x, y, _ = roc_curve(positive, scores)
                roc[name] = {**thinned(x, y, points), "auc": float(aucs[i])}
            if np.isfinite(precisions[i]):
                y, x, _ = precision_recall_curve(positive, scores, drop_intermediate=True)
                precision_recall[name] = {
                    **thinned(x[::-1], y[::-1], points),
                    "average_precision": float(precisions[i]),
                }
        return {"roc": roc, "precision_recall": precision_recall}


def thinned(x: Floats, y: Floats, points: int) -> dict[str, list[float]]:
    """A curve through at most `points` of its own points, evenly spaced along its length."""
    if len(x) > points:
        length = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))])
        wanted = np.linspace(0, length[-1], points)
        kept = np.unique(np.searchsorted(length, wanted).clip(max=len(x) - 1))
        kept[-1] = len(x) - 1
        x, y = x[kept], y[kept]
    return {"x": np.round(x, 6).tolist(), "y": np.round(y, 6).tolist()}
