"""The course of one training: steps, epochs, judgements, and what is told of them."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import nn

from striate.errors import TrainingError, unknown_name
from striate.training.batches import Batch, TrainBatches, closed_after, grouped
from striate.training.events import (
    EpochEnded,
    Notice,
    OnEvent,
    Outcome,
    StepEnded,
    TrainingEnded,
    TrainingStarted,
)
from striate.training.keeper import Keeper
from striate.training.learner import Learner
from striate.training.progress import Progress, Row
from striate.training.ranks import Ranks, from_first
from striate.training.recipe import Recipe
from striate.training.schedules import Multiplier
from striate.training.step import NotFinite, step, step_seed
from striate.training.stop import StopSignal
from striate.training.trouble import NameOf, not_finite

EVENT_SECONDS = 0.1  # between two StepEnded
Validate = Callable[[nn.Module], dict[str, float]]


@dataclass(frozen=True)
class FitResult:
    """What a training came to; the network holds the best weights.

    Args:
        history: a row per epoch: epoch (from 1), train_loss, val_…, learning_rate, seconds.
        best_epoch: the epoch, from 1, whose weights the network holds; the last without validation.
        steps: optimizer steps since the very start, interruptions included; likewise `seconds`,
            which counts training and validation.
    """

    history: list[Row]
    best_epoch: int
    epochs_done: int
    steps: int
    seconds: float
    images_per_second: float
    outcome: Outcome


@dataclass
class Course:
    """One call of `fit`, under way."""

    learner: Learner
    batches: TrainBatches
    recipe: Recipe
    steps_per_epoch: int
    keeper: Keeper
    progress: Progress
    validate: Validate | None
    monitor: str
    on_event: OnEvent
    stop: StopSignal | None
    name_of: NameOf
    schedule: Multiplier
    ranks: Ranks | None = None
    next_event: float = 0.0
    told_images: int = 0  # `progress.all_images` and `all_seconds` at the last StepEnded
    told_seconds: float = 0.0

    def run(self) -> FitResult:
        """Epoch after epoch until there is an outcome."""
        self._tell_start()
        while (outcome := self.outcome()) is None:
            self._run_steps()
            if self.progress.step_in_epoch == self.steps_per_epoch:
                self._end_epoch()
        self.keeper.save(self.progress)
        return self._result(outcome)

    def outcome(self) -> Outcome | None:
        """Why training should end now; `None` while it should not."""
        if self.progress.epoch >= (self.recipe.epochs or 0):
            return "finished"
        if self.recipe.patience and self.progress.best.waited >= self.recipe.patience:
            return "stopped_early"
        return "interrupted" if self._asked_to_stop() else None

    def _asked_to_stop(self) -> bool:
        """Whether this process, or another that trains with it, was asked to stop."""
        asked = self.stop is not None and self.stop.requested
        if self.ranks is None:
            return asked
        told = self.ranks.gathered((asked, self.stop.signal if asked and self.stop else None))
        signals = [number for other, number in told if other]
        if signals and not asked and self.stop is not None:
            self.stop.request(signals[0])
        return bool(signals)

    def _asked_to_stop_after_step(self) -> bool:
        if self.learner.shared is not None:
            return self.learner.shared.stop
        return self.stop is not None and self.stop.requested

    def _images(self, group: Sequence[Batch]) -> int:
        """How many the last step saw, in all processes."""
        if self.learner.shared is not None:
            return self.learner.shared.images
        return sum(len(batch.indices) for batch in group)

    def _run_steps(self) -> None:
        """The steps that are left of the epoch, or those before a stop is asked for."""
        start = self.progress.step_in_epoch * self.recipe.accumulate
        clock = time.perf_counter()
        with closed_after(self.batches.epoch(self.progress.epoch, start)) as batches:
            for group in grouped(batches, self.recipe.accumulate):
                loss = self._step(group)
                now = time.perf_counter()
                self.progress.count(loss, self._images(group), now - clock)
                self._tell_step(loss, now)
                if self.progress.step_in_epoch == self.steps_per_epoch:
                    return
                if self._asked_to_stop_after_step():
                    return
                if self.keeper.due(self.progress):
                    self.keeper.save(self.progress)
                    now = time.perf_counter()
                clock = now
        raise _too_few(self.progress.step_in_epoch, self.steps_per_epoch)

    def _step(self, group: Sequence[Batch]) -> float:
        seed = step_seed(self.recipe.seed, self.progress.step)
        if self.ranks is not None and not self.ranks.first:
            seed = step_seed(seed, self.ranks.rank)
        try:
            return step(self.learner, group, self._learning_rate(self.progress.step), seed)
        except NotFinite as fault:
            error = self._not_finite(group, fault)
        self.on_event(Notice("error", error.code, error.what))
        self.keeper.save_sound(self.progress)
        raise error

    def _end_epoch(self) -> None:
        """Judge, write the epoch's row, keep the best, save."""
        progress, start = self.progress, time.perf_counter()
        row: Row = {
            "epoch": progress.epoch + 1,
            "train_loss": progress.loss_sum / progress.images,
            **self._judge(),
            "learning_rate": self._learning_rate(progress.step - 1),
        }
        judging = time.perf_counter() - start
        row["seconds"] = progress.epoch_seconds + judging
        progress.judging_seconds += judging
        is_best = self.validate is not None and progress.best.judge(
            row[self.monitor], progress.epoch + 1, progress.step
        )
        progress.close_epoch(row)
        if is_best:
            self.keeper.keep_best()
        self.on_event(EpochEnded(progress.epoch, self.recipe.epochs or 0, row, is_best))
        self.keeper.save(progress)

    def _judge(self) -> Row:
        """Validation's numbers, under names that start with `val_`."""
        if self.validate is None:
            return {}
        with self.learner.judged() as network:
            judgement = self.validate(network)
        found = from_first(self.ranks, lambda: judgement)
        numbers = {f"val_{name.removeprefix('val_')}": float(v) for name, v in found.items()}
        if self.monitor not in numbers:
            raise unknown_name("number of the validation", self.monitor, numbers)
        return numbers

    def _learning_rate(self, number: int) -> float:
        total = (self.recipe.epochs or 0) * self.steps_per_epoch
        return (self.recipe.learning_rate or 0.0) * self.schedule(number, total)

    def _not_finite(self, group: Sequence[Batch], fault: NotFinite) -> TrainingError:
        place = f"step {self.progress.step + 1} (epoch {self.progress.epoch + 1})"
        return not_finite(self.learner, group, fault, place, self.recipe, self.name_of)

    def _tell_start(self) -> None:
        progress = self.progress
        self.told_images, self.told_seconds = progress.all_images, progress.all_seconds
        self.on_event(
            TrainingStarted(
                epochs=self.recipe.epochs or 0,
                steps_per_epoch=self.steps_per_epoch,
                images_per_epoch=self.batches.steps * (self.recipe.batch_size or 0),
                start_step=progress.step,
                start_epoch=progress.epoch,
                device=str(self.learner.device),
            )
        )

    def _tell_step(self, loss: float, now: float) -> None:
        if now < self.next_event:
            return
        self.next_event = now + EVENT_SECONDS
        progress = self.progress
        images = progress.all_images - self.told_images
        seconds = progress.all_seconds - self.told_seconds
        self.told_images, self.told_seconds = progress.all_images, progress.all_seconds
        self.on_event(
            StepEnded(
                step=progress.step,
                epoch=progress.epoch + 1,
                step_in_epoch=progress.step_in_epoch,
                steps_per_epoch=self.steps_per_epoch,
                loss=loss,
                learning_rate=self._learning_rate(progress.step - 1),
                images_per_second=images / max(seconds, 1e-9),
            )
        )

    def _result(self, outcome: Outcome) -> FitResult:
        progress = self.progress
        result = FitResult(
            history=progress.history,
            best_epoch=self.keeper.load_best(progress),
            epochs_done=progress.epoch,
            steps=progress.step,
            seconds=progress.all_seconds + progress.judging_seconds,
            images_per_second=progress.all_images / max(progress.all_seconds, 1e-9),
            outcome=outcome,
        )
        told = {name: getattr(result, name) for name in TrainingEnded.__dataclass_fields__}
        self.on_event(TrainingEnded(**told))
        return result


def _too_few(steps: int, expected: int) -> TrainingError:
    return TrainingError(
        "train-batches-missing",
        f"An epoch was to have {expected} steps; the batches ended after {steps}.",
        "Let `steps` be the number of batches that `epoch` gives.",
    )
