"""What an explanation explains: one number per image, read from the network's output."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

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
    scores = score(output)
    if scores.shape != (images,):
        raise ExplainError(
            "explain-score-shape",
            f"A score must give one number per image, [{images}], got {list(scores.shape)}.",
            "Use class_score(…), or index the output down to one value per image.",
        )
    return scores.sum()
