"""What an explanation explains: one number per image, read from the network's output."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from striate.errors import ExplainError

Score = Callable[[Tensor], Tensor]  # a network's output -> one number per image, [N]


def class_score(target: int | Sequence[int] | Tensor) -> Score:
    """The logit of one class: the same for all images, or one per image ([N], integers).

    >>> class_score([2, 0])(torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))
    tensor([3., 4.])
    """
    wanted = torch.as_tensor(target)

    def score(logits: Tensor) -> Tensor:
        images, classes = logits.shape
        if wanted.ndim and len(wanted) != images:
            raise ExplainError(
                "explain-target",
                f"class_score: one target per image is needed, got {len(wanted)} for {images}.",
                "Pass one class number, or as many as images.",
            )
        if wanted.numel() and (wanted.min() < 0 or wanted.max() >= classes):
            raise ExplainError(
                "explain-target",
                f"class_score: targets must be 0 to {classes - 1}, got {wanted.tolist()}.",
                "The network has one output per class.",
            )
        index = wanted.to(logits.device).clone().expand(images)  # may come from inference mode
        return logits.gather(1, index[:, None])[:, 0]

    return score


def summed(score: Score, output: Tensor, images: int) -> Tensor:
    """The scores of all images in one number; in eval mode images do not meet, so its gradient
    holds the gradient of each."""
    return per_image(score, output, images).sum()


def per_image(score: Score, output: Tensor, images: int) -> Tensor:
    """The scores, [N], checked to be one number per image."""
    scores = score(output)
    if scores.shape != (images,):
        raise ExplainError(
            "explain-score-shape",
            f"A score must give one number per image, [{images}], got {list(scores.shape)}.",
            "Use class_score(…), or index the output down to one value per image.",
        )
    return scores


def of_part(score: Score, images: int, part: slice) -> Score:
    """The score of some of the images, where the score itself speaks of all of them.

    It is shown the outputs of the part at their places among zeros.
    """
    start, stop, _ = part.indices(images)
    if (start, stop) == (0, images):
        return score

    def among_all(output: Tensor) -> Tensor:
        shape = output.shape[1:]
        before, after = output.new_zeros(start, *shape), output.new_zeros(images - stop, *shape)
        return torch.cat([before, output, after])

    def score_of_part(output: Any) -> Tensor:
        return per_image(score, tree_map(among_all, output), images)[start:stop]

    return score_of_part
