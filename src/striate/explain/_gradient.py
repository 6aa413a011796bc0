"""The gradient of a score with respect to images, and scores of many images at once."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from striate.errors import ExplainError, ShapeError, UsageError
from striate.explain._hooks import evaluating
from striate.explain._score import Score, per_image, summed


def plain(images: Tensor) -> Tensor:
    """The images, outside every graph and made so that a gradient can start at them.

    To be called outside inference mode.
    Raises:
        ShapeError: they are not floating-point [N, C, H, W].
    """
    if images.ndim != 4 or not images.is_floating_point():
        raise ShapeError(
            "explain-images",
            f"Images must be floating-point [N, C, H, W], got {images.dtype} {list(images.shape)}.",
            "Pass the normalised tensor that the network is given.",
        )
    return images.clone() if images.is_inference() else images.detach()


def input_gradient(network: Callable[[Tensor], Tensor], images: Tensor, score: Score) -> Tensor:
    """d score / d images, [N, C, H, W].

    Weights get no gradient and none is computed for them, whether they are frozen or not.
    Raises:
        ExplainError: the score does not depend on the images by a way that has a gradient.
    """
    leaf = images.detach().requires_grad_()
    with torch.enable_grad():
        total = summed(score, network(leaf.clone()), len(images))  # it may work in place
    gradient = None
    if total.requires_grad:
        (gradient,) = torch.autograd.grad(total, leaf, allow_unused=True)
    if gradient is None:
        raise ExplainError(
            "explain-no-gradient",
            "The score does not depend on the images by a way that has a gradient.",
            "A network that detaches or takes decisions can be explained by perturbation.",
        )
    return gradient


def evaluated_gradient(network: nn.Module, images: Tensor, score: Score) -> Tensor:
    """As `input_gradient`, of the network in eval mode."""
    with evaluating(network):
        return input_gradient(network, images, score)


def pulled_back(first: Callable[[Tensor], Tensor], images: Tensor, slope: Tensor) -> Tensor:
    """The gradient at the images, [N, C, H, W], from the one at what `first` makes of them."""
    leaf = images.detach().requires_grad_()
    with torch.enable_grad():
        maps = first(leaf)
    return torch.autograd.grad(maps, leaf, slope)[0]


def parts(images: int, batch_size: int) -> Iterator[slice]:
    """All images, at most `batch_size` at a time."""
    for start in range(0, images, batch_size):
        yield slice(start, min(start + batch_size, images))


def repeated(score: Score, images: int, copies: int) -> Score:
    """The score where all images come several times, one round after the other."""

    def score_of_all(output: Any) -> Tensor:
        rounds = []
        for number in range(copies):
            part = slice(number * images, (number + 1) * images)
            among: Any = tree_map(lambda tensor, part=part: tensor[part], output)
            rounds.append(per_image(score, among, images))
        return torch.cat(rounds)

    return score if copies == 1 else score_of_all


def check_counts(method: str, **counts: int) -> None:
    """Raise unless each is at least 1: `check_counts("smoothgrad", samples=0)`."""
    for name, count in counts.items():
        if count < 1:
            raise UsageError(
                "explain-option",
                f"{method}: {name} must be at least 1, got {name}={count}.",
                f"help(st.explain.{method}) tells what it does.",
            )
