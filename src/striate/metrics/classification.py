"""One class per image: accuracy, precision, recall, F1, AUC, log loss, Brier score.

A class that no judged image shows has no recall, F1 or AUC: these are None and left out of macro
averages (as scikit-learn does when `labels` are the classes present). A class that is never
answered has no precision, and an F1 of 0.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from striate.metrics._checks import Ints
from striate.metrics.curves import RankedClasses
from striate.metrics.intervals import (
    Estimate,
    Floats,
    Weights,
    affordable,
    bootstrap,
    estimate,
    wilson,
)

SMALLEST = np.finfo(np.float64).eps  # a probability of 0 counts as this in logarithms


class Tallies(NamedTuple):
    """Counts of images per class, [..., classes]; leading axes are resamples."""

    hits: Floats  # of the class and answered with it
    support: Floats  # of the class
    answered: Floats  # answered with the class, rightly or not

    @property
    def recall(self) -> Floats:
        return ratio(self.hits, self.support)

    @property
    def precision(self) -> Floats:
        return ratio(self.hits, self.answered)

    @property
    def f1(self) -> Floats:
        score = ratio(2 * self.hits, self.support + self.answered)
        return np.where(self.support > 0, score, np.nan)


def ratio(part: Floats, whole: Floats) -> Floats:
    """part / whole, and NaN where whole is 0."""
    part, whole = np.broadcast_arrays(part, whole)
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)


def macro(values: Floats) -> Floats:
    """Mean over the last axis of what is defined; NaN where nothing is."""
    defined = np.isfinite(values)
    return ratio(np.where(defined, values, 0.0).sum(axis=-1), defined.sum(axis=-1).astype(float))


def members(labels: Ints, classes: int, keep: npt.NDArray[np.bool_]) -> Any:
    """Sparse 0/1 matrix [n, classes]: which image counts for which class."""
    from scipy import sparse  # here, since it takes a while

    rows = np.flatnonzero(keep)
    entries = (np.ones(len(rows)), (rows, labels[rows]))
    return sparse.csr_array(entries, shape=(len(labels), classes))


def per_image_losses(probabilities: Floats, targets: Ints) -> Floats:
    """Negative log-likelihood (nats) and Brier score of each image, [n, 2].

    The Brier score is the squared distance to the one-hot target, 0..2; for two classes half of
    it, 0..1, as scikit-learn defines both.
    """
    rows = np.arange(len(targets))
    of_true = probabilities[rows, targets]
    nll = -np.log(np.maximum(of_true, SMALLEST))
    brier = np.square(probabilities).sum(axis=1) - 2 * of_true + 1
    return np.stack([nll, brier / 2 if probabilities.shape[1] == 2 else brier], axis=1)


class SingleLabel:
    """All scores of one model on n images, each with its interval.

    Args:
        probabilities: [n, classes] float64, rows sum to 1.
        targets: class numbers, [n].
        resamples: of the images, for the intervals of macro scores.
    """

    def __init__(
        self, probabilities: Floats, targets: Ints, *, seed: int = 0, resamples: int = 1000
    ) -> None:
        self.probabilities, self.targets = probabilities, targets
        self.n, self.classes = probabilities.shape
        self.predictions = probabilities.argmax(axis=1)
        self.right = self.predictions == targets
        cells = np.bincount(targets * self.classes + self.predictions, minlength=self.classes**2)
        self.confusion = cells.reshape(self.classes, self.classes)  # rows: true
        self.ranked = RankedClasses(probabilities, targets[:, None] == np.arange(self.classes))
        everyone = np.ones(self.n, dtype=bool)
        self._hits = members(targets, self.classes, self.right)
        self._support = members(targets, self.classes, everyone)
        self._answered = members(self.predictions, self.classes, everyone)
        self._losses = per_image_losses(probabilities, targets)
        self.rank_resamples = affordable(resamples, self.n, self.classes)
        self._draws = bootstrap(self._counted, self.n, resamples=resamples, seed=seed)
        self._auc_draws = bootstrap(
            self.ranked.auc, self.n, resamples=self.rank_resamples, seed=seed
        )

    def tallies(self, weights: Weights) -> Tallies:
        """Counts per class under weights [r, n] -> [r, classes]."""
        parts = (self._hits, self._support, self._answered)
        return Tallies(*(np.asarray(weights @ part, dtype=np.float64) for part in parts))

    def _counted(self, weights: Weights) -> Floats:
        """Everything that counts decide: balanced accuracy, macro F1, losses, F1 per class."""
        tallies = self.tallies(weights)
        means = weights @ self._losses / self.n  # [r, 2]
        heads = [macro(tallies.recall), macro(tallies.f1)]
        return np.concatenate([np.stack(heads, axis=1), means, tallies.f1], axis=1)

    def metrics(self) -> dict[str, Estimate]:
        """The scores of the whole, by name."""
        whole = self._counted(np.ones((1, self.n), dtype=np.float32))[0]
        support = self.confusion.sum(axis=1)
        perfect = (support, support, (), ())
        balanced, f1, nll, brier = (
            estimate(float(whole[i]), self._draws[:, i], self.n, perfect[i]) for i in range(4)
        )
        aucs = self.ranked.exact_auc
        found = {
            "accuracy": wilson(int(self.right.sum()), self.n),
            "balanced_accuracy": balanced,
            "macro_f1": f1,
            "macro_auc": estimate(float(macro(aucs)), macro(self._auc_draws), self.n, support),
            "negative_log_likelihood": nll,
            "brier_score": brier,
        }
        if self.classes > 5:
            found["top5_accuracy"] = self._top5()
        return found

    def _top5(self) -> Estimate:
        from sklearn.metrics import top_k_accuracy_score

        labels = np.arange(self.classes)
        hits = top_k_accuracy_score(
            self.targets, self.probabilities, k=5, labels=labels, normalize=False
        )
        return wilson(int(hits), self.n)

    def per_class(self, names: tuple[str, ...]) -> list[dict[str, Any]]:
        """One row per class: support, precision, recall, F1 and AUC with intervals."""
        hits, support = self.confusion.diagonal(), self.confusion.sum(axis=1)
        answered = self.confusion.sum(axis=0)
        f1 = Tallies(*(part.astype(np.float64) for part in (hits, support, answered))).f1
        aucs = self.ranked.exact_auc
        rows = []
        for i, name in enumerate(names):
            n = int(support[i])
            auc = estimate(aucs[i], self._auc_draws[:, i], n, [min(n, self.n - n)])
            rows.append(
                {
                    "class": name,
                    "support": n,
                    "precision": wilson(int(hits[i]), int(answered[i])).to_json(),
                    "recall": wilson(int(hits[i]), n).to_json(),
                    "f1": estimate(f1[i], self._draws[:, 4 + i], n, [n]).to_json(),
                    "auc": None if auc.value is None else auc.to_json(),
                }
            )
        return rows
