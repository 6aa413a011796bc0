"""Deletion and insertion: does the answer follow the pixels that the map calls relevant?"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from striate.explain._fill import Fill, replacement
from striate.explain._gradient import check_counts
from striate.explain._perturbed import asking
from striate.explain._score import Score
from striate.explain.quality._maps import checked, removal_order


def deletion(
    network: nn.Module,
    images: Tensor,
    score: Score,
    maps: Tensor,
    *,
    steps: int = 32,
    fill: Fill = "grey",
    batch_size: int = 32,
) -> Tensor:
    """Area under the score while pixels are taken away, the most relevant first; low is good.

        area = integral_0^1 score(x without its share s of most relevant pixels) ds

    by the trapezoidal rule. As large as the scores are; see `class_probability`.

    Shape: images [N, C, H, W], maps [N, H, W] -> [N].
    Args:
        score: what is watched, for example `class_probability(5)`.
        maps: of any attribution method; only the order of their pixels counts.
        steps: in how many equal parts the pixels go.
        fill: what is seen instead, see `replacement`: "grey", "mean", "blur" or a number.
        batch_size: images at a time, changed copies counted.
    Raises:
        ShapeError: the maps are not finite [N, H, W].
        UsageError: `steps` is below 1, or fill is unknown.
    Source: Petsiuk et al. 2018, "RISE: Randomized Input Sampling for Explanation of Black-box
        Models", arXiv:1806.07421, section 4.1 and algorithm 1.
    """
    return area(
        deletion_curve(network, images, score, maps, steps=steps, fill=fill, batch_size=batch_size)
    )


def insertion(
    network: nn.Module,
    images: Tensor,
    score: Score,
    maps: Tensor,
    *,
    steps: int = 32,
    fill: Fill = "blur",
    batch_size: int = 32,
) -> Tensor:
    """Area under the score while pixels are put back, the most relevant first; high is good.

    As `deletion`, from the other end: the image begins as `fill`, blurred in the paper, where a
    grey one would show the network edges that no photograph has.

    Shape: images [N, C, H, W], maps [N, H, W] -> [N].
    """
    return area(
        insertion_curve(network, images, score, maps, steps=steps, fill=fill, batch_size=batch_size)
    )


def deletion_curve(
    network: nn.Module,
    images: Tensor,
    score: Score,
    maps: Tensor,
    *,
    steps: int = 32,
    fill: Fill = "grey",
    batch_size: int = 32,
) -> Tensor:
    """The scores at 0, 1/steps, …, 1 of the pixels taken away, [N, steps + 1]; see `deletion`."""
    shown = Shown(checked(maps, images), steps, torch.ge)
    return _curve(network, images, score, shown, fill, batch_size)


def insertion_curve(
    network: nn.Module,
    images: Tensor,
    score: Score,
    maps: Tensor,
    *,
    steps: int = 32,
    fill: Fill = "blur",
    batch_size: int = 32,
) -> Tensor:
    """The scores at 0, 1/steps, …, 1 of the pixels put back, [N, steps + 1]; see `insertion`."""
    shown = Shown(checked(maps, images), steps, torch.lt)
    return _curve(network, images, score, shown, fill, batch_size)


class Shown:
    """Which pixels are shown at each step: those whose place compares so with the step's count.

    Args:
        compare: (places, count) -> bool, such as `torch.ge`.
    """

    def __init__(
        self, maps: Tensor, steps: int, compare: Callable[[Tensor, Tensor], Tensor]
    ) -> None:
        check_counts("deletion and insertion", steps=steps)
        pixels = maps.shape[1] * maps.shape[2]
        self.places, self.compare = removal_order(maps), compare
        self.counts = torch.linspace(0, pixels, steps + 1).round().long().to(maps.device)

    def __call__(self, which: slice, slab: slice) -> Tensor:
        """Steps and images -> [k, n, H, W], 0 or 1."""
        return self.compare(self.places[slab][None], self.counts[which, None, None, None])


def _curve(
    network: nn.Module, images: Tensor, score: Score, shown: Shown, fill: Fill, batch_size: int
) -> Tensor:
    count = len(shown.counts)
    with asking(network, images, score, batch_size, passes=count * len(images)) as asked:
        instead = replacement(asked.images, fill)
        return asked.masked_scores(shown, count, instead).T


def area(curve: Tensor) -> Tensor:
    """Under a curve over equal steps from 0 to 1. Shape: [N, steps + 1] -> [N]."""
    return torch.trapezoid(curve, dx=1 / (curve.shape[1] - 1), dim=1)
