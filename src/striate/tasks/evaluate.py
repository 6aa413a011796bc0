"""Evaluate: judge a run once more, on its own test part or on other labelled data."""

import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from striate.data import CheckReport, Dataset, Finding, open_dataset, usable
from striate.engines import EngineName, asked_engine
from striate.errors import DataError
from striate.model import Model
from striate.tasks.fields import ask
from striate.tasks.gallery import make_gallery
from striate.tasks.judging import judge_model, write_predictions, write_report
from striate.tasks.loading import store_for
from striate.tasks.preparing import check_data, open_source, prepare, refuse_errors
from striate.tasks.report_facts import data_facts, model_facts
from striate.tasks.request import IN_MEMORY, EvaluateRequest, TrainRequest
from striate.tasks.run import Report, Run, open_run
from striate.tasks.run_folder import RunFolder, new_folder_in
from striate.training import Notice, OnEvent, choose_device, ignore


@dataclass(frozen=True)
class Evaluation:
    """Where the report of an evaluation lies, and what it says."""

    folder: Path
    report: Report


def evaluate(
    run: str | Path | Run, data: Any = None, *, progress: bool = True, **options: Any
) -> Evaluation:
    """Judge a run on its sealed test part, or on other labelled data.

    Args:
        run: a run folder, its name under runs/, or the run itself.
        data: as for `train`; all of its images are judged, or its test part where it has one.
        progress: show how far it is.
        options: the fields of `EvaluateRequest`.
    """
    from striate.report.live import watcher

    opened = run if isinstance(run, Run) else open_run(run)
    source = None if data is None or isinstance(data, str | Path) else data
    named = IN_MEMORY if source is not None else None if data is None else str(data)
    request = ask(EvaluateRequest, {"run": str(opened.folder), "data": named, **options})
    if not progress:
        return carry_out(request, source=source, run=opened)
    with watcher() as watch:
        return carry_out(request, source=source, run=opened, on_event=watch)


def carry_out(
    request: EvaluateRequest,
    *,
    source: Any = None,
    run: Run | None = None,
    on_event: OnEvent = ignore,
) -> Evaluation:
    """Carry out a request.

    Args:
        source: data that no string can name (arrays); `request.data` then only describes them.
        run: the run, where it is open already.
    Raises:
        RunError: there is no such run.
        DataError: the data have classes that the model does not know.
    """
    run = run or open_run(request.run)
    model = run.model
    model.network.to(choose_device(request.device))
    name = "test" if request.data is None else "arrays" if source else Path(request.data).stem
    folder = new_folder_in(run.files.evaluations, name, request.output_dir)
    recipe = ask(TrainRequest, run.files.read_recipe())
    if request.data is None:
        asked = _own_test_part(recipe, run.files, on_event)
    else:
        asked = _other_data(source if source is not None else request.data, recipe, run, on_event)
    store = store_for(asked.part, model)
    judged = judge_model(model, asked.part, store, on_event, _engine(request))
    write_predictions(folder / "predictions.parquet", {"test": judged})
    known = asked.known if asked.known is not None else asked.part
    gallery = make_gallery(model, judged.part, known, store_for(known, model))
    about = data_facts(request.data or recipe.data, known, asked.report)
    about["findings"] += [finding.to_json() for finding in asked.findings]
    facts = {
        "name": f"{run.folder.name} on {name}",
        "data": about,
        "model": model_facts(model, ()),
        "test_openings": run.files.test_openings() if request.data is None else [],
        "reproduce": {"command": _command(request, run)},
    }
    page_file = folder / "report.html"
    report_values = write_report(folder / "report.json", page_file, judged, gallery, facts)
    return Evaluation(folder, Report(report_values, page_file))


def _engine(request: EvaluateRequest) -> EngineName:
    """The network itself for a run's own test part, so that a report can be had again to the last
    bit; unless another engine is asked for."""
    engine = asked_engine(request.engine)
    return "torch" if engine == "auto" and request.data is None else engine


@dataclass(frozen=True)
class _Asked:
    """What a run is judged on.

    Args:
        known: where like training images are looked for.
    """

    part: Dataset
    report: CheckReport
    known: Dataset | None = None
    findings: tuple[Finding, ...] = ()


def _own_test_part(recipe: TrainRequest, files: RunFolder, on_event: OnEvent) -> _Asked:
    """The sealed part of the run's own data; who opens it again is told how often that was."""
    prepared = prepare(open_source(recipe.data, recipe.task), recipe, files, on_event)
    part = prepared.open_test_part(files, "evaluate")
    if (times := len(files.test_openings())) > 1:
        sentence = (
            f"The test part has now been opened {times} times: whoever chooses by it what to "
            "train next needs fresh images for a fair verdict."
        )
        on_event(Notice("info", "data-test-opened", sentence))
    return _Asked(part, prepared.report, prepared.dataset)


def _other_data(source: Any, recipe: TrainRequest, run: Run, on_event: OnEvent) -> _Asked:
    """Labelled images from elsewhere, checked, with the model's classes."""
    opened = open_dataset(source, task=run.model.task, least_classes=1)
    report = check_data(opened, recipe.pixel_cap, on_event)
    refuse_errors(report)
    part = bound_by_name(_test_part(usable(opened, report)), run.model)
    findings = _learnt_before(part, report, run.files)
    for finding in findings:
        on_event(Notice("warning", finding.code, finding.sentence))
    return _Asked(part, report, findings=findings)


def _learnt_before(part: Dataset, report: CheckReport, files: RunFolder) -> tuple[Finding, ...]:
    """A warning where images to judge by are, byte for byte, images that were trained on."""
    learnt = files.trained_hashes()
    hashes = {file.path: file.sha256 for file in report.files}
    again = tuple(name for name in part.ids if hashes.get(name) in learnt)
    if not again:
        return ()
    sentence = (
        f"{len(again):,} of the {len(part):,} images were in the training or validation part of "
        "the run: the result is too good."
    )
    return (Finding("evaluated-on-training-images", "warning", sentence, again[:5]),)


def _command(request: EvaluateRequest, run: Run) -> str:
    words = ["striate", "evaluate", str(run.folder), *([request.data] if request.data else [])]
    return " ".join(shlex.quote(word) for word in words)


def _test_part(dataset: Dataset) -> Dataset:
    """The test part of data that have one, else all of them."""
    test = dataset.where("test")
    part = dataset.select(test) if len(test) else dataset
    return replace(part, split=np.full(len(part), "test"))


def bound_by_name(dataset: Dataset, model: Model) -> Dataset:
    """The same images with the model's classes, in the model's order.

    Raises:
        DataError: a class is unknown to the model.
    """
    if dataset.task == "regression":
        return dataset
    strange = [name for name in dataset.classes if name not in model.classes]
    if strange:
        raise DataError(
            "data-unknown-classes",
            f"The model does not know the classes {', '.join(strange[:5])}; it knows "
            f"{', '.join(model.classes[:10])}.",
            "Classes are bound by name: rename the folders or labels to match.",
        )
    places = np.array([model.classes.index(name) for name in dataset.classes], dtype=np.int64)
    if dataset.task == "multi_label":
        labels = np.zeros((len(dataset), len(model.classes)), np.float32)
        labels[:, places] = dataset.labels
    else:
        labels = places[dataset.labels]
    return replace(dataset, classes=model.classes, labels=labels)
