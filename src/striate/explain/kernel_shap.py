"""KernelSHAP: Shapley values of superpixels by one weighted regression."""

from itertools import product
from math import comb

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from striate.errors import UsageError
from striate.explain._fill import Fill, replacement
from striate.explain._perturbed import asking
from striate.explain._score import Score
from striate.explain.superpixels import (
    Segments,
    painted,
    part_counts,
    scores_with,
    superpixels,
)

Rows = NDArray[np.float64]


def kernel_shap(
    network: nn.Module,
    images: Tensor,
    score: Score,
    *,
    segments: Segments = "slic",
    count: int = 50,
    samples: int = 1000,
    fill: Fill = "grey",
    seed: int = 0,
    batch_size: int = 32,
) -> Tensor:
    """The Shapley value of every superpixel: its mean gain, over all orders of uncovering them.

        minimise over phi:  sum_z pi(z) · (score(z) − score(0) − phi · z)²
        pi(z) = (S − 1) / (C(S, |z|) · |z| · (S − |z|)),   sum(phi) = score(x) − score(0)

    Shape: images [N, C, H, W] -> map [N, H, W], signed, one value for each superpixel; the
        values of an image's S superpixels add up to score(x) − score(nothing seen).
    Args:
        segments, count: the superpixels, see `superpixels`.
        samples: sets z of superpixels that are seen. If there are no more than that (2^S − 2, 9
            superpixels by default), all of them are taken, and the values are exact; else they
            are drawn by pi, each with its complement.
        fill: what is seen instead, see `replacement`: "grey", "mean", "blur" or a number.
        seed: of the samples.
        batch_size: images at a time, changed copies counted.
    Raises:
        ExplainError, UsageError, ShapeError: as `superpixels`; samples is below 2.
    Source: Lundberg & Lee 2017, "A Unified Approach to Interpreting Model Predictions",
        arXiv:1705.07874, theorem 2; pairs: Covert & Lee 2021, arXiv:2012.01536, section 3.3.
    """
    if samples < 2:
        raise UsageError(
            "explain-kernel-shap", f"kernel_shap: samples must be at least 2, got {samples}."
        )
    passes = samples * len(images)
    with asking(network, images, score, batch_size, passes=passes) as asked:
        parts = superpixels(asked.images, segments, count)
        sets = [coalitions(c, samples, seed) for c in part_counts(parts)]
        most = 1 + max(len(present) for present, _ in sets)
        padded = [_padded(present, most).to(parts.device) for present, _ in sets]
        scores = scores_with(asked, parts, padded, replacement(asked.images, fill)).double()
        values = []
        for number, (present, weights) in enumerate(sets):
            found = scores[: len(present) + 1, number].cpu().numpy()
            total = float(asked.scores[number].double()) - found[0]
            shapley = shapley_values(present, weights, found[1:] - found[0], total)
            values.append(torch.from_numpy(shapley).to(asked.scores))
        return painted(values, parts).to(images.dtype)


def coalitions(parts: int, samples: int, seed: int) -> tuple[Rows, Rows]:
    """Sets of superpixels, neither empty nor all, [M, S] of 0 and 1, and their weights [M].

    All of them with the Shapley kernel as weight, if they are at most `samples`; else drawn by it.
    """
    sizes = np.arange(1, parts)
    if parts < 2:
        return np.zeros((0, parts)), np.zeros(0)
    if 2.0**parts - 2 <= samples:
        rows = np.array(list(product((0.0, 1.0), repeat=parts)))[1:-1]
        kernel = {s: (parts - 1) / (comb(parts, s) * s * (parts - s)) for s in range(1, parts)}
        return rows, np.array([kernel[int(size)] for size in rows.sum(axis=1)])
    generator = np.random.default_rng(seed)
    chances = 1 / (sizes * (parts - sizes))  # of a size: kernel times the number of its sets
    drawn = generator.choice(sizes, size=samples // 2, p=chances / chances.sum())
    ranks = generator.random((samples // 2, parts)).argsort(axis=1).argsort(axis=1)
    half = (ranks < drawn[:, None]).astype(np.float64)
    rows = np.stack([half, 1 - half], axis=1).reshape(-1, parts)
    return rows, np.ones(len(rows))


def shapley_values(present: Rows, weights: Rows, gains: Rows, total: float) -> Rows:
    """The weighted least squares under sum(phi) = total, which the last superpixel makes good.

    Shape: present [M, S], weights [M], gains [M] over the empty set -> [S].
    """
    last = present[:, -1]
    root = np.sqrt(weights)
    matrix = (present[:, :-1] - last[:, None]) * root[:, None]
    phi = np.linalg.lstsq(matrix, (gains - last * total) * root, rcond=None)[0]
    return np.append(phi, total - phi.sum())


def _padded(present: Rows, rows: int) -> Tensor:
    """As bool, after the empty set, and filled up with whole images."""
    parts = present.shape[1]
    more = np.ones((rows - 1 - len(present), parts))
    return torch.from_numpy(np.concatenate([np.zeros((1, parts)), present, more])) > 0
