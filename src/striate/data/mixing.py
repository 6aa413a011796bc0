"""Augmentations of normalised batches: random erasing, mixup and cutmix with soft targets."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from striate.data.color import per_image
from striate.data.draws import Draws
from striate.errors import UsageError


def erase(images: Tensor, probability: float, draws: Draws) -> Tensor:
    """Blank a random rectangle of some images, in place; normalised images' 0 is the mean colour.

    Shape: [N, C, H, W], changed in place.
    Args:
        probability: of each image to lose 2 % to 33 % of its area, 0..1.
    Source: Zhong et al. 2017, "Random erasing", arXiv:1708.04896, section 3.2.
    Differs: filled with the mean; a rectangle too long is cut to the image, not drawn anew.
    """
    height, width = images.shape[2:]
    area = draws.uniform("erase.area", 0.02, 1 / 3) * height * width
    ratio = np.exp(draws.uniform("erase.ratio", math.log(0.3), math.log(1 / 0.3)))
    tall = np.clip(np.rint(np.sqrt(area / ratio)), 1, height).astype(np.int64)
    wide = np.clip(np.rint(np.sqrt(area * ratio)), 1, width).astype(np.int64)
    top = draws.whole("erase.top", 0, height - tall + 1)
    left = draws.whole("erase.left", 0, width - wide + 1)
    for i in np.flatnonzero(draws.chance("erase", probability)):
        images[i, :, top[i] : top[i] + tall[i], left[i] : left[i] + wide[i]] = 0
    return images


def soft_targets(targets: Tensor, classes: int | None) -> Tensor:
    """Targets that can be mixed: int64 [N] -> one-hot float32 [N, classes]; floats stay."""
    if targets.is_floating_point():
        return targets
    if classes is None:
        raise UsageError(
            "usage-mix-classes", "Mixup and cutmix need the number of classes for whole labels."
        )
    return F.one_hot(targets, classes).float()


def mix(
    images: Tensor, targets: Tensor, mixup: float, cutmix: float, draws: Draws
) -> tuple[Tensor, Tensor]:
    """Mix each image, and its target in proportion, with the one before it in the batch.

        mixup: y = lam * x + (1 - lam) * x_before
        cutmix: a rectangle of share 1 - lam comes from x_before

    lam of each image is drawn from Beta(alpha, alpha). With both switched on, each image takes one
    or the other with equal chances.

    Shape: images [N, C, H, W] (mixup alone: any [N, ...]); targets float [N] or [N, K].
    Args:
        mixup, cutmix: alpha, 0 is off.
    Source: Zhang et al. 2017, arXiv:1710.09412; Yun et al. 2019, arXiv:1905.04899, section 3.1.
    """
    both = mixup > 0 and cutmix > 0
    cutting = draws.chance("mix.which") if both else np.full(len(draws), cutmix > 0)
    share = np.where(cutting, _beta(draws, cutmix), _beta(draws, mixup))
    before = images.roll(1, dims=0)
    mixed = images
    if mixup > 0:
        amount = np.where(cutting, 0.0, 1 - share)
        mixed = torch.lerp(images, before, _spread(amount, images))
    if cutting.any():
        mixed = images.clone() if mixed is images else mixed
        kept = _paste(mixed, before, share, np.flatnonzero(cutting), draws)
        share = np.where(cutting, kept, share)
    return mixed, torch.lerp(targets.roll(1, dims=0), targets, _spread(share, targets))


def _beta(draws: Draws, alpha: float) -> np.ndarray:
    """Numbers of Beta(alpha, alpha), by its inverse distribution function: float64 [n]."""
    if alpha <= 0:
        return np.ones(len(draws))
    from scipy.special import betaincinv  # here, since it takes a while

    return betaincinv(alpha, alpha, draws.uniform("mix.share"))


def _paste(
    images: Tensor, source: Tensor, share: np.ndarray, rows: np.ndarray, draws: Draws
) -> np.ndarray:
    """Paste a rectangle of the source into the images `rows`; returns the share kept, [N]."""
    height, width = images.shape[2:]
    side = np.sqrt(1 - share)
    centre_y, centre_x = draws.uniform("cutmix.y", 0, height), draws.uniform("cutmix.x", 0, width)
    top = np.clip(np.rint(centre_y - side * height / 2), 0, height).astype(np.int64)
    bottom = np.clip(np.rint(centre_y + side * height / 2), 0, height).astype(np.int64)
    left = np.clip(np.rint(centre_x - side * width / 2), 0, width).astype(np.int64)
    right = np.clip(np.rint(centre_x + side * width / 2), 0, width).astype(np.int64)
    for i in rows.tolist():
        images[i, :, top[i] : bottom[i], left[i] : right[i]] = source[
            i, :, top[i] : bottom[i], left[i] : right[i]
        ]
    return 1 - (bottom - top) * (right - left) / (height * width)


def _spread(values: np.ndarray, like: Tensor) -> Tensor:
    """One number per row, to multiply with: [N] -> [N, 1, ...] with the axes of `like`."""
    return per_image(values, like).view(-1, *[1] * (like.ndim - 1))
