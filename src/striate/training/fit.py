"""Training, from a network and batches to the best weights; it knows nothing of the task."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from torch import nn

from striate.errors import RunError, UsageError
from striate.training.batches import TrainBatches
from striate.training.checkpoint import Checkpoints
from striate.training.course import Course, FitResult, Validate
from striate.training.device import choose_device, training_arithmetic
from striate.training.divided import check_alike, copy_network, divided
from striate.training.events import OnEvent, ignore
from striate.training.keeper import Keeper
from striate.training.learner import Learner, make_learner
from striate.training.objective import Objective
from striate.training.progress import Progress
from striate.training.ranks import Ranks
from striate.training.recipe import Recipe
from striate.training.schedules import make_schedule
from striate.training.shared_step import shared_steps
from striate.training.shortcuts import shortcuts
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
    ranks: Ranks | None = None,
) -> FitResult:
    """Train the network in place, and leave in it the weights that judged best.

    Frozen modules, all of whose weights have `requires_grad` off, are in eval mode meanwhile, so
    that none of their tensors changes, running statistics included.
    Random numbers follow from the recipe's seed and the step; torch's own are left as found.

    Several processes train one network when each calls this with its own `ranks` and else the
    same. Each takes its part of every batch, batch norms see the whole of it, and the weights are
    those that one process would find but for rounding, and for what layers such as dropout draw.
    The first process writes, tells and judges; its weights are those that all begin with.

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
        ranks: the processes that train together; `None` is this one alone.
    Raises:
        TrainingError: `train-non-finite` or `train-out-of-memory`; with several processes
            `train-process-lost` where one has ended, and `train-processes-differ`.
        FileError: a checkpoint cannot be written, or none can be trusted or fits.
        RunError: `checkpoint-exists` where `resume` is off and the folder has checkpoints.
    """
    recipe = recipe.settled()
    device = choose_device(recipe.device)
    _check(batches, recipe, validate, checkpoints, resume)
    first = ranks is None or ranks.first
    on_event = on_event if first else ignore
    arithmetic = training_arithmetic(device)
    with _modes_kept(network), arithmetic, telling_out_of_memory(recipe), shortcuts(network):
        if ranks is not None:
            check_alike(ranks, recipe, batches)
            batches = divided(batches, ranks)
            copy_network(network.to(device), ranks)
        learner = make_learner(network, objective, recipe, device, rate_scales)
        steps = -(-batches.steps // recipe.accumulate)
        keeper = Keeper(learner, recipe, steps, checkpoints, on_event, ranks)
        progress = keeper.resume() if resume else Progress()
        if checkpoints is not None and first:
            checkpoints.prepare(after=progress.step)
        course = Course(
            learner, batches, recipe, steps, keeper, progress, validate, monitor, on_event, stop,
            name_of, make_schedule(recipe.schedule, recipe.warmup or 0.0), ranks,
        )  # fmt: skip
        with _steps_shared(learner, ranks, stop):
            return course.run()


@contextmanager
def _steps_shared(learner: Learner, ranks: Ranks | None, stop: StopSignal | None) -> Iterator[None]:
    """Inside the block the learner's steps are those of all processes."""
    if ranks is None:
        yield
        return
    asked = stop or StopSignal()
    with shared_steps(
        learner.network, learner.weights, ranks, lambda: asked.requested
    ) as learner.shared:
        yield


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
