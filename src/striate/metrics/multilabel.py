"""Several labels per image: average precision, F1, AUC, exact match, Hamming loss.

A label that no judged image carries has no recall, F1, AUC or average precision: these are None
and left out of macro averages.
"""

from typing import Any

import numpy as np

from striate.metrics.classification import Tallies, macro, ratio
from striate.metrics.curves import Bools, RankedClasses
from striate.metrics.intervals import (
    Estimate,
    Floats,
    Weights,
    affordable,
    bootstrap,
    estimate,
    wilson,
)

FEWEST = 5  # images with and without a label before a threshold of its own is fitted


class MultiLabel:
    """All scores of one model on n images, each with its interval.

    Args:
        probabilities: [n, classes] float64, each label on its own.
        targets: [n, classes].
        thresholds: [classes]; a label is answered where its probability reaches its threshold.
    """

    def __init__(
        self,
        probabilities: Floats,
        targets: Bools,
        thresholds: Floats,
        *,
        seed: int = 0,
        resamples: int = 1000,
    ) -> None:
        from scipy import sparse  # here, since it takes a while

        self.n, self.classes = probabilities.shape
        self.targets, self.thresholds = targets, thresholds
        self.answers = probabilities >= thresholds
        self.ranked = RankedClasses(probabilities, targets)
        parts = (targets & self.answers, targets, self.answers)
        self._parts = [sparse.csr_array(part.astype(np.float32)) for part in parts]
        wrong = targets != self.answers
        self._losses = np.stack([(~wrong).all(axis=1), wrong.mean(axis=1)], axis=1)  # [n, 2]
        self.rank_resamples = affordable(resamples, self.n, 2 * self.classes)
        self._draws = bootstrap(self._counted, self.n, resamples=resamples, seed=seed)
        ranks = bootstrap(self._ranks, self.n, resamples=self.rank_resamples, seed=seed)
        self._auc_draws, self._precision_draws = ranks[..., 0], ranks[..., 1]

    def tallies(self, weights: Weights) -> Tallies:
        """Counts per label under weights [r, n] -> [r, classes]."""
        return Tallies(*(np.asarray(weights @ part, dtype=np.float64) for part in self._parts))

    def _counted(self, weights: Weights) -> Floats:
        """Macro F1, micro F1, exact match, Hamming loss, then F1 per label."""
        tallies = self.tallies(weights)
        micro = Tallies(*(part.sum(axis=1) for part in tallies)).f1
        means = weights @ self._losses / self.n
        heads = np.stack([macro(tallies.f1), micro], axis=1)
        return np.concatenate([heads, means, tallies.f1], axis=1)

    def _ranks(self, weights: Weights) -> Floats:
        both = (self.ranked.auc(weights), self.ranked.average_precision(weights))
        return np.stack(both, axis=-1)

    def metrics(self) -> dict[str, Estimate]:
        """The scores of the whole, by name."""
        whole = self._counted(np.ones((1, self.n), dtype=np.float32))[0]
        support = self.targets.sum(axis=0)
        perfect = (support, support, (), ())
        macro_f1, micro_f1, _, hamming = (
            estimate(float(whole[i]), self._draws[:, i], self.n, perfect[i]) for i in range(4)
        )
        precision, auc = self.ranked.exact_average_precision, self.ranked.exact_auc
        return {
            "mean_average_precision": estimate(
                float(macro(precision)), macro(self._precision_draws), self.n, support
            ),
            "macro_f1": macro_f1,
            "micro_f1": micro_f1,
            "macro_auc": estimate(float(macro(auc)), macro(self._auc_draws), self.n, support),
            "exact_match": wilson(int(self._losses[:, 0].sum()), self.n),
            "hamming_loss": hamming,
        }

    def per_class(self, names: tuple[str, ...]) -> list[dict[str, Any]]:
        """One row per label: support, threshold and scores with intervals."""
        hits, support, answered = (
            part[0] for part in self.tallies(np.ones((1, self.n), dtype=np.float32))
        )
        f1 = Tallies(hits, support, answered).f1
        aucs, precisions = self.ranked.exact_auc, self.ranked.exact_average_precision
        rows = []
        for i, name in enumerate(names):
            n = int(support[i])
            auc = estimate(aucs[i], self._auc_draws[:, i], n, [min(n, self.n - n)])
            precision = estimate(precisions[i], self._precision_draws[:, i], n, [n])
            rows.append(
                {
                    "class": name,
                    "support": n,
                    "threshold": float(self.thresholds[i]),
                    "precision": wilson(int(hits[i]), int(answered[i])).to_json(),
                    "recall": wilson(int(hits[i]), n).to_json(),
                    "f1": estimate(f1[i], self._draws[:, 4 + i], n, [n]).to_json(),
                    "auc": None if auc.value is None else auc.to_json(),
                    "average_precision": None if not n else precision.to_json(),
                }
            )
        return rows


def fit_thresholds(probabilities: Floats, targets: Bools) -> Floats:
    """Per label, the threshold with the highest F1 on validation images, [classes].

    0.5 stays where fewer than 5 images carry the label or lack it.
    """
    from sklearn.metrics import precision_recall_curve  # here, since it takes a second

    found = np.full(probabilities.shape[1], 0.5)
    for i, (scores, positive) in enumerate(zip(probabilities.T, targets.T, strict=True)):
        if min(positive.sum(), (~positive).sum()) < FEWEST:
            continue
        precision, recall, cuts = precision_recall_curve(positive, scores)
        f1 = np.nan_to_num(ratio(2 * precision * recall, precision + recall))[:-1]
        best = int(f1.argmax())
        below = cuts[best - 1] if best else 0.0
        found[i] = (cuts[best] + below) / 2  # halfway to the next score below
    return found
