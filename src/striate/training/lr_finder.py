"""Finding a learning rate by trying them all once."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn

from striate.errors import TrainingError
from striate.training.batches import Batch, TrainBatches, closed_after, grouped
from striate.training.device import choose_device, training_arithmetic
from striate.training.learner import make_learner
from striate.training.objective import Objective
from striate.training.recipe import Recipe
from striate.training.step import NotFinite, step, step_seed

SMOOTHING = 0.9  # how much of the running loss stays at each step
DIVERGED = 4.0  # times the least loss: nothing is to be learnt beyond
LEAST_FALL = 0.001  # of the first loss: less is noise


@dataclass(frozen=True)
class LearningRates:
    """The curve of a sweep.

    Args:
        rates: the learning rates tried, rising.
        losses: the smoothed loss at each.
        suggestion: the rate at which the loss falls most steeply.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    suggestion: float


def find_learning_rate(
    network: nn.Module,
    batches: TrainBatches,
    objective: Objective,
    recipe: Recipe,
    *,
    lowest: float = 1e-6,
    highest: float = 10.0,
    steps: int = 100,
) -> LearningRates:
    """Train a copy with a rate that rises exponentially, until its loss explodes.

    The network and torch's random numbers are left as found.

    Args:
        lowest, highest: the range of rates.
        steps: how many rates are tried, evenly spaced in their logarithm.
    Raises:
        TrainingError: `train-no-learning-rate`: no rate lets the loss fall.
    Source: Smith 2017, "Cyclical Learning Rates", arXiv:1506.01186, section 3.3; smoothing, end
        and choice of the steepest point as in fastai.
    """
    recipe = recipe.settled().model_copy(update={"ema": None})
    device = choose_device(recipe.device)
    factor = (highest / lowest) ** (1 / max(steps - 1, 1))
    rates, losses, running = [], [], 0.0
    with training_arithmetic(device), closed_after(_endless(batches)) as stream:
        learner = make_learner(copy.deepcopy(network), objective, recipe, device)
        for number, group in zip(range(steps), grouped(stream, recipe.accumulate), strict=False):
            rate = lowest * factor**number
            try:
                loss = step(learner, group, rate, step_seed(recipe.seed, number))
            except NotFinite:
                break
            running = SMOOTHING * running + (1 - SMOOTHING) * loss
            rates.append(rate)
            losses.append(running / (1 - SMOOTHING ** (number + 1)))
            if losses[-1] > DIVERGED * min(losses):
                break
    return LearningRates(tuple(rates), tuple(losses), _steepest(rates, losses))


def _steepest(rates: list[float], losses: list[float]) -> float:
    """The rate in the middle of the steepest fall of the loss before its minimum."""
    lowest = min(range(len(losses)), key=losses.__getitem__, default=0)
    falls = [losses[i + 1] - losses[i - 1] for i in range(1, lowest)]
    if not falls or losses[0] - losses[lowest] < LEAST_FALL * abs(losses[0]):
        raise TrainingError(
            "train-no-learning-rate",
            f"No learning rate of the {len(rates)} tried let the loss fall.",
            "Check labels and loss; or set the learning rate by hand with --lr.",
        )
    return rates[1 + falls.index(min(falls))]


def _endless(batches: TrainBatches) -> Iterator[Batch]:
    epoch = 0
    while True:
        with closed_after(batches.epoch(epoch)) as stream:
            yield from stream
        epoch += 1
