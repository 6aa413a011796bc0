"""Feature ablation: take the parts of an image away, one at a time."""

import torch
from torch import Tensor, nn

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


def feature_ablation(
    network: nn.Module,
    images: Tensor,
    score: Score,
    *,
    segments: Segments = "slic",
    count: int = 50,
    fill: Fill = "grey",
    batch_size: int = 32,
) -> Tensor:
    """How far the score falls without the part of the image that a pixel belongs to.

        map(p) = score(x) − score(x with the part of p replaced)

    Shape: images [N, C, H, W] -> map [N, H, W], signed, one value for each part.
    Args:
        segments, count: the parts, see `superpixels`.
        fill: what is seen instead, see `replacement`: "grey", "mean", "blur" or a number.
        batch_size: images at a time, changed copies counted.
    Raises:
        ExplainError, UsageError, ShapeError: as `superpixels` and `replacement`.
    Source: Zeiler & Fergus 2014, arXiv:1311.2901, section 4.2, with parts for windows; as
        captum's FeatureAblation.
    """
    with asking(network, images, score, batch_size) as asked:
        parts = superpixels(asked.images, segments, count)
        counts = part_counts(parts)
        absent = torch.arange(max(counts), device=parts.device)
        present = [torch.arange(c, device=parts.device) != absent[:, None] for c in counts]
        scores = scores_with(asked, parts, present, replacement(asked.images, fill))
        falls = asked.scores - scores  # [parts, N]
        values = [falls[:c, number] for number, c in enumerate(counts)]
        return painted(values, parts).to(images.dtype)
