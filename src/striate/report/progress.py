"""What is known of a training while it runs, gathered from its events."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from striate.report.measures import measure
from striate.report.words import duration, finite

MOST_LOSSES = 512  # points kept of the losses of steps; an even number
QUIET = frozenset({"epoch", "learning_rate", "seconds", "images_per_second"})


@dataclass(frozen=True)
class Stage:
    """Something before or after training that takes a while."""

    name: str
    done: int
    total: int
    began: float


@dataclass
class Progress:
    """The state that every view draws; `see` takes events as the plain values of their JSON.

    Args:
        clock: seconds that only go forward.
    """

    clock: Callable[[], float] = time.monotonic
    stage: Stage | None = None
    epochs: int = 0
    steps_per_epoch: int = 0
    first_step: int = 0
    step: int = 0
    epoch: int = 0
    began: float = 0.0
    training: bool = False
    loss: float | None = None
    speed: float | None = None
    best_epoch: int | None = None
    losses: list[float] = field(default_factory=list)
    rows: list[dict[str, float]] = field(default_factory=list)
    _group: list[float] = field(default_factory=list)
    _group_size: int = 1
    outcome: str = ""
    seconds: float | None = None

    def see(self, event: Mapping[str, Any]) -> None:
        """Take in one event; kinds that are not known change nothing."""
        take = _TAKE.get(str(event.get("event")))
        if take is not None:
            take(self, event)

    @property
    def total_steps(self) -> int:
        return self.epochs * self.steps_per_epoch

    @property
    def seconds_left(self) -> float | None:
        """From the pace since the start, validation included; None before anything is known."""
        done = self.step - self.first_step
        if done < 1 or self.total_steps <= self.step:
            return None
        return (self.clock() - self.began) / done * (self.total_steps - self.step)

    def watched(self) -> list[str]:
        """The keys of the history that are shown, losses first."""
        keys = dict.fromkeys(key for row in self.rows for key in row if key not in QUIET)
        return sorted(keys, key=lambda k: (not k.endswith("loss"), not k.startswith("train")))

    def line(self, row: Mapping[str, float]) -> str:
        """One epoch in one line, for pipes and logs."""
        epoch = int(row.get("epoch") or self.epoch)
        parts = [f"epoch {epoch}" + (f"/{self.epochs}" if self.epochs else "")]
        keys = sorted(
            (k for k in row if k not in QUIET),
            key=lambda k: (not k.endswith("loss"), not k.startswith("train")),
        )
        parts += [f"{spoken(key)} {told(key, row.get(key))}" for key in keys]
        if self.speed:
            parts.append(f"{self.speed:,.0f} images/s")
        if (left := self.seconds_left) is not None:
            parts.append(f"{duration(left)} left")
        return "  ".join(parts)

    def _started(self, event: Mapping[str, Any]) -> None:
        self.epochs = int(event.get("epochs") or 0)
        self.steps_per_epoch = int(event.get("steps_per_epoch") or 0)
        self.first_step = self.step = int(event.get("start_step") or 0)
        self.epoch = self.step // self.steps_per_epoch + 1 if self.steps_per_epoch else 1
        self.began, self.training, self.stage, self.outcome = self.clock(), True, None, ""

    def _stepped(self, event: Mapping[str, Any]) -> None:
        self.stage = None
        self.step = int(event.get("step") or self.step)
        self.epoch = int(event.get("epoch") or self.epoch)
        self.speed = finite(event.get("images_per_second")) or self.speed
        self.loss = finite(event.get("loss"))
        if self.loss is not None:
            self._keep(self.loss)

    def _keep(self, loss: float) -> None:
        """Add to the curve of losses, whose points are means of equally many steps each."""
        self._group.append(loss)
        if len(self._group) < self._group_size:
            return
        self.losses.append(sum(self._group) / len(self._group))
        self._group.clear()
        if len(self.losses) == MOST_LOSSES:
            pairs = zip(self.losses[::2], self.losses[1::2], strict=True)
            self.losses = [(a + b) / 2 for a, b in pairs]
            self._group_size *= 2

    def _ended_epoch(self, event: Mapping[str, Any]) -> None:
        row = {k: v for k, value in event["row"].items() if (v := finite(value)) is not None}
        self.stage = None
        self.epoch = int(event.get("epoch") or self.epoch)
        self.rows.append({**row, "epoch": self.epoch})
        self.step = max(self.step, self.epoch * self.steps_per_epoch)
        if event.get("is_best"):
            self.best_epoch = self.epoch

    def _staged(self, event: Mapping[str, Any]) -> None:
        name, done, total = str(event.get("stage")), int(event["done"]), int(event["total"])
        same = self.stage is not None and self.stage.name == name and self.stage.done <= done
        began = self.stage.began if same and self.stage else self.clock()
        self.stage = Stage(name, done, total, began)

    def _ended(self, event: Mapping[str, Any]) -> None:
        self.training, self.stage = False, None
        self.outcome = str(event.get("outcome"))
        self.seconds = finite(event.get("seconds"))
        self.best_epoch = event.get("best_epoch") or self.best_epoch


_TAKE: dict[str, Callable[[Progress, Mapping[str, Any]], None]] = {
    "TrainingStarted": Progress._started,
    "StepEnded": Progress._stepped,
    "EpochEnded": Progress._ended_epoch,
    "StageProgress": Progress._staged,
    "TrainingEnded": Progress._ended,
}


def spoken(key: str) -> str:
    """A key of the history as words: `val_accuracy` is the accuracy on validation images."""
    part, _, rest = key.partition("_")
    if part in ("train", "val") and rest:
        return f"{part} {measure(rest).title.lower()}"
    return measure(key).title.lower()


def told(key: str, value: float | None) -> str:
    """A value of the history: shares in percent, losses to four digits, both of steady width."""
    if value is None:
        return "-"
    if measure(key).unit == "fraction":
        return f"{100 * value:.1f} %"
    return f"{value:.4f}" if abs(value) < 100 else f"{value:,.1f}"
