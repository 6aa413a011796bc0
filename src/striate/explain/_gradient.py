"""The gradient of a score with respect to images, and scores of many images at once."""

from collections.abc import Callable, Iterator, Sequence
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


def baselines(images: Tensor, baseline: Tensor | float | None) -> Tensor:
    """The image with which each is compared, [N, C, H, W]; None is zeros.

    Raises:
        ShapeError: the baseline does not broadcast to the images.
    """
    given = torch.as_tensor(0.0 if baseline is None else baseline)
    given = given.detach().clone()  # it may come from inference mode
    try:
        return given.to(images).expand_as(images)
    except RuntimeError:
        raise ShapeError(
            "explain-baseline",
            f"The baseline must be a number or broadcast to the images, got {list(given.shape)} "
            f"for images {list(images.shape)}.",
            "Pass [C, 1, 1], [C, H, W] or [N, C, H, W].",
        ) from None


def input_gradient(network: Callable[[Tensor], Tensor], images: Tensor, score: Score) -> Tensor:
    """d score / d images, [N, C, H, W].

    Weights get no gradient and none is computed for them, whether they are frozen or not.
    Raises:
        ExplainError: the score does not depend on the images by a way that has a gradient.
    """
    return input_gradients(network, [images], score)[0]


def input_gradients(
    network: Callable[[Tensor], Tensor], rounds: Sequence[Tensor], score: Score
) -> tuple[Tensor, ...]:
    """The same for several rounds of images at once; the score is given all of them in one."""
    leaves = [images.detach().requires_grad_() for images in rounds]
    with torch.enable_grad():
        joined = torch.cat(leaves)  # a copy: the network may work in place
        total = summed(score, network(joined), len(joined))
    gradients: tuple[Tensor | None, ...] = (None,)
    if total.requires_grad:
        gradients = torch.autograd.grad(total, leaves, allow_unused=True)
    found = tuple(gradient for gradient in gradients if gradient is not None)
    if len(found) == len(rounds):
        return found
    raise ExplainError(
        "explain-no-gradient",
        "The score does not depend on the images by a way that has a gradient.",
        "A network that detaches or takes decisions can be explained by perturbation.",
    )


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


def check_batch_size(batch_size: int) -> None:
    """Raise unless a batch holds at least one image."""
    if batch_size < 1:
        raise UsageError(
            "explain-batch-size", f"batch_size must be at least 1, got {batch_size}.", "Leave it."
        )
