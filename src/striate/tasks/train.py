"""Train: from data to a run folder with a judged model."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from striate import zoo
from striate.errors import UsageError
from striate.inference import network_outputs
from striate.metrics import fit_temperature
from striate.model import Model
from striate.tasks.gallery import make_gallery
from striate.tasks.judging import judge_model, write_predictions, write_report
from striate.tasks.loading import TrainingData, store_for, training_data
from striate.tasks.plan import Plan, make_plan
from striate.tasks.preparing import Prepared, prepare
from striate.tasks.report_facts import training_facts
from striate.tasks.request import UNRECORDED, TrainRequest
from striate.tasks.run import Run
from striate.tasks.run_folder import RunFolder, last_unfinished_run, new_run_folder
from striate.tasks.validation import validation
from striate.training import (
    Checkpoints,
    EventLog,
    FitResult,
    Objective,
    OnEvent,
    Recipe,
    RunLock,
    StopSignal,
    balanced_weights,
    changed_settings,
    choose_device,
    fit,
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

    named = isinstance(data, str | Path)
    request = TrainRequest(
        data=str(data) if named else f"arrays ({type(data).__name__})",
        model=model if isinstance(model, str) else type(model).__name__,
        **options,
    )
    network = None if isinstance(model, str) else model
    source = None if named else data
    if not progress:
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
        DataError: the data cannot be trained on; nothing was written but data.json.
        RunError: another process trains in the same folder.
        TrainingError: the loss is not finite, or memory ran out; the last good state is kept.
    """
    folder = _folder_for(request)
    if request.resume:
        request = _resumed(request, folder)
    with RunLock(folder.path):
        watch = together(EventLog(folder.events), on_event)
        started = time.monotonic()
        prepared = prepare(
            source if source is not None else request.data, request, folder, watch, request.split
        )
        plan = make_plan(request, prepared, network)
        folder.write_recipe(plan.request.recorded())
        device = choose_device(plan.request.device)
        data = training_data(prepared, plan, device, watch)
        net = network if network is not None else _new_network(plan)
        with StopSignal() as stop:
            result = _fit(net, plan, data, folder, watch, stop, resume=request.resume)
        folder.write_history(result.history)
        model = _model(net, plan, prepared, data, result)
        model.save(folder.model)
        if result.outcome != "interrupted":
            _judge(model, plan, prepared, data, result, folder, watch)
    return Run(folder, result.outcome, stop.exit_code, time.monotonic() - started)


def _folder_for(request: TrainRequest) -> RunFolder:
    if not request.resume:
        return new_run_folder(request.run_name, request.output_dir)
    if request.output_dir is not None:
        return RunFolder(request.output_dir)
    return last_unfinished_run(request.run_name)


def _resumed(request: TrainRequest, folder: RunFolder) -> TrainRequest:
    """The request that the folder recorded; what was asked now must not contradict it."""
    if not folder.started:
        return request  # stopped before it began: start
    if folder.finished:
        raise UsageError(
            "run-finished",
            f"The training in {folder.path} has ended.",
            f"See {folder.page}, or train afresh in another --output-dir.",
        )
    recorded = TrainRequest.model_validate(folder.read_recipe())
    asked = {name: getattr(request, name) for name in request.model_fields_set}
    wanted = recorded.model_copy(update=asked)
    if changed := changed_settings(recorded.model_dump(exclude=set(UNRECORDED)), wanted):
        raise UsageError(
            "run-resume-changed",
            f"To go on with {folder.path}, its settings must stay: {'; '.join(changed)}.",
            "Leave these options out, or train afresh in another --output-dir.",
        )
    return wanted


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
    *,
    resume: bool,
) -> FitResult:
    return fit(
        network,
        data.train,
        _objective(plan.recipe, data),
        plan.recipe,
        validate=validation(data) if data.val is not None else None,
        monitor=plan.monitor,
        checkpoints=Checkpoints(folder.checkpoints),
        resume=resume,
        on_event=watch,
        stop=stop,
        name_of=lambda record: data.ids[record],
    )


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
