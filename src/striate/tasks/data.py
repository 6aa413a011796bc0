"""Look at data before training: check them, split them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from striate.data import CheckReport, Dataset, open_dataset, split, write_split
from striate.errors import UsageError
from striate.files import canonical_json, write_atomic
from striate.tasks.preparing import check_data, refuse_errors
from striate.tasks.request import DataCheckRequest, DataSplitRequest
from striate.training import OnEvent, ignore


@dataclass(frozen=True)
class Checked:
    """A data set and what the check found in it."""

    dataset: Dataset
    report: CheckReport

    @property
    def has_errors(self) -> bool:
        return any(finding.severity == "error" for finding in self.report.findings)

    def to_json(self) -> dict[str, Any]:
        """The content of data.json, with the kind of labels and the classes."""
        about = {"task": self.dataset.task, "classes": list(self.dataset.classes)}
        return about | self.report.to_json()


def check(request: DataCheckRequest, *, on_event: OnEvent = ignore) -> Checked:
    """Open every file of a data set and say what is wrong with it."""
    dataset = open_dataset(request.data, task=request.task)
    checked = Checked(dataset, check_data(dataset, request.pixel_cap, on_event))
    if request.output is not None:
        write_atomic(request.output, canonical_json(checked.to_json()))
    return checked


@dataclass(frozen=True)
class Parted:
    """Where split.csv lies, and how many images each part has."""

    path: Path
    counts: dict[str, int]


def part(request: DataSplitRequest, *, on_event: OnEvent = ignore) -> Parted:
    """Check a data set and part it.

    Raises:
        UsageError: the file to write exists.
        DataError: the check found errors.
    """
    if request.output.exists():
        raise UsageError(
            "usage-output-exists",
            f"{request.output} exists already.",
            "Name another file with --output, or delete it first.",
        )
    dataset = open_dataset(request.data, task=request.task)
    report = check_data(dataset, request.pixel_cap, on_event)
    refuse_errors(report)
    parted = split(dataset, report, seed=request.seed, val=request.val, test=request.test)
    write_split(parted, request.output)
    counts = {name: len(parted.where(name)) for name in ("train", "val", "test")}
    return Parted(request.output, counts)
