"""Train: from data to a run folder with a judged model."""

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from striate import zoo
from striate.errors import UsageError, unknown_name
from striate.inference import network_outputs
from striate.metrics import fit_temperature
from striate.model import Model
from striate.nn import HeadedNetwork
from striate.nn.stages import rate_scales
from striate.tasks.claim import claimed_by_first, to_resume
from striate.tasks.fields import ask
from striate.tasks.gallery import make_gallery
from striate.tasks.judging import judge_model, write_predictions, write_report
from striate.tasks.loading import TrainingData, store_for, training_data
from striate.tasks.own_network import check_own_network
from striate.tasks.phases import tune
from striate.tasks.plan import Plan, make_plan, outputs_of
from striate.tasks.preparing import Prepared, open_source, prepared_by_first
from striate.tasks.processes import is_first, joined
from striate.tasks.report_facts import training_facts
from striate.tasks.request import IN_MEMORY, TrainRequest
from striate.tasks.run import Run
from striate.tasks.run_folder import RunFolder
from striate.tasks.start import Start, network_for, start_from
from striate.tasks.tune_choice import settled
from striate.tasks.validation import validation
from striate.tasks.weights import StartingWeights, starting_weights
from striate.tasks.weights_scale import check_scale
from striate.training import (
    Checkpoints,
    EventLog,
    FitResult,
    Notice,
    Objective,
    OnEvent,
    Ranks,
    Recipe,
    StopSignal,
    balanced_weights,
    choose_device,
    fit,
    from_first,
    ignore,
    make_objective,
    positive_weights,
    together,
)


def train(
    data: Any, *, model: str | nn.Module = "auto", progress: bool = True, **options: Any
) -> Run:
    """Train a network on images and judge it; everything lands in a run folder.

    Args:
        data: a folder, a table, an array file, a built-in name such as "digits"; or arrays
            `(x, y)`, `{"train": (x, y), "test": (x, y)}`, or a Hugging Face data set.
        model: "auto", a name of the zoo, or a network of your own that gives one logit per class.
        progress: show a live view of the training.
        options: the fields of `TrainRequest`, such as `epochs=20, seed=1, output_dir="runs/a"`.
    Returns:
        The run: `run.model`, `run.report`, `run.history`, `run.folder`.

    >>> run = train("digits", epochs=1, progress=False, output_dir=tmp_path)  # doctest: +SKIP
    """
    from striate.report.live import watcher

    source = None if isinstance(data, str | Path) else data
    network = None if isinstance(model, str) else model
    named = {
        "data": str(data) if source is None else IN_MEMORY,
        "model": model if isinstance(model, str) else type(model).__name__,
    }
    request = ask(TrainRequest, {**named, **options})
    if not progress or not is_first():
        return run(request, source=source, network=network)
    with watcher() as watch:
        return run(request, source=source, network=network, on_event=watch)


def run(
    request: TrainRequest,
    *,
    source: Any = None,
    network: nn.Module | None = None,
    on_event: OnEvent = ignore,
) -> Run:
    """Carry out a request.

    Args:
        source: data that no string can name (arrays); `request.data` then only describes them.
        network: a network of the caller's own class in place of one from the zoo.
    Raises:
        UsageError: something is asked for that cannot be done; nothing was written.
        DataError: the data cannot be trained on; nothing was written but data.json.
        RunError: another process trains in the same folder.
        TrainingError: the loss is not finite, or memory ran out; the last good state is kept.
    """
    started = time.monotonic()
    if request.resume:
        request = to_resume(request)
    device = _refuse_at_once(request, network)
    weights = None
    if request.weights is not None:
        weights = starting_weights(request.weights, request.model)
        request = request.model_copy(update={"model": weights.name})
    dataset = open_source(source if source is not None else request.data, request.task)
    with joined(device) as ranks, claimed_by_first(request, ranks) as folder:
        first = ranks is None or ranks.first
        watch = together(EventLog(folder.events), on_event) if first else ignore
        prepared = prepared_by_first(dataset, request, folder, watch, request.split, ranks)
        start = None if weights is None else _start(weights, request, prepared, watch)
        plan = from_first(ranks, lambda: make_plan(request, prepared, network, start))
        if network is not None:
            check_own_network(network, plan)
        net = network or (start.network if start else _new_network(plan))
        data = training_data(prepared, plan, device, watch)
        if start is not None:
            outline, headed = plan, start.network
            plan = from_first(ranks, lambda: settled(outline, headed, data, folder, watch))
        if first:
            plan = _with_reasons(plan, folder, watch)
            if not folder.started:
                folder.write_recipe(plan.request.recorded())
        with StopSignal() as stop:
            if start is not None:
                result = tune(
                    start.network, plan, data, _objective(plan.recipe, data), folder, watch, stop,
                    resume=request.resume, ranks=ranks,
                )  # fmt: skip
            else:
                result = _fit(net, plan, data, folder, watch, stop, request.resume, ranks)
        model = None
        if first:
            folder.write_history(result.history)
            model = _model(net, plan, prepared, data, result)
            model.save(folder.model)
            if result.outcome != "interrupted":
                _judge(model, plan, prepared, data, result, folder, watch)
        from_first(ranks, lambda: "everything is written")
    seconds = time.monotonic() - started
    return Run(folder, result.outcome, stop.exit_code, seconds, held=model)


def _refuse_at_once(request: TrainRequest, network: nn.Module | None) -> torch.device:
    """Raise for what is wrong whatever the data are, before a folder is made."""
    if network is not None and request.weights is not None:
        raise UsageError(
            "train-own-network-weights",
            "A network of your own comes with the weights that it has; weights= names others.",
            "Load them into the network first, or name an architecture of the zoo.",
        )
    if network is None and request.model not in ("auto", *zoo.ARCHITECTURES):
        raise unknown_name("architecture", request.model, zoo.ARCHITECTURES)
    if network is None and request.model != "auto":
        _check_answers_for_images(request.model)
    if request.mean is not None and request.std is not None:
        check_scale(request.mean, request.std)
    if request.split is not None and not request.split.is_file():
        raise UsageError(
            "usage-split-file",
            f"--split: there is no file {request.split}.",
            "Name the split.csv of a run folder, or make one: striate data split DATA",
        )
    return choose_device(request.device)


def _with_reasons(plan: Plan, folder: RunFolder, watch: OnEvent) -> Plan:
    """Tell why the plan is as it is; for a run that goes on, the reasons are those of its start."""
    if folder.started:
        return replace(plan, reasons=folder.notices("plan") or plan.reasons)
    for reason in plan.reasons:
        watch(Notice("info", "plan", reason))
    return plan


def _start(
    weights: StartingWeights, request: TrainRequest, prepared: Prepared, watch: OnEvent
) -> Start:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(request.seed)
        network = network_for(weights, request, prepared, outputs_of(prepared))
    return start_from(weights, request, prepared, network, watch)


def _new_network(plan: Plan) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(plan.request.seed)
        return zoo.create(
            plan.request.model,
            classes=plan.outputs,
            channels=plan.preprocessing.channels,
            image_size=plan.preprocessing.size,
        )


def _fit(
    network: nn.Module,
    plan: Plan,
    data: TrainingData,
    folder: RunFolder,
    watch: OnEvent,
    stop: StopSignal,
    resume: bool,
    ranks: Ranks | None,
) -> FitResult:
    return fit(
        network,
        data.train,
        _objective(plan.recipe, data),
        plan.recipe,
        validate=validation(data, ranks=ranks) if data.val is not None else None,
        monitor=plan.monitor,
        checkpoints=Checkpoints(folder.checkpoints),
        resume=resume,
        on_event=watch,
        stop=stop,
        name_of=lambda record: data.ids[record],
        rate_scales=_rate_scales(network, plan.recipe.layer_decay),
        ranks=ranks,
    )


def _rate_scales(network: nn.Module, layer_decay: float | None) -> Mapping[str, float] | None:
    if layer_decay is None:
        return None
    if not isinstance(network, HeadedNetwork):
        raise UsageError(
            "train-no-stages",
            f"--layer-decay: a {type(network).__name__} has no stages that are known.",
            "It is for architectures of the zoo; leave it out.",
        )
    return rate_scales(network, layer_decay)


def _objective(recipe: Recipe, data: TrainingData) -> Objective:
    """The task's loss, with what the recipe does about rare classes."""
    weights = None
    if recipe.imbalance == "weights" and data.task != "regression":
        labels = data.labels("train")
        if data.task == "multi_label":
            weights = positive_weights(labels)
        else:
            weights = balanced_weights(np.bincount(labels, minlength=len(data.dataset.classes)))
    return make_objective(
        data.task,
        label_smoothing=recipe.label_smoothing,
        class_weights=weights,
        focal_gamma=recipe.focal_gamma if recipe.imbalance == "focal" else 0.0,
        huber_delta=recipe.huber_delta,
    )


def _judge(
    model: Model,
    plan: Plan,
    prepared: Prepared,
    data: TrainingData,
    result: FitResult,
    folder: RunFolder,
    watch: OnEvent,
) -> None:
    """Open the test part, let the model answer, and write the report."""
    test = prepared.open_test_part(folder, by="train")
    judged = judge_model(model, test, store_for(test, model), watch)
    write_predictions(folder.predictions, {"test": judged})
    gallery = make_gallery(model, judged.part, data.dataset, data.store)
    facts = training_facts(model, plan, prepared, result, folder)
    write_report(folder.report, folder.page, judged, gallery, facts)


def _model(
    network: nn.Module, plan: Plan, prepared: Prepared, data: TrainingData, result: FitResult
) -> Model:
    temperature = 1.0
    if data.task == "single_label" and data.val is not None:
        outputs = network_outputs(network, (batch.images for batch in data.val))
        temperature = fit_temperature(outputs, data.labels("val"))
    return Model(
        network,
        preprocessing=plan.preprocessing,
        classes=prepared.dataset.classes,
        task=data.task,
        temperature=temperature,
        target_scale=plan.target_scale,
        provenance=_provenance(plan, prepared, result),
    )


def _provenance(plan: Plan, prepared: Prepared, result: FitResult) -> Mapping[str, Any]:
    return {
        "recipe": plan.request.recorded(),
        "images": {part: int(n) for part, n in prepared.counts().items()},
        "epochs": result.epochs_done,
        "best_epoch": result.best_epoch,
        "outcome": result.outcome,
    }


def _check_answers_for_images(name: str) -> None:
    """Refuse a network that answers for every pixel: the labels here are of whole images."""
    if zoo.ARCHITECTURES[name].task == "segmentation":
        raise UsageError(
            "train-not-a-classifier",
            f"{name} answers for every pixel, and the labels are of whole images.",
            "Take a classifier, such as enet_encoder; striate zoo lists them.",
        )
