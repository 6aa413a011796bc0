"""From a trained model to report.json, report.html and predictions.parquet."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from torch import Tensor

from striate import __version__
from striate.data import Batch, CanvasStore, Dataset, EvalBatches
from striate.engines import EngineName
from striate.files import canonical_json, write_atomic
from striate.inference import BATCH_SIZE, probabilities
from striate.metrics import judge, verdict
from striate.model import Model
from striate.report import page
from striate.tasks.gallery import Gallery, Part
from striate.training import OnEvent, StageProgress

REPORT_FORMAT = 1


@dataclass(frozen=True)
class Judged:
    """A labelled data set with a model's answers and every score of them.

    Args:
        outputs: the network's raw outputs, [n, classes] or [n, 1].
        scores: what `striate.metrics.judge` found; empty where there were no images.
    """

    part: Part
    outputs: NDArray[np.float32]
    scores: Mapping[str, Any]
    sentence: str


def judge_model(
    model: Model,
    dataset: Dataset,
    store: CanvasStore,
    on_event: OnEvent,
    engine: EngineName = "torch",
) -> Judged:
    """Let the model answer every image and score the answers.

    Args:
        engine: the network itself, unless told otherwise: who judges the same images again gets
            the same numbers to the last bit.
    """
    batches = EvalBatches(
        store,
        torch.from_numpy(dataset.labels),
        np.arange(len(dataset)),
        batch_size=BATCH_SIZE,
        preprocessing=model.preprocessing,
    )
    counted = _counted(batches, len(dataset), on_event)
    outputs = model.answering().outputs(counted, len(dataset), engine)
    values = model.answers(outputs)
    part = Part(dataset, store, values)
    if not len(dataset):
        return Judged(part, outputs, {}, "There is no test part, so nothing is known of its worth.")
    plain = None
    if model.task == "single_label":
        plain = probabilities(model.task, outputs)
    scores = judge(
        model.task,
        values,
        dataset.labels,
        dataset.classes,
        uncalibrated=plain,
        temperature=model.temperature,
    )
    return Judged(part, outputs, scores, verdict(model.task, scores))


def write_predictions(path: Path, judged: Mapping[str, Judged]) -> None:
    """One row an image: part, id, truth, answer, probabilities, raw outputs.

    With the temperature in the model file every number of the report follows from it.
    """
    tables = [_table(name, one) for name, one in judged.items() if len(one.part.dataset)]
    path.parent.mkdir(parents=True, exist_ok=True)
    sink = pa.BufferOutputStream()
    pq.write_table(pa.concat_tables(tables) if tables else pa.table({}), sink)
    write_atomic(path, sink.getvalue().to_pybytes())


def _table(name: str, judged: Judged) -> pa.Table:
    dataset, values = judged.part.dataset, judged.part.values
    rows = range(len(dataset))
    columns: dict[str, Any] = {
        "split": [name] * len(dataset),
        "id": list(dataset.ids),
        "true": [dataset.label_text(row) for row in rows],
        "outputs": list(judged.outputs.reshape(len(dataset), -1)),
    }
    if dataset.task == "regression":
        columns |= {"predicted": [repr(float(v)) for v in values], "probabilities": None}
        columns["probabilities"] = [[float(v)] for v in values]
    else:
        columns["predicted"] = [_named(dataset, values[row]) for row in rows]
        columns["probabilities"] = list(values)
    table = pa.table(columns)
    classes = canonical_json(list(dataset.classes))
    return table.replace_schema_metadata({"classes": classes, "task": dataset.task})


def _named(dataset: Dataset, row: NDArray[np.float64]) -> str:
    if dataset.task == "multi_label":
        return "|".join(dataset.classes[k] for k in np.flatnonzero(row >= 0.5))
    return dataset.classes[int(row.argmax())]


def write_report(
    report_file: Path,
    page_file: Path,
    judged: Judged,
    gallery: Gallery,
    facts: Mapping[str, Any],
) -> dict[str, Any]:
    """Put everything together; write report.json, then the page of the same content."""
    report = {
        "format": REPORT_FORMAT,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "version": __version__,
        "task": judged.part.dataset.task,
        "verdict": judged.sentence,
        "classes": list(judged.part.dataset.classes),
        "metrics": {},
        **judged.scores,
        "mistakes": gallery.mistakes,
        "hardest": gallery.hardest,
        "notes": [*judged.scores.get("notes", ()), *gallery.notes],
        **facts,
    }
    write_atomic(page_file, page(report, gallery.pictures))
    write_atomic(report_file, canonical_json(report))
    return report


def _counted(batches: Iterable[Batch], total: int, on_event: OnEvent) -> Iterator[Tensor]:
    done = 0
    for batch in batches:
        yield batch.images
        done += len(batch.images)
        on_event(StageProgress("Judging on the test part", done, total))
