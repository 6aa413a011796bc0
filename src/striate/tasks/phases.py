"""The phases of a training that starts from given weights, one after the other, as one course."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from striate.data import Preprocessing
from striate.errors import UsageError
from striate.explain import evaluating
from striate.nn import HeadedNetwork
from striate.nn.stages import cut, freeze, rate_scales, stages
from striate.tasks.caching import Caching, room_in, worth_caching
from striate.tasks.feature_answers import answer_by_features
from striate.tasks.features import cached_features
from striate.tasks.loading import TrainingData
from striate.tasks.phased_course import PhasedCourse
from striate.tasks.plan import Plan
from striate.tasks.run_folder import RunFolder
from striate.tasks.tuning import Phase, phases_of
from striate.tasks.validation import validation
from striate.training import (
    Checkpoints,
    FitResult,
    Notice,
    Objective,
    OnEvent,
    Ranks,
    StopSignal,
    fit,
    from_first,
)

STOPPED = FitResult([], 0, 0, 0, 0.0, 0.0, "interrupted")


def tune(
    network: HeadedNetwork,
    plan: Plan,
    data: TrainingData,
    objective: Objective,
    folder: RunFolder,
    watch: OnEvent,
    stop: StopSignal,
    *,
    resume: bool,
    ranks: Ranks | None = None,
) -> FitResult:
    """Train what the plan wants trained; the network ends with the weights that judged best.

    Frozen parts are run once where that pays, of several processes by each. Where later phases
    judge no better than the head alone did, its weights are kept.
    """
    if plan.request.head != "linear":
        return answer_by_features(network, plan.request.head, plan, data, folder, watch, stop)
    phases = phases_of(plan.request.tune, plan.recipe, len(stages(network)) - 1)
    course = PhasedCourse(sum(phase.recipe.epochs or 0 for phase in phases), watch)
    with _gradients_kept(network):
        for phase in phases:
            checkpoints = Checkpoints(folder.checkpoints / phase.name.replace(":", "-"))
            try:
                result = _train(
                    network, phase, plan, data, objective, checkpoints, course, stop,
                    folder, ranks, resume=resume and bool(checkpoints.steps()),
                )  # fmt: skip
            except KeyboardInterrupt:
                if not stop.requested:
                    raise
                result = STOPPED  # before its first step
            course.add(phase, result, network, plan.monitor)
            if result.outcome == "interrupted":
                break
    return course.end(network, plan.monitor)


def _train(
    network: HeadedNetwork,
    phase: Phase,
    plan: Plan,
    data: TrainingData,
    objective: Objective,
    checkpoints: Checkpoints,
    course: PhasedCourse,
    stop: StopSignal,
    folder: RunFolder,
    ranks: Ranks | None,
    *,
    resume: bool,
) -> FitResult:
    freeze(network, phase.last)
    halves = _kept(network, phase, plan, data, folder, course.watch, ranks)
    learning = network if halves is None else halves[1]
    with nullcontext() if halves is None else cached_features(
        halves[0], data, views=plan.request.views or 1, folder=folder.path, on_event=course.watch,
        stop=stop,
    ) as features:  # fmt: skip
        decay = phase.recipe.layer_decay
        return fit(
            learning,
            data.train if features is None else features.train,
            objective,
            phase.recipe,
            validate=validation(data, features.val if features else None, ranks)
            if data.val
            else None,
            monitor=plan.monitor,
            checkpoints=checkpoints,
            resume=resume,
            on_event=course,
            stop=stop,
            name_of=lambda record: data.ids[record],
            rate_scales=rate_scales(network, decay) if decay else None,
            ranks=ranks,
        )


def _kept(
    network: HeadedNetwork,
    phase: Phase,
    plan: Plan,
    data: TrainingData,
    folder: RunFolder,
    watch: OnEvent,
    ranks: Ranks | None,
) -> tuple[nn.Module, nn.Module] | None:
    """The frozen part and the rest, where it pays to run the first once; the reason is told."""
    if phase.last == len(stages(network)) - 1:
        return None
    try:
        body, tail = cut(network, phase.last)
    except UsageError:  # no chain there: it is frozen, but runs in every epoch
        return None
    caching = from_first(ranks, lambda: _worth(body, tail, phase, plan, data, folder))
    watch(Notice("info", "train-frozen-part", f"{phase.name}: {caching.reason}"))
    return (body, tail) if caching.pays else None


def _worth(
    body: nn.Module,
    tail: nn.Module,
    phase: Phase,
    plan: Plan,
    data: TrainingData,
    folder: RunFolder,
) -> Caching:
    below, features = _multiply_adds(body, _black(plan.preprocessing, beside=tail))
    above, _ = _multiply_adds(tail, features)
    return worth_caching(
        below,
        above,
        features.numel(),
        len(data.train.indices),
        plan.request.views or 1,
        phase.recipe.epochs or 1,
        room_in(folder.path),
    )


def work_below_answer(network: HeadedNetwork, preprocessing: Preprocessing) -> int:
    """Multiply-adds of all but the answer, for one image."""
    body, tail = cut(network, 0)
    return _multiply_adds(body, _black(preprocessing, beside=tail))[0]


def _multiply_adds(part: nn.Module, given: Tensor) -> tuple[int, Tensor]:
    """Those of one pass, and what the part gives."""
    with evaluating(part), torch.no_grad(), FlopCounterMode(display=False) as counter:
        found = part(given)
    return counter.get_total_flops() // 2, found


def _black(preprocessing: Preprocessing, beside: nn.Module) -> Tensor:
    """One image, where a part of the network lives."""
    device = next(beside.parameters()).device
    return torch.zeros(1, preprocessing.channels, *preprocessing.size, device=device)


@contextmanager
def _gradients_kept(network: nn.Module) -> Iterator[None]:
    """Every weight leaves as it came, wanting a gradient or not."""
    wanted = [(weight, weight.requires_grad) for weight in network.parameters()]
    try:
        yield
    finally:
        for weight, want in wanted:
            weight.requires_grad_(want)
