"""Two models on the same images: is one better, or is it chance?"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from striate.metrics._checks import (
    check_column,
    check_distribution,
    check_finite,
    check_labels,
    check_multi_hot,
    check_probabilities,
    check_same_length,
    unknown_task,
)
from striate.metrics._words import counted, p_value, percent, points, signed
from striate.metrics.classification import macro
from striate.metrics.curves import RankedClasses
from striate.metrics.intervals import (
    Estimate,
    Floats,
    Statistic,
    Weights,
    affordable,
    bootstrap,
    percentiles,
    wilson,
)
from striate.metrics.verdict import Task

SIGNIFICANT = 0.05
CAVEAT = (
    "This compares two trained networks. Another seed gives other networks: train each recipe "
    "with three seeds or more before calling one recipe better than the other."
)


@dataclass(frozen=True)
class Paired:
    """One score of two models on the same n images; the difference is b minus a."""

    metric: str
    test: str
    a: float
    b: float
    difference: Estimate
    p: float
    is_percent: bool = True
    higher_is_better: bool = True

    def to_json(self, names: tuple[str, str]) -> dict[str, Any]:
        """Plain numbers, the better one's name (None: not shown), and the result in words."""
        shown = self.p < SIGNIFICANT and self.a != self.b
        return {
            "metric": self.metric,
            "test": self.test,
            "n": self.difference.n,
            "a": self.a,
            "b": self.b,
            "difference": self.difference.to_json(),
            "p": self.p,
            "better": names[self._gain() > 0] if shown else None,
            "sentence": self.sentence(names),
            "caveat": CAVEAT,
        }

    def _gain(self) -> float:
        return (self.b - self.a) * (1 if self.higher_is_better else -1)

    def sentence(self, names: tuple[str, str]) -> str:
        """`B is not shown to be better than A: 97.1 % against 96.8 % on the same 1,000 images …`"""
        first, second = names
        say, say_change = (percent, points) if self.is_percent else ("{:.4g}".format, signed)
        gain, spread = self._gain(), self.difference
        if gain == 0:
            claim = f"{second} is neither better nor worse than {first} here"
        else:
            word = "better" if gain > 0 else "worse"
            verb = "is" if self.p < SIGNIFICANT else "is not shown to be"
            claim = f"{second} {verb} {word} than {first}"
        low, change, high = (say_change(v or 0.0) for v in (spread.low, spread.value, spread.high))
        return (
            f"{claim}: {self._metric_words()}{say(self.b)} against {say(self.a)} "
            f"on the same {counted(spread.n, 'image')}, "
            f"difference {change}{' points' if self.is_percent else ''} ({low} to {high}), "
            f"{self.test.split(',')[0]} {p_value(self.p)}."
        )

    def _metric_words(self) -> str:
        return "" if self.metric == "accuracy" else f"{self.metric.replace('_', ' ')} "


def paired(
    task: Task,
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    targets: npt.ArrayLike,
    *,
    names: tuple[str, str] = ("A", "B"),
    seed: int = 0,
    resamples: int = 1000,
) -> dict[str, Any]:
    """Whether model b does better than model a on the same images.

    Single label: accuracy, McNemar's exact test, Newcombe's interval of the difference. Several
    labels: mean average precision; regression: mean absolute error; both by paired bootstrap.

    Args:
        a, b: outputs as for `judge`, row for row of the same images.
        targets: as for `judge`.
        names: what to call the two in the sentence.
    Returns: `metric`, `test`, `n`, `a`, `b`, `difference` (b minus a: value, low, high, n), `p`,
        `better` (a name, or None when nothing is shown), `sentence`, `caveat`.
    """
    if task == "single_label":
        return paired_accuracy(a, b, targets).to_json(names)
    if task == "multi_label":
        return paired_precision(a, b, targets, seed, resamples).to_json(names)
    if task == "regression":
        return paired_error(a, b, targets, seed, resamples).to_json(names)
    raise unknown_task("paired", task)


def paired_accuracy(a: npt.ArrayLike, b: npt.ArrayLike, targets: npt.ArrayLike) -> Paired:
    """Accuracies from probabilities [n, classes] and class numbers [n], by McNemar's test."""
    classes = np.asarray(a).shape[-1]
    first, second = (check_distribution("paired", each, classes) for each in (a, b))
    labels = check_labels("paired", targets, classes)
    n = check_same_length("paired", a=first, b=second, targets=labels)
    right_a, right_b = (each.argmax(axis=1) == labels for each in (first, second))
    only_a, only_b = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
    low, high = newcombe(int((right_a & right_b).sum()), only_a, only_b, n)
    return Paired(
        metric="accuracy",
        test="McNemar, exact",
        a=float(right_a.mean()),
        b=float(right_b.mean()),
        difference=Estimate((only_b - only_a) / n, low, high, n),
        p=mcnemar(only_a, only_b),
    )


def mcnemar(only_a: int, only_b: int) -> float:
    """Exact two-sided p-value of: each is equally often right where the other is wrong.

    Source: McNemar 1947, "Note on the sampling error of the difference between correlated
        proportions"; exact by the binomial distribution.
    """
    from scipy.stats import binomtest  # here, since it takes a second

    disagreements = only_a + only_b
    return float(binomtest(only_a, disagreements).pvalue) if disagreements else 1.0


def newcombe(both: int, only_a: int, only_b: int, n: int) -> tuple[float, float]:
    """95 % interval of accuracy of b minus accuracy of a on the same n images.

    Source: Newcombe 1998, "Improved confidence intervals for the difference between binomial
        proportions based on paired data", method 10.
    """
    neither = n - both - only_a - only_b
    down_a, up_a = _arms(both + only_a, n)
    down_b, up_b = _arms(both + only_b, n)
    lean = float(both * neither - only_a * only_b)
    lean = max(lean - n / 2, 0.0) if lean > 0 else lean
    margins = (both + only_a) * (only_b + neither) * (both + only_b) * (only_a + neither)
    phi = lean / margins**0.5 if margins else 0.0
    below = (down_b**2 - 2 * phi * down_b * up_a + up_a**2) ** 0.5
    above = (up_b**2 - 2 * phi * up_b * down_a + down_a**2) ** 0.5
    difference = (only_b - only_a) / n
    return difference - below, difference + above


def _arms(hits: int, n: int) -> tuple[float, float]:
    """How far the Wilson limits lie below and above a proportion."""
    share = wilson(hits, n)
    value, low, high = share.value or 0.0, share.low or 0.0, share.high or 0.0
    return value - low, high - value


def paired_precision(
    a: npt.ArrayLike, b: npt.ArrayLike, targets: npt.ArrayLike, seed: int, resamples: int
) -> Paired:
    """Mean average precision from probabilities [n, labels] and 0/1 targets [n, labels]."""
    labels = np.asarray(a).shape[-1]
    first, second = (check_probabilities("paired", each, labels) for each in (a, b))
    positive = check_multi_hot("paired", targets, labels)
    n = check_same_length("paired", a=first, b=second, targets=positive)
    ranked = [RankedClasses(each, positive) for each in (first, second)]

    def scores(weights: Weights) -> Floats:
        return np.stack([macro(each.average_precision(weights)) for each in ranked], axis=1)

    return _bootstrapped(
        "mean_average_precision", scores, n, seed, affordable(resamples, n, 2 * labels)
    )


def paired_error(
    a: npt.ArrayLike, b: npt.ArrayLike, targets: npt.ArrayLike, seed: int, resamples: int
) -> Paired:
    """Mean absolute errors of predictions [n]."""
    first, second, truth = (check_column("paired", each) for each in (a, b, targets))
    n = check_same_length("paired", a=first, b=second, targets=truth)
    check_finite("paired", a=first, b=second, targets=truth)
    errors = np.stack([np.abs(first - truth), np.abs(second - truth)], axis=1)  # [n, 2]

    def scores(weights: Weights) -> Floats:
        return weights @ errors / n

    return _bootstrapped("mean_absolute_error", scores, n, seed, resamples, error=True)


def _bootstrapped(
    metric: str, scores: Statistic, n: int, seed: int, resamples: int, error: bool = False
) -> Paired:
    """The difference of two scores, weights [r, n] -> [r, 2], on the same resamples."""
    a, b = scores(np.ones((1, n), dtype=np.float32))[0].tolist()
    draws = np.diff(bootstrap(scores, n, resamples=resamples, seed=seed), axis=1)[:, 0]
    low, high = percentiles(draws) or (b - a, b - a)
    return Paired(
        metric=metric,
        test=f"paired bootstrap, {resamples} resamples",
        a=a,
        b=b,
        difference=Estimate(b - a, low, high, n),
        p=bootstrap_p(draws),
        is_percent=not error,
        higher_is_better=not error,
    )


def bootstrap_p(draws: Floats) -> float:
    """Two-sided p-value of "no difference" from resampled differences; never 0.

    Source: Davison and Hinkley 1997, "Bootstrap Methods and their Application", sec. 4.2 and 5.
    """
    defined = draws[np.isfinite(draws)]
    smaller = min((defined <= 0).sum(), (defined >= 0).sum())
    return float(min(1.0, 2 * (1 + smaller) / (1 + len(defined))))
