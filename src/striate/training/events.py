"""What happens during training, told to whoever watches. Events only watch: they change nothing."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from striate.files import cannot_write

Outcome = Literal["finished", "stopped_early", "interrupted"]


@dataclass(frozen=True)
class Event:
    """Something that happened; its fields are plain values."""

    def to_json(self) -> dict[str, Any]:
        """The fields and, under `"event"`, the name of the class; paths become strings."""
        fields = {key: _plain(value) for key, value in asdict(self).items()}
        return {"event": type(self).__name__, **fields}


@dataclass(frozen=True)
class TrainingStarted(Event):
    """Training starts, or goes on at `start_step` of all `steps_per_epoch * epochs` steps."""

    epochs: int
    steps_per_epoch: int
    images_per_epoch: int
    start_step: int
    start_epoch: int
    device: str


@dataclass(frozen=True)
class StepEnded(Event):
    """Some steps ended; sent at most ten times a second. Steps and epochs count from 1."""

    step: int
    epoch: int
    step_in_epoch: int
    steps_per_epoch: int
    loss: float
    learning_rate: float
    images_per_second: float


@dataclass(frozen=True)
class EpochEnded(Event):
    """An epoch ended; `row` is its line of the history."""

    epoch: int
    epochs: int
    row: dict[str, float]
    is_best: bool


@dataclass(frozen=True)
class CheckpointSaved(Event):
    """A checkpoint is safely on the disk."""

    path: Path
    step: int
    seconds: float


@dataclass(frozen=True)
class Notice(Event):
    """Something a person should read."""

    level: Literal["info", "warning", "error"]
    code: str
    sentence: str


@dataclass(frozen=True)
class StageProgress(Event):
    """How far a stage other than training is."""

    stage: str
    done: int
    total: int


@dataclass(frozen=True)
class TrainingEnded(Event):
    """Training ended."""

    outcome: Outcome
    epochs_done: int
    best_epoch: int
    steps: int
    seconds: float
    images_per_second: float


OnEvent = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Watch nothing."""


def together(*watchers: OnEvent) -> OnEvent:
    """One watcher that passes every event to each of these."""

    def watch(event: Event) -> None:
        for watcher in watchers:
            watcher(event)

    return watch


class EventLog:
    """Appends every event as a line of JSON; of `StepEnded` only one a second.

    A line that a crash left half written is cut off when the log is opened again.

    Raises:
        FileError: the file cannot be written.
    """

    def __init__(self, path: Path, step_seconds: float = 1.0) -> None:
        self.path = path
        self.step_seconds = step_seconds
        self._next_step = 0.0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _cut_torn_line(path)
        except OSError as error:
            raise cannot_write(path, error, needed=0) from error

    def __call__(self, event: Event) -> None:
        if isinstance(event, StepEnded):
            now = time.monotonic()
            if now < self._next_step:
                return
            self._next_step = now + self.step_seconds
        line = json.dumps({"time": round(time.time(), 3), **event.to_json()}) + "\n"
        try:
            with self.path.open("ab") as file:
                file.write(line.encode())
        except OSError as error:
            raise cannot_write(self.path, error, needed=len(line)) from error


def read_events(path: Path) -> Iterator[dict[str, Any]]:
    """The events of a log, oldest first; a half-written last line is passed over."""
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield json.loads(line)


def _cut_torn_line(path: Path) -> None:
    if not path.exists():
        return
    with path.open("r+b") as file:
        content = file.read()
        file.truncate(content.rfind(b"\n") + 1)


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value
