"""Whether 90 % sure means right nine times in ten: temperature, bins, debiased error."""

from typing import Any

import numpy as np
import numpy.typing as npt

from striate.errors import ShapeError
from striate.metrics._checks import Ints, check_finite, check_labels, check_same_length
from striate.metrics.intervals import CONFIDENCE, Estimate, Floats, wilson

LARGEST_LOG_TEMPERATURE = 3.0  # temperatures 0.05 to 20
ERROR_BINS = 15  # the field's habit; fewer where they would hold under 10 images
CHART_BINS = 10
BISECTIONS = 12  # the interval's ends to 1/4096


def probabilities(logits: npt.ArrayLike, temperature: float = 1.0) -> Floats:
    """softmax(logits / temperature). Shape: [n, classes] -> [n, classes], float64."""
    from scipy.special import softmax  # here, since it takes a while

    return softmax(np.asarray(logits, dtype=np.float64) / temperature, axis=1)


def label_probabilities(logits: npt.ArrayLike, temperature: float = 1.0) -> Floats:
    """sigmoid(logits / temperature), each label on its own. Shape: [n, classes] -> the same."""
    from scipy.special import expit  # here, since it takes a while

    return expit(np.asarray(logits, dtype=np.float64) / temperature)


def fit_temperature(logits: npt.ArrayLike, targets: npt.ArrayLike) -> float:
    """The temperature T > 0 that makes probabilities(logits, T) likeliest, given a weak prior.

        minimise  sum_i nll_i(T) + (log T)^2 / 2,   0.05 <= T <= 20

    Shape: validation logits [n, classes]; targets class numbers [n], or 0/1 [n, classes] for
        several labels per image. No images: T = 1.
    Source: Guo et al. 2017, "On Calibration of Modern Neural Networks", arXiv:1706.04599, sec. 4.2.
    Differs: the prior (a standard normal on log T) weighs as much as one image or so. It keeps T
        finite where every validation answer is right, and near 1 where there are few of them;
        and since the penalty at T = 1 is zero, the likelihood is never worse than at T = 1.
    """
    from scipy.optimize import minimize_scalar  # here, since it takes a second

    scores = np.asarray(logits, dtype=np.float64)
    if scores.ndim != 2:
        raise ShapeError(
            "metrics-shape",
            f"fit_temperature: logits must be [images, classes], got {list(scores.shape)}.",
            "Pass the network's outputs before softmax.",
        )
    if not len(scores):
        return 1.0
    answers = np.asarray(targets)
    check_same_length("fit_temperature", logits=scores, targets=answers)
    check_finite("fit_temperature", logits=scores)
    if answers.ndim == 1:
        answers = check_labels("fit_temperature", answers, scores.shape[1])

    def penalised(log_temperature: float) -> float:
        nll = negative_log_likelihood(scores, answers, float(np.exp(log_temperature)))
        return nll + log_temperature**2 / 2

    limits = (-LARGEST_LOG_TEMPERATURE, LARGEST_LOG_TEMPERATURE)
    best = minimize_scalar(penalised, bounds=limits, method="bounded", options={"xatol": 1e-8})
    return float(np.exp(best.x)) if best.fun <= penalised(0.0) else 1.0


def negative_log_likelihood(logits: Floats, targets: npt.NDArray[Any], temperature: float) -> float:
    """Summed over the images (and labels), in nats; targets as for `fit_temperature`."""
    from scipy.special import log_softmax  # here, since it takes a while

    scaled = logits / temperature
    if targets.ndim == 1:
        return float(-log_softmax(scaled, axis=1)[np.arange(len(targets)), targets].sum())
    return float(np.logaddexp(0, np.where(targets, -scaled, scaled)).sum())


def temperature_note(temperature: float, validation_images: int) -> str:
    """A sentence where the temperature rests on little; empty where it can be trusted."""
    if validation_images == 0:
        return "No validation images: probabilities are those of the network, temperature 1."
    if abs(np.log(temperature)) > 0.99 * LARGEST_LOG_TEMPERATURE:
        return (
            f"The temperature stands at its limit, {temperature:.2f}: "
            "the validation images do not say how sure to be."
        )
    if validation_images < 100:
        return f"The temperature rests on only {validation_images} validation images."
    return ""


def chart_bins(confidences: Floats, right: npt.NDArray[np.bool_]) -> list[dict[str, Any]]:
    """Ten equal slices of confidence, without the empty ones: how sure, and how often right."""
    slices = np.clip((confidences * CHART_BINS).astype(int), 0, CHART_BINS - 1)
    rows = []
    for i in np.unique(slices):
        here = slices == i
        share = wilson(int(right[here].sum()), int(here.sum()))
        rows.append(
            {
                "confidence": float(confidences[here].mean()),
                "accuracy": share.value,
                "low": share.low,
                "high": share.high,
                "n": share.n,
            }
        )
    return rows


class BinnedCalibration:
    """Confidences in bins of equal mass, and the debiased squared error of them.

        error² = sum_b share_b [ (accuracy_b - confidence_b)² - chance_b ]
        chance_b = accuracy_b (1 - accuracy_b) / (n_b - 1)

    The last term is what chance alone adds; without it a perfect model looks miscalibrated.
    Source: Kumar et al. 2019, "Verified Uncertainty Calibration", arXiv:1909.10155, def. 5.1, for
        the confidence of the top label.
    """

    def __init__(self, confidences: Floats, right: npt.NDArray[np.bool_]) -> None:
        bins = int(np.clip(len(confidences) // 10, 1, ERROR_BINS))
        inner = np.quantile(confidences, np.linspace(0, 1, bins + 1)[1:-1])
        _, self._bin = np.unique(np.searchsorted(inner, confidences), return_inverse=True)
        self.count: Ints = np.bincount(self._bin)
        self.share = self.count / len(confidences)
        self.confidence = np.bincount(self._bin, weights=confidences) / self.count
        self.accuracy = np.bincount(self._bin, weights=right) / self.count

    def squared_error(self, accuracy: Floats) -> Floats:
        """Debiased, for accuracies [..., bins] -> [...]; below 0 where chance explains it all."""
        chance = accuracy * (1 - accuracy) / np.maximum(self.count - 1, 1)
        return ((accuracy - self.confidence) ** 2 - chance) @ self.share

    def simulated(self, error: float, resamples: int, seed: int) -> Floats:
        """Squared errors found, [resamples], if the true error were `error` (0..1).

        The true gaps point the way of the gaps found, scaled to the error asked for.
        """
        gap = self.accuracy - self.confidence
        size = float(np.sqrt(self.share @ gap**2))
        direction = gap / size if size else np.ones_like(gap)
        truth = np.clip(self.confidence + error * direction, 0, 1)
        rng = np.random.default_rng(seed)
        hits = rng.binomial(self.count, truth, (resamples, len(truth)))
        return self.squared_error(hits / self.count)


def calibration_error(
    confidences: Floats, right: npt.NDArray[np.bool_], *, seed: int = 0, resamples: int = 1000
) -> Estimate:
    """Root of the debiased squared calibration error (a fraction, 0..1) with its 95 % interval.

    The interval holds the true errors under which the error found is no surprise, by parametric
    bootstrap. At 0, errors found are only ever too large, so all 5 % of surprise lie above there;
    from the smallest error that could be told from 0 on, 2.5 % lie on each side.
    Source: for why a percentile bootstrap fails near 0, arXiv:2408.08998.
    """
    bins = BinnedCalibration(confidences, right)
    found = float(bins.squared_error(bins.accuracy))
    tail = 1 - CONFIDENCE
    detectable = float(np.quantile(bins.simulated(0.0, resamples, seed), CONFIDENCE))
    detectable = max(detectable, 1e-12) ** 0.5

    def plausible(error: float) -> bool:
        draws = bins.simulated(error, resamples, seed)
        below = tail / 2 * min(1.0, error / detectable)
        as_large = float((draws >= found - 1e-12).mean())
        as_small = float((draws <= found + 1e-12).mean())
        return as_large >= tail - below and as_small >= below

    value = max(found, 0.0) ** 0.5
    low = 0.0 if plausible(0.0) else _edge(plausible, inside=value, outside=0.0)
    high = 1.0 if plausible(1.0) else _edge(plausible, inside=value, outside=1.0)
    return Estimate(value, min(low, value), max(high, value), len(confidences))


def _edge(plausible: Any, inside: float, outside: float) -> float:
    """Where plausible errors end, between one that is and one that is not, by bisection."""
    for _ in range(BISECTIONS):
        middle = (inside + outside) / 2
        if plausible(middle):
            inside = middle
        else:
            outside = middle
    return inside
