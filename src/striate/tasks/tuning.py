"""What of given weights is trained on: the ways, their phases, and the choice among them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from striate.report.words import percent
from striate.training import Recipe

HEAD_RATES = {"sgd": 0.05, "adam": 2e-3, "adamw": 2e-3, "rmsprop": 2e-3, "adadelta": 1.0}
STAGE_RATES = {"sgd": 0.01, "adam": 3e-4, "adamw": 3e-4, "rmsprop": 1e-4, "adadelta": 0.1}
LAYER_DECAY = 0.7  # of the learning rate from a stage to the one before it
HEAD_EPOCHS = 20  # of the head alone, before stages are trained
STEPS = 4  # of gradual unfreezing, at most
FEW, MANY = 100, 1_000  # training images of the middle class: head below, everything above
GOOD = 0.95  # accuracy of a probe that leaves little to gain
VIEWS, SCARCE = 4, 200  # views of an image that are kept where there are fewer training images
WORK = 4e11  # multiply-adds of frozen parts to spend on views: some five seconds on two cores


@dataclass(frozen=True)
class Phase:
    """A part of a training: which stages learn, and how.

    Args:
        name: head, last:2, …, all; of gradual unfreezing several follow one another.
        last: how many stages before the answer learn.
    """

    name: str
    last: int
    recipe: Recipe


@dataclass(frozen=True)
class Chosen:
    """A way to tune, and why it was chosen."""

    tune: str
    reason: str


def phases_of(tune: str, recipe: Recipe, stages: int) -> tuple[Phase, ...]:
    """The phases of a way to tune; all begin with the head alone, so that no stage is spoilt by
    the gradients of a head that knows nothing yet.

    Args:
        tune: head, last:N, gradual or all.
        recipe: of the main phase; its epochs are those after the head, or of the head alone.
        stages: before the answer.
    Source: Kumar et al. 2022, "Fine-Tuning can Distort Pretrained Features and Underperform
        Out-of-Distribution", arXiv:2202.10054; gradual: Howard and Ruder 2018, arXiv:1801.06146,
        section 3.3.
    """
    if tune == "head":
        return (Phase("head", 0, recipe),)
    rate = HEAD_RATES[recipe.optimizer or "adamw"]
    head = recipe.model_copy(
        update={"epochs": HEAD_EPOCHS, "learning_rate": rate, "layer_decay": None}
    )
    first = Phase("head", 0, head)
    if tune != "gradual":
        last = stages if tune == "all" else min(stages, int(tune.removeprefix("last:")))
        return (first, Phase(tune, last, recipe))
    depths = sorted({round(stages * (k + 1) / STEPS) for k in range(STEPS)} - {0})
    shares = [round(edge) for edge in np.linspace(0, recipe.epochs or 1, len(depths) + 1)]
    return (
        first,
        *(
            Phase(
                f"last:{depth}" if depth < stages else "all",
                depth,
                _shorter(recipe, after - before),
            )
            for depth, (before, after) in zip(depths, pairwise(shares), strict=True)
            if after > before
        ),
    )


def choose(
    counts: Sequence[int], images: int, stages: int, probe: tuple[float, int] | None
) -> Chosen:
    """The way to tune for so many images, judging by a probe.

    Args:
        counts: training images of each class; empty where there are no classes.
        probe: the accuracy of a linear model on the frozen features, cross-validated on training
            images, and their number; None where there is none.
    """
    each = int(np.median(counts)) if counts else images
    what = f"{each:,} training images a class" if counts else f"{images:,} training images"
    if probe is not None:
        said = f"a linear model on the frozen features is right on {percent(probe[0])} of them"
        if probe[0] >= GOOD:
            return Chosen("head", f"Only the head is trained: {said}.")
        what += f", and {said}"
    if each < FEW:
        return Chosen("head", f"Only the head is trained: {what}; so few would spoil the rest.")
    if each >= MANY:
        return Chosen("all", f"Everything is trained: {what}; that many can improve every stage.")
    last = max(1, round(stages / 3))
    upper = "stage" if last == 1 else f"{last} stages"
    return Chosen(
        f"last:{last}",
        f"The head and the last {upper} of {stages} are trained: {what}; "
        "enough for the upper stages, too few for all.",
    )


def tuned_recipe(tune: str, recipe: Recipe) -> dict[str, Any]:
    """What the way to tune decides of a recipe's open knobs."""
    rates = HEAD_RATES if tune == "head" else STAGE_RATES
    found: dict[str, Any] = {}
    if recipe.learning_rate is None:
        found["learning_rate"] = rates[recipe.optimizer or "adamw"]
    if recipe.layer_decay is None and tune != "head":
        found["layer_decay"] = LAYER_DECAY
    return found


def views_of(images: int, multiply_adds: float) -> int:
    """How many views of every image to keep: one, and more where images are few and it is cheap.

    Args:
        images: to train on.
        multiply_adds: of the frozen part, for one image.
    """
    if images >= SCARCE:
        return 1
    return int(np.clip(WORK // max(images * multiply_adds, 1), 1, VIEWS))


def _shorter(recipe: Recipe, epochs: int) -> Recipe:
    return recipe.model_copy(update={"epochs": epochs})
