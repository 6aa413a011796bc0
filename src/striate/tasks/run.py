"""What a training leaves in one's hands: the run, with its model and its report."""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from torch import nn

from striate.metrics import Estimate
from striate.model import Model
from striate.stored_model import load
from striate.tasks.run_folder import RunFolder, find_run

Outcome = Literal["finished", "stopped_early", "interrupted"]


@dataclass(frozen=True)
class Report(Mapping[str, Any]):
    """The contents of a report.json; the metrics are estimates with an interval and n."""

    content: Mapping[str, Any]
    page: Path

    @property
    def metrics(self) -> dict[str, Estimate]:
        """Name to value, low, high and n."""
        return {name: Estimate(**number) for name, number in self.content["metrics"].items()}

    @property
    def verdict(self) -> str:
        """The result in a sentence or two."""
        return str(self.content["verdict"])

    def __getitem__(self, key: str) -> Any:
        return self.content[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.content)

    def __len__(self) -> int:
        return len(self.content)

    def __repr__(self) -> str:
        return f"{self.verdict}\n{self.page}"


@dataclass(frozen=True)
class Run:
    """A run folder and how its training ended.

    Args:
        held: the model, where it is in memory already; else it is read from the folder.
    """

    files: RunFolder
    outcome: Outcome = "finished"
    exit_code: int = 0
    seconds: float = 0.0
    held: Model | None = field(default=None, repr=False)

    @property
    def folder(self) -> Path:
        return self.files.path

    @cached_property
    def model(self) -> Model:
        """The trained model."""
        return self.held if self.held is not None else load(self.files.model)

    @property
    def report(self) -> Report:
        """What the test part said.

        Raises:
            RunError: the training was interrupted before it was judged.
        """
        return Report(self.files.read_report(), self.files.page)

    @property
    def history(self) -> list[dict[str, float]]:
        """One row an epoch: epoch, train_loss, val_loss, val_accuracy, learning_rate, seconds."""
        with self.files.history.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        return [{key: float(value) for key, value in row.items() if value} for row in rows]

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r}, {self.outcome})"


def open_run(run: str | Path, network: nn.Module | None = None) -> Run:
    """A run from earlier, by its folder or its name under runs/.

    Args:
        network: of your own class, to take the weights of a run that trained one.
    Raises:
        RunError: there is no such run.
        FileError: the network does not fit the run's model file.
    """
    files = find_run(run)
    outcome: Outcome = "finished" if files.finished else "interrupted"
    return Run(files, outcome, held=None if network is None else load(files.model, network))
