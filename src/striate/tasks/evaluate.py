"""Evaluate: judge a run once more, on its own test part or on other labelled data."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from striate.data import Dataset, open_dataset, usable
from striate.errors import DataError
from striate.model import Model
from striate.tasks.gallery import make_gallery
from striate.tasks.judging import judge_model, write_predictions, write_report
from striate.tasks.loading import store_for
from striate.tasks.preparing import check_data, prepare, refuse_errors
from striate.tasks.report_facts import data_facts, model_facts
from striate.tasks.request import EvaluateRequest, TrainRequest
from striate.tasks.run import Report, Run, open_run
from striate.tasks.run_folder import new_folder_in
from striate.training import OnEvent, choose_device, ignore


@dataclass(frozen=True)
class Evaluation:
    """Where the report of an evaluation lies, and what it says."""

    folder: Path
    report: Report


def evaluate(run: str | Path | Run, data: Any = None, **options: Any) -> Evaluation:
    """Judge a run on its sealed test part, or on other labelled data.

    Args:
        run: a run folder, its name under runs/, or the run itself.
        data: as for `train`; all of its images are judged, or its test part where it has one.
    """
    folder = run.folder if isinstance(run, Run) else run
    named = data is None or isinstance(data, str | Path)
    request = EvaluateRequest(
        run=str(folder),
        data=None if data is None else str(data) if named else "arrays",
        **options,
    )
    return carry_out(request, source=None if named else data)


def carry_out(
    request: EvaluateRequest, *, source: Any = None, on_event: OnEvent = ignore
) -> Evaluation:
    """Carry out a request.

    Raises:
        RunError: there is no such run.
        DataError: the data have classes that the model does not know.
    """
    run = open_run(request.run)
    model = run.model
    model.network.to(choose_device(request.device))
    recorded = TrainRequest.model_validate(run.files.read_recipe())
    if request.data is None:
        prepared = prepare(recorded.data, recorded, run.files, on_event)
        part, report, name = prepared.open_test_part(run.files, "evaluate"), prepared.report, "test"
    else:
        opened = open_dataset(source if source is not None else request.data, task=model.task)
        report = check_data(opened, recorded.pixel_cap, on_event)
        refuse_errors(report)
        part = bound_by_name(_test_part(usable(opened, report)), model)
        name = Path(request.data).stem
    store = store_for(part, model)
    judged = judge_model(model, part, store, on_event)
    folder = new_folder_in(run.files.evaluations, name, request.output_dir)
    write_predictions(folder / "predictions.parquet", {"test": judged})
    known, known_store = (prepared.dataset, None) if request.data is None else (part, store)
    gallery = make_gallery(model, judged.part, known, known_store or store_for(known, model))
    facts = {
        "name": f"{run.folder.name} on {name}",
        "data": data_facts(request.data or recorded.data, part, report),
        "model": model_facts(model, ()),
        "test_openings": run.files.test_openings(),
        "reproduce": {"command": f"striate evaluate {run.folder} {request.data or ''}".strip()},
    }
    page_file = folder / "report.html"
    report_values = write_report(folder / "report.json", page_file, judged, gallery, facts)
    return Evaluation(folder, Report(report_values, page_file))


def _test_part(dataset: Dataset) -> Dataset:
    test = dataset.where("test")
    return dataset.select(test) if len(test) else dataset


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
