"""Training, from a network and batches to the best weights; it knows nothing of the task."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from torch import nn

from striate.errors import RunError, UsageError
from striate.training.batches import TrainBatches
from striate.training.checkpoint import Checkpoints
from striate.training.course import Course, FitResult, Validate
from striate.training.device import choose_device, training_arithmetic
from striate.training.events import OnEvent, ignore
from striate.training.keeper import Keeper
from striate.training.learner import make_learner
from striate.training.objective import Objective
from striate.training.progress import Progress
from striate.training.recipe import Recipe
from striate.training.schedules import make_schedule
from striate.training.stop import StopSignal
from striate.training.trouble import NameOf, telling_out_of_memory


def fit(
    network: nn.Module,
    batches: TrainBatches,
    objective: Objective,
    recipe: Recipe,
    *,
    validate: Validate | None = None,
    monitor: str = "val_loss",
    checkpoints: Checkpoints | None = None,
    resume: bool = False,
    on_event: OnEvent = ignore,
    stop: StopSignal | None = None,
    name_of: NameOf = str,
    rate_scales: Mapping[str, float] | None = None,
) -> FitResult:
    """Train the network in place, and leave in it the weights that judged best.

    Frozen modules, all of whose weights have `requires_grad` off, are in eval mode meanwhile, so
    that none of their tensors changes, running statistics included.
    Random numbers follow from the recipe's seed and the step; torch's own are left as found.

    Args:
        batches: one `epoch` of it must always give the same batches.
        recipe: what is left open in it is settled by `Recipe.settled`.
        validate: judges the network, in eval mode and without gradients, after each epoch.
        monitor: which of its numbers decides what is best; lower is better.
        checkpoints: where to save; without it the best weights are kept in memory.
        resume: go on from the latest checkpoint, if there is one, as if never interrupted.
        stop: asks to stop after the step under way.
        name_of: a record number's file, for messages.
        rate_scales: factors on the learning rate by weights' names; 1 where none is given.
    Raises:
        TrainingError: `train-non-finite` or `train-out-of-memory`.
        FileError: a checkpoint cannot be written, or none can be trusted or fits.
        RunError: `checkpoint-exists` where `resume` is off and the folder has checkpoints.
    """
    recipe = recipe.settled()
    device = choose_device(recipe.device)
    _check(batches, recipe, validate, checkpoints, resume)
    with _modes_kept(network), training_arithmetic(device), telling_out_of_memory(recipe):
        learner = make_learner(network, objective, recipe, device, rate_scales)
        steps = -(-batches.steps // recipe.accumulate)
        keeper = Keeper(learner, recipe, steps, checkpoints, on_event)
        progress = keeper.resume() if resume else Progress()
        if checkpoints is not None:
            checkpoints.prepare(after=progress.step)
        course = Course(
            learner, batches, recipe, steps, keeper, progress, validate, monitor, on_event, stop,
            name_of, make_schedule(recipe.schedule, recipe.warmup or 0.0),
        )  # fmt: skip
        return course.run()


def _check(
    batches: TrainBatches,
    recipe: Recipe,
    validate: Validate | None,
    checkpoints: Checkpoints | None,
    resume: bool,
) -> None:
    if batches.steps < 1:
        raise UsageError(
            "train-no-batches", "Training: there is no batch to train on.", "Give it images."
        )
    if recipe.patience and validate is None:
        raise UsageError(
            "train-patience-blind",
            f"Training: patience is {recipe.patience} epochs, but nothing judges an epoch.",
            "Give validation data, or leave patience unset.",
        )
    if checkpoints is not None and not resume and checkpoints.steps():
        raise RunError(
            "checkpoint-exists",
            f"{checkpoints.folder} holds checkpoints of an earlier training.",
            "Go on with it by --resume, or choose another folder with --output-dir.",
        )


@contextmanager
def _modes_kept(network: nn.Module) -> Iterator[None]:
    """Every module leaves in the mode, train or eval, in which it came."""
    modes = [(module, module.training) for module in network.modules()]
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
