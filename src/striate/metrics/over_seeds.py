"""Ways of training compared over seeds: is one way better, on other images and with other seeds?

Every way was trained once a seed and all networks answered the same images. Then two things vary
at random, as readers and cases do in studies of radiologists: the images and the seeds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from striate.errors import ShapeError
from striate.metrics._checks import check_same_length
from striate.metrics._words import counted, p_value, percent, points
from striate.metrics.compare import SIGNIFICANT, mcnemar, newcombe
from striate.metrics.intervals import CONFIDENCE, Estimate, wilson

OVER_BOTH = "t-test over images and seeds"
ONE_SEED = "McNemar, exact, over images"
TESTED = {
    OVER_BOTH: (
        "For every image, the share of seeds that were right by one way minus that by the other. "
        "Its mean over the images is the difference. The error of that mean counts the images, "
        "paired, and for each way how far its seeds lie apart: so the claim is about other images "
        "and other seeds."
    ),
    ONE_SEED: (
        "One seed: McNemar's exact test on the images that only one of the two networks got right. "
        "The claim is about these two networks; other seeds may give others."
    ),
}
Rights = npt.NDArray[np.bool_]  # [seeds, images]: whether the network of a seed was right


@dataclass(frozen=True)
class OverSeeds:
    """Two ways on the same images; the difference is b minus a, `p` that of no difference.

    Args:
        holm: p corrected for all the pairs that were tested beside it (Holm 1979).
    """

    a: float
    b: float
    difference: Estimate
    p: float
    test: str
    holm: float

    @property
    def shown(self) -> bool:
        return self.holm < SIGNIFICANT

    def to_json(self) -> dict[str, Any]:
        return {
            "a": self.a,
            "b": self.b,
            "difference": self.difference.to_json(),
            "p": self.p,
            "holm": self.holm,
            "test": self.test,
            "shown": self.shown,
        }

    def sentence(self, names: tuple[str, str]) -> str:
        """`B is better than A: 97.0 % against 94.3 %, difference +2.7 points (+0.4 to +5.0) …`"""
        first, second = names
        if self.a == self.b:
            claim = f"{second} is neither better nor worse than {first} here"
        else:
            verb = "is" if self.shown else "is not shown to be"
            claim = f"{second} {verb} {'better' if self.b > self.a else 'worse'} than {first}"
        return (
            f"{claim}: {percent(self.b)} against {percent(self.a)} on the same "
            f"{counted(self.difference.n, 'image')}, difference {self.change}, {self.chance}."
        )

    @property
    def change(self) -> str:
        """`+2.7 points (+0.4 to +5.0)`."""
        ends = (self.difference.low, self.difference.value, self.difference.high)
        low, value, high = (points(end or 0.0) for end in ends)
        return f"{value} points ({low} to {high})"

    @property
    def chance(self) -> str:
        """`p = 0.021`, corrected."""
        return p_value(self.holm)

    def reversed(self) -> "OverSeeds":
        """The same of a minus b."""
        value, low, high = (self.difference.value or 0.0, self.difference.low, self.difference.high)
        turned = Estimate(-value, -(high or 0.0), -(low or 0.0), self.difference.n)
        return replace(self, a=self.b, b=self.a, difference=turned)


def accuracy_over_seeds(rights: npt.ArrayLike) -> Estimate:
    """Mean accuracy over seeds, with the interval for other images and other seeds.

    Wilson's interval for as many images as would give the mean's own error, but never for more
    than there are; with one seed it is that of the images alone.

    Shape: bool [seeds, images].
    Source: the effective number as in surveys, Korn and Graubard 1998, "Confidence intervals for
        proportions with small expected number of positive counts".
    """
    table = _table("accuracy_over_seeds", rights)
    n = table.shape[1]
    mean = float(table.mean())
    wide = float(table.mean(axis=0).var()) / n + _seed_part(table)
    effective = n if wide == 0 else max(1, min(n, round(mean * (1 - mean) / wide)))
    found = wilson(mean * effective, effective)
    return Estimate(mean, found.low, found.high, n)


def compare_over_seeds(a: npt.ArrayLike, b: npt.ArrayLike) -> OverSeeds:
    """Whether way b is better than way a: bool [seeds, images] each, the images the same.

        difference = mean over images of (share of seeds right in b - share of seeds right in a)
        error^2 = variance over images / images + variance over seeds of a / seeds + ... of b

    with a t distribution of Satterthwaite's degrees of freedom. The three parts overlap a little,
    so the test errs to the side of "not shown". With one seed each: `paired_accuracy`'s test.

    Raises:
        ShapeError: the two have not the same images.
    Source: seeds are the readers, images the cases of Obuchowski and Rockette 1995, "Hypothesis
        testing of diagnostic accuracy for multiple readers and multiple tests", nested readers;
        Satterthwaite 1946, "An approximate distribution of estimates of variance components".
    """
    one, other = _table("compare_over_seeds", a), _table("compare_over_seeds", b)
    n = check_same_length("compare_over_seeds", a=one.T, b=other.T)
    first, second = float(one.mean()), float(other.mean())
    if len(one) == len(other) == 1:
        only_a, only_b = int((one & ~other).sum()), int((other & ~one).sum())
        low, high = newcombe(int((one & other).sum()), only_a, only_b, n)
        difference = Estimate((only_b - only_a) / n, low, high, n)
        p = mcnemar(only_a, only_b)
        return OverSeeds(first, second, difference, p, ONE_SEED, p)
    per_image = other.mean(axis=0) - one.mean(axis=0)  # [images]
    parts = np.array([_image_part(per_image), _seed_part(one), _seed_part(other)])
    freedom = np.array([n - 1, len(one) - 1, len(other) - 1])
    p, arm = _t_test(second - first, parts, freedom)
    spread = Estimate(second - first, second - first - arm, second - first + arm, n)
    return OverSeeds(first, second, spread, p, OVER_BOTH, p)


def corrected(p_values: Sequence[float]) -> list[float]:
    """p-values corrected for their number, so that one false claim among all stays below 5 %.

    Source: Holm 1979, "A simple sequentially rejective multiple test procedure".

    >>> corrected([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values, kind="stable")
    raised = [p_values[i] * (len(p_values) - place) for place, i in enumerate(order)]
    rising = np.minimum(np.maximum.accumulate(raised), 1.0) if raised else np.zeros(0)
    result = [0.0] * len(p_values)
    for value, place in zip(rising.tolist(), order.tolist(), strict=True):
        result[place] = value
    return result


def _table(where: str, rights: npt.ArrayLike) -> Rights:
    table = np.asarray(rights, dtype=bool)
    if table.ndim != 2 or 0 in table.shape:
        raise ShapeError(
            "metrics-seeds",
            f"{where}: right answers must be [seeds, images], got {list(table.shape)}.",
            "Give one row a seed and one column an image.",
        )
    return table


def _image_part(per_image: npt.NDArray[np.float64]) -> float:
    """Squared error of a mean over images [n] that comes from which images there are."""
    n = len(per_image)
    return float(per_image.var(ddof=1)) / n if n > 1 else 0.0


def _seed_part(table: Rights) -> float:
    """Squared error of the mean accuracy that comes from which seeds there are."""
    seeds = len(table)
    return float(table.mean(axis=1).var(ddof=1)) / seeds if seeds > 1 else 0.0


def _t_test(
    difference: float, parts: npt.NDArray[np.float64], freedom: npt.NDArray[np.int64]
) -> tuple[float, float]:
    """Two-sided p-value of "no difference", and half the width of the interval."""
    from scipy.stats import t  # here, since it takes a second

    squared = float(parts.sum())
    if squared == 0:  # every image and seed says the same
        return (1.0 if difference == 0 else 0.0), 0.0
    known = parts > 0
    degrees = squared**2 / float((parts[known] ** 2 / freedom[known]).sum())
    error = squared**0.5
    p = 2 * float(t.sf(abs(difference) / error, degrees))
    return p, float(t.ppf(0.5 + CONFIDENCE / 2, degrees)) * error
