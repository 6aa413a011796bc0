"""LIME: a linear model of the score near the image, in terms of its superpixels."""

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


def lime(
    network: nn.Module,
    images: Tensor,
    score: Score,
    *,
    segments: Segments = "slic",
    count: int = 50,
    samples: int = 500,
    kernel_width: float = 0.25,
    ridge: float = 1.0,
    fill: Fill = "grey",
    seed: int = 0,
    batch_size: int = 32,
) -> Tensor:
    """The weights of a ridge regression of the score on which superpixels are seen.

        minimise over w, b:  sum_i pi(z_i) · (score(x seen in z_i) − w · z_i − b)² + ridge · |w|²
        pi(z) = exp(−D(z)² / width²),  D: cosine distance between z and the whole image

    Shape: images [N, C, H, W] -> map [N, H, W], signed, one weight for each superpixel.
    Args:
        segments, count: the superpixels, see `superpixels`.
        samples: images with some superpixels hidden, each with probability 1/2; the first one
            is the image itself.
        kernel_width: of pi, in cosine distance, 0..1.
        ridge: strength of the penalty.
        fill: what is seen instead, see `replacement`: "grey", "mean", "blur" or a number.
        seed: of the samples.
        batch_size: images at a time, changed copies counted.
    Raises:
        ExplainError, UsageError, ShapeError: as `superpixels`; an option is out of its range.
    Source: Ribeiro et al. 2016, "Why Should I Trust You?", arXiv:1602.04938, eq. 1-2 and
        algorithm 1; kernel and width as in the authors' package.
    Differs: all superpixels have a weight; the paper keeps the K largest.
    """
    if samples < 2 or kernel_width <= 0 or ridge < 0:
        raise UsageError(
            "explain-lime",
            "lime: samples must be at least 2, kernel_width above 0 and ridge at least 0, got "
            f"samples={samples}, kernel_width={kernel_width}, ridge={ridge}.",
        )
    passes = samples * len(images)
    with asking(network, images, score, batch_size, passes=passes) as asked:
        parts = superpixels(asked.images, segments, count)
        present = [drawn(samples, c, seed) for c in part_counts(parts)]
        there = [rows.to(parts.device) for rows in present]
        scores = scores_with(asked, parts, there, replacement(asked.images, fill))
        weights = [
            linear_weights(rows.double().numpy(), found.double().numpy(), kernel_width, ridge)
            for rows, found in zip(present, scores.T.cpu(), strict=True)
        ]
        values = [torch.from_numpy(w).to(asked.scores) for w in weights]
        return painted(values, parts).to(images.dtype)


def drawn(samples: int, parts: int, seed: int) -> Tensor:
    """Which superpixels are seen, bool [samples, parts]; the first sample shows all."""
    generator = torch.Generator().manual_seed(seed)
    present = torch.rand(samples, parts, generator=generator) < 0.5
    present[0] = True
    return present


def linear_weights(
    present: NDArray[np.float64], scores: NDArray[np.float64], kernel_width: float, ridge: float
) -> NDArray[np.float64]:
    """The ridge regression, weighted by nearness. Shape: [M, S] and [M] -> [S]."""
    from sklearn.linear_model import Ridge  # here, since it takes a second

    cosine = np.sqrt(present.mean(axis=1))  # of z and all ones: |z| / (sqrt|z| · sqrt S)
    nearness = np.exp(-(((1 - cosine) / kernel_width) ** 2))
    fitted = Ridge(alpha=ridge).fit(present, scores, sample_weight=nearness)
    return np.asarray(fitted.coef_, dtype=np.float64)
