"""Compare: is one run better than another on the images that both were judged on?"""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from striate.errors import DataError, UsageError
from striate.files import parse_json
from striate.metrics import paired
from striate.tasks.fields import ask
from striate.tasks.request import CompareRequest
from striate.tasks.run import Run
from striate.tasks.run_folder import RunFolder, find_run


def compare(run_a: str | Path | Run, run_b: str | Path | Run) -> dict[str, Any]:
    """A paired test of two runs on the test images that both were judged on, said in words."""
    names = [str(run.folder if isinstance(run, Run) else run) for run in (run_a, run_b)]
    return carry_out(ask(CompareRequest, {"run_a": names[0], "run_b": names[1]}))


def carry_out(request: CompareRequest) -> dict[str, Any]:
    """Carry out a request; the answer is that of `striate.metrics.paired`, with the runs' names.

    Raises:
        UsageError: both are the same run.
        RunError: a run is missing or unfinished.
        DataError: the two were not judged on the same images, or have other classes.
    """
    a, b = find_run(request.run_a), find_run(request.run_b)
    if a.path.resolve() == b.path.resolve():
        raise UsageError(
            "usage-same-run", f"{a.path} is compared with itself.", "Name two different runs."
        )
    first, second = _test_rows(a), _test_rows(b)
    task, classes = _same_question(first, second, a, b)
    at = {name: row for row, name in enumerate(second.column("id").to_pylist())}
    shared = [
        (row, at[name]) for row, name in enumerate(first.column("id").to_pylist()) if name in at
    ]
    if not shared:
        raise DataError(
            "data-no-shared-images",
            f"{a.path} and {b.path} were not judged on any image in common.",
            f"Train the second with the split of the first: --split {a.split}",
        )
    rows = np.array(shared)
    first, second = first.take(rows[:, 0]), second.take(rows[:, 1])
    truth = first.column("true").to_pylist()
    if truth != second.column("true").to_pylist():
        raise DataError(
            "data-labels-differ",
            "The two runs have different labels for the same images.",
            "Train both from the same data.",
        )
    names = (a.path.name, b.path.name)
    if names[0] == names[1]:
        names = (str(a.path), str(b.path))
    answer = paired(
        task,
        _values(first, task),
        _values(second, task),
        _targets(truth, task, classes),
        names=names,
    )
    return {"a_run": str(a.path), "b_run": str(b.path), **answer}


def _test_rows(run: RunFolder) -> pa.Table:
    run.read_report()  # refuses an unfinished run
    table = pq.read_table(run.predictions)
    return table.filter(pa.compute.equal(table.column("split"), "test"))


def _same_question(
    first: pa.Table, second: pa.Table, a: RunFolder, b: RunFolder
) -> tuple[Any, list[str]]:
    asked = [table.schema.metadata or {} for table in (first, second)]
    if asked[0].get(b"task") != asked[1].get(b"task") or asked[0].get(b"classes") != asked[1].get(
        b"classes"
    ):
        raise DataError(
            "data-other-classes",
            f"{a.path} and {b.path} answer different questions: their classes differ.",
            "Compare runs that were trained on the same classes.",
        )
    classes = parse_json(asked[0][b"classes"].decode(), str(a.predictions))
    return asked[0][b"task"].decode(), list(classes)


def _values(table: pa.Table, task: str) -> np.ndarray:
    values = np.array(table.column("probabilities").to_pylist(), dtype=np.float64)
    return values[:, 0] if task == "regression" else values


def _targets(truth: list[str], task: str, classes: list[str]) -> np.ndarray:
    if task == "regression":
        return np.array([float(text) for text in truth])
    if task == "multi_label":
        return np.array([[name in text.split("|") for name in classes] for text in truth], float)
    return np.array([classes.index(text) for text in truth])
