"""Data made ready: opened, checked file by file, split, and the test part sealed."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from striate.data import (
    CheckReport,
    Dataset,
    Task,
    check,
    open_dataset,
    read_split,
    split,
    usable,
    write_split,
)
from striate.errors import DataError
from striate.files import canonical_json, parse_json, write_atomic
from striate.tasks.request import IN_MEMORY
from striate.tasks.run_folder import RunFolder
from striate.training import Notice, OnEvent, Ranks, StageProgress, from_first


class DataOptions(Protocol):
    """The fields of a request that say how data become ready."""

    @property
    def task(self) -> Any: ...
    @property
    def val(self) -> float: ...
    @property
    def test(self) -> float: ...
    @property
    def seed(self) -> int: ...
    @property
    def pixel_cap(self) -> int: ...


@dataclass(frozen=True)
class Prepared:
    """Checked and split data. `open_test_part` is the only way to the test images."""

    dataset: Dataset
    report: CheckReport

    @property
    def task(self) -> Task:
        return self.dataset.task

    def counts(self) -> Mapping[str, int]:
        """Images in each part."""
        return {part: len(self.dataset.where(part)) for part in ("train", "val", "test")}

    def sizes(self, part: str) -> NDArray[np.int32]:
        """Height, width and channels of the images of a part, [n, 3]."""
        found: NDArray[np.int32] = self.report.sizes[self.report.kept][self.dataset.where(part)]
        return found

    def hashes(self) -> dict[str, str]:
        """SHA-256 of every used image by its id."""
        return {file.path: file.sha256 for file in self.report.files if file.status == "used"}

    def training_part(self) -> Dataset:
        """Train and validation records, without the test part."""
        rows = np.concatenate([self.dataset.where("train"), self.dataset.where("val")])
        return self.dataset.select(rows)

    def open_test_part(self, folder: RunFolder, by: str) -> Dataset:
        """Break the seal: the opening is logged first."""
        folder.log_test_opening(by)
        return self.dataset.select(self.dataset.where("test"))


def open_source(source: Any, task: Task | Literal["auto"]) -> Dataset:
    """Open data that a run was or is to be trained on.

    Raises:
        DataError: they cannot be opened, or lived in a program's memory.
    """
    if isinstance(source, str) and source == IN_MEMORY:
        raise DataError(
            "data-in-memory",
            "The run was trained on arrays in the memory of a program.",
            "Hand them over in Python: st.train(data, …) or st.evaluate(run, data).",
        )
    return open_dataset(source, task=task)


def prepare(
    dataset: Dataset,
    options: DataOptions,
    folder: RunFolder,
    on_event: OnEvent,
    split_file: Path | None = None,
) -> Prepared:
    """Check and split; write data.json and split.csv, or hold them against those of the run.

    Raises:
        DataError: the check found errors, or the data changed since the run began.
    """
    report = check_data(dataset, options.pixel_cap, on_event)
    if folder.started:
        _check_unchanged(folder, report.to_json())
        return Prepared(read_split(usable(dataset, report), folder.split), report)
    write_atomic(folder.data, canonical_json(report.to_json()))
    refuse_errors(report)
    if split_file is not None:
        parted = read_split(usable(dataset, report), split_file)
    else:
        parted = split(dataset, report, seed=options.seed, val=options.val, test=options.test)
    write_split(parted, folder.split)
    prepared = Prepared(parted, report)
    on_event(Notice("info", "data-parts", _account(prepared)))
    for finding in report.findings:
        if finding.severity == "warning":
            on_event(Notice("warning", finding.code, finding.sentence))
    return prepared


def prepared_by_first(
    dataset: Dataset,
    options: DataOptions,
    folder: RunFolder,
    on_event: OnEvent,
    split_file: Path | None,
    ranks: Ranks | None,
) -> Prepared:
    """`prepare` by the first of several processes; the others read what it found."""
    made: list[Prepared] = []

    def check_and_split() -> CheckReport:
        made.append(prepare(dataset, options, folder, on_event, split_file))
        return made[0].report

    report = from_first(ranks, check_and_split)
    return made[0] if made else Prepared(read_split(usable(dataset, report), folder.split), report)


def _account(prepared: Prepared) -> str:
    """`500 files found, 497 used: 320 to train, 80 to validate, 97 to test.`"""
    counts, parts = prepared.report.counts, prepared.counts()
    return (
        f"{counts['found']:,} images found, {counts['used']:,} used: {parts['train']:,} to train, "
        f"{parts['val']:,} to validate, {parts['test']:,} to test."
    )


def check_data(dataset: Dataset, pixel_cap: int, on_event: OnEvent) -> CheckReport:
    """Open every file, telling how far it is."""
    return check(
        dataset,
        pixel_cap=pixel_cap,
        on_progress=lambda done, total: on_event(StageProgress("Checking the files", done, total)),
    )


def refuse_errors(report: CheckReport) -> None:
    """Raise when the check found what nobody should train on."""
    errors = [finding for finding in report.findings if finding.severity == "error"]
    if errors:
        raise DataError(
            f"data-{errors[0].code.removeprefix('data-')}",
            " ".join(finding.sentence for finding in errors),
            "Mend the data and start again; no file was changed.",
        )


def _check_unchanged(folder: RunFolder, now: dict[str, Any]) -> None:
    before = parse_json(folder.data.read_text(encoding="utf-8"), str(folder.data))
    old = {file["path"]: file["sha256"] for file in before["files"]}
    new = {file["path"]: file["sha256"] for file in now["files"]}
    changed = sorted(path for path in old.keys() | new.keys() if old.get(path) != new.get(path))
    if changed:
        raise DataError(
            "data-changed",
            f"{len(changed)} files differ from when the run in {folder.path} began, such as "
            f"{', '.join(changed[:3])}.",
            "Put them back, or train afresh in another --output-dir.",
        )
