"""Meaningful perturbation: the smallest blur, learned by gradient descent, that takes the score."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from striate.errors import ExplainError, UsageError
from striate.explain._fill import Fill, blurred, replacement
from striate.explain._perturbed import Asked, asking
from striate.explain._score import Score

CELL = 8 / 224  # of the mask, in parts of the shorter side: 28 × 28 cells at 224, as in the paper
SOFTNESS = 5 / 224  # standard deviation of the enlarged mask's blur, in the same unit
EXPONENT = 3.0  # beta of the total variation
EPSILON = 1e-4  # of Adam, in parts of the score; larger than rounding


def meaningful_perturbation(
    network: nn.Module,
    images: Tensor,
    score: Score,
    *,
    iterations: int = 300,
    learning_rate: float = 0.1,
    sparsity: float = 0.1,
    smoothness: float = 0.2,
    jitter: int = 4,
    fill: Fill = "blur",
    seed: int = 0,
    batch_size: int = 32,
) -> Tensor:
    """Where an image must be blurred for the score to fall, and nowhere else.

        minimise over m in 0..1:  f(m · x + (1 − m) · blur(x))
            + sparsity · mean(1 − m) + smoothness · mean over cells of |grad m|^3
        f = (score − score(blur(x))) / |score(x) − score(blur(x))|;  map = 1 − m, enlarged

    Shape: images [N, C, H, W] -> map [N, H, W], 0 (may stay) to 1 (must go).
    Args:
        iterations, learning_rate: of Adam, on a mask of 28 × 28 cells (fewer where cells would
            be smaller than a pixel) that begins open.
        sparsity, smoothness: weights of the two penalties, against a fall of the score of 1.
        jitter: pixels, at most, that the image is moved at each step, so that the mask fits no
            single pixels; at most a seventh of the shorter side.
        fill: what is seen where the mask is closed, see `replacement`.
        seed: of the jitter, which is the same for all images.
        batch_size: images at a time.
    Raises:
        ExplainError: the score has no gradient.
        UsageError: an option is out of its range.
    Source: Fong & Vedaldi 2017, "Interpretable Explanations of Black Boxes by Meaningful
        Perturbation", arXiv:1704.03296, eq. 3-5 and section 4.1.
    Differs: the score is brought to 1 for the image and 0 for its blur, where the paper takes a
        probability, so that any score can be explained; penalties are means over the cells.
    """
    if iterations < 1 or learning_rate <= 0 or jitter < 0 or min(sparsity, smoothness) < 0:
        raise UsageError(
            "explain-meaningful-perturbation",
            "meaningful_perturbation: iterations must be at least 1, learning_rate above 0, the "
            f"others at least 0, got iterations={iterations}, learning_rate={learning_rate}, "
            f"jitter={jitter}, sparsity={sparsity}, smoothness={smoothness}.",
        )
    height, width = images.shape[2:]
    generator = torch.Generator().manual_seed(seed)
    reach = min(jitter, min(height, width) // 7)
    moves = torch.randint(-reach, reach + 1, (iterations, 2), generator=generator).tolist()
    with asking(network, images, score, batch_size, gradients=True) as asked:
        instead = replacement(asked.images, fill)
        heat = [
            _learned(asked, slab, instead[slab], moves, learning_rate, sparsity, smoothness)
            for slab in asked.slabs
        ]
        return torch.cat(heat).to(images.dtype)


def _learned(
    asked: Asked,
    slab: slice,
    instead: Tensor,
    moves: list[list[int]],
    learning_rate: float,
    sparsity: float,
    smoothness: float,
) -> Tensor:
    """The closed share of each pixel, for the images of a slab, [n, H, W]."""
    images = asked.images[slab]
    unexplained = asked.scores_of(asked.network(instead.clone()), slab)[0]
    scale = (asked.scores[slab] - unexplained).abs().clamp_min(1e-12)
    height, width = images.shape[2:]
    cell = max(1.0, CELL * min(height, width))
    cells = (max(1, round(height / cell)), max(1, round(width / cell)))
    mask = images.new_ones((len(images), 1, *cells), requires_grad=True)
    adam = torch.optim.Adam([mask], lr=learning_rate, eps=EPSILON)
    for move in moves:
        with torch.enable_grad():
            shown = instead + enlarged(mask, height, width) * (images - instead)
            output = asked.network(shown.roll(move, dims=(2, 3)))
            falls = (asked.scores_of(output, slab)[0] - unexplained) / scale
            if not falls.requires_grad:
                raise ExplainError(
                    "explain-no-gradient",
                    "The score does not depend on the images by a way that has a gradient.",
                    "Take occlusion or RISE, which need none.",
                )
            loss = falls + sparsity * (1 - mask).mean(dim=(1, 2, 3))
            loss = loss + smoothness * roughness(mask)
            (mask.grad,) = torch.autograd.grad(loss.sum(), mask)
        adam.step()
        mask.clamp_(0, 1)
    return 1 - enlarged(mask.detach(), height, width)[:, 0]


def enlarged(mask: Tensor, height: int, width: int) -> Tensor:
    """The mask over the image, soft: [n, 1, h, w] -> [n, 1, H, W]."""
    wide = F.interpolate(mask, size=(height, width), mode="bilinear")
    return blurred(wide, SOFTNESS * min(height, width))


def roughness(mask: Tensor) -> Tensor:
    """Total variation with exponent beta, a mean over the cells: [n, 1, h, w] -> [n]."""
    down, across = mask.diff(dim=2).abs(), mask.diff(dim=3).abs()
    each = (down**EXPONENT).sum(dim=(1, 2, 3)) + (across**EXPONENT).sum(dim=(1, 2, 3))
    return each / mask[0].numel()
