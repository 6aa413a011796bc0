"""What is kept of a training: checkpoints, the best weights, and the way back to both."""

import time
from dataclasses import dataclass, field

import torch
from torch import Tensor

from striate.errors import FileError
from striate.training.checkpoint import Checkpoint, Checkpoints
from striate.training.events import CheckpointSaved, Notice, OnEvent
from striate.training.fingerprint import Fingerprint, differences, fingerprint
from striate.training.learner import Learner, load_network, network_tensors
from striate.training.progress import Progress
from striate.training.ranks import Ranks, from_first
from striate.training.recipe import Recipe, changed_settings


@dataclass
class Keeper:
    """Saves when it is time, finds the best weights again, resumes.

    Without checkpoints the best weights are kept in memory; with them, on the disk alone. Of
    several processes the first one writes; all read.
    """

    learner: Learner
    recipe: Recipe
    steps_per_epoch: int
    checkpoints: Checkpoints | None
    on_event: OnEvent
    ranks: Ranks | None = None
    best_tensors: dict[str, Tensor] | None = None
    next_save: float = field(init=False)

    def __post_init__(self) -> None:
        self._wait()

    def due(self, progress: Progress) -> bool:
        """Whether a checkpoint should be saved within the epoch."""
        every = self.recipe.checkpoint_steps
        by_step = every is not None and progress.step % every == 0
        return by_step or time.monotonic() >= self.next_save

    def save(self, progress: Progress) -> None:
        """Save everything that influences the future, unless this step is saved already."""
        if self.checkpoints is None or not self._writes:
            return
        if progress.step in self.checkpoints.steps():
            return
        start = time.perf_counter()
        path = self.checkpoints.save(
            progress.step, self.learner.tensors(), self._state(progress), progress.best.step
        )
        self.on_event(CheckpointSaved(path, progress.step, time.perf_counter() - start))
        self._wait()

    def save_sound(self, progress: Progress) -> None:
        """Save before an error ends the training, unless the weights themselves are unsound."""
        if progress.step and all(torch.isfinite(w).all() for w in self.learner.weights):
            self.save(progress)

    def keep_best(self) -> None:
        """Called at a new best: remember the weights, where no checkpoint does."""
        if self.checkpoints is None:
            now = self._judged_tensors()
            if self.best_tensors is None:
                self.best_tensors = {name: torch.empty_like(t) for name, t in now.items()}
            for name, tensor in self.best_tensors.items():
                tensor.copy_(now[name])

    def load_best(self, progress: Progress) -> int:
        """Leave the best weights in the network; their epoch, or the last where none was judged."""
        best = progress.best
        tensors, epoch = self._judged_tensors(), progress.epoch
        if best.step is not None and best.step != progress.step:
            found = self._best_of_before(best.step)
            tensors, epoch = (found, best.epoch) if found else (tensors, epoch)
        load_network(self.learner.network, tensors, "the best weights")
        return epoch

    def resume(self) -> Progress:
        """Go back to the latest checkpoint; a new beginning where there is none."""
        checkpoint = self._latest(self.checkpoints) if self.checkpoints else None
        if checkpoint is None:
            sentence = "There is no checkpoint to resume: training starts at the beginning."
            self.on_event(Notice("info", "train-nothing-to-resume", sentence))
            return Progress()
        self._check_same_data(checkpoint)
        self._tell_differences(checkpoint)
        self.learner.load(checkpoint, checkpoint.state["learner"])
        return Progress.from_json(checkpoint.state["progress"])

    @property
    def _writes(self) -> bool:
        return self.ranks is None or self.ranks.first

    def _latest(self, checkpoints: Checkpoints) -> Checkpoint | None:
        """The newest that is whole, by the judgement of the first process."""
        found = checkpoints.latest(self.on_event) if self._writes else None
        step = from_first(self.ranks, lambda: found.step if found else None)
        return found or (None if step is None else checkpoints.load(step))

    def _state(self, progress: Progress) -> dict[str, object]:
        return {
            "progress": progress.to_json(),
            "learner": self.learner.numbers(),
            "recipe": self.recipe.model_dump(),
            "steps_per_epoch": self.steps_per_epoch,
            "fingerprint": self._fingerprint(),
        }

    def _fingerprint(self) -> Fingerprint:
        return fingerprint(self.learner.device, self.ranks.count if self.ranks else 1)

    def _judged_tensors(self) -> dict[str, Tensor]:
        """What validation judges: the average where there is one, else the weights."""
        ema = self.learner.ema
        return ema.tensors() if ema else network_tensors(self.learner.network)

    def _best_of_before(self, step: int) -> dict[str, Tensor] | None:
        if self.checkpoints is None:
            return self.best_tensors
        try:
            return self.checkpoints.load(step).tensors("ema" if self.learner.ema else "network")
        except FileError as error:
            sentence = f"{error.what} The best weights are lost; the last ones are used instead."
            self.on_event(Notice("warning", "checkpoint-best-lost", sentence))
            return None

    def _check_same_data(self, checkpoint: Checkpoint) -> None:
        before = checkpoint.state["steps_per_epoch"]
        if before != self.steps_per_epoch:
            raise FileError(
                "checkpoint-other-data",
                f"{checkpoint.path} is of epochs of {before} steps; "
                f"this training has {self.steps_per_epoch}.",
                "Resume with the same data, batch size and accumulation.",
            )

    def _tell_differences(self, checkpoint: Checkpoint) -> None:
        changed = {
            "train-other-machine": differences(
                checkpoint.state["fingerprint"], self._fingerprint()
            ),
            "train-other-recipe": changed_settings(checkpoint.state["recipe"], self.recipe),
        }
        for code, what in changed.items():
            if what:
                sentence = f"Continuing, not bitwise as without the break: {'; '.join(what)}."
                self.on_event(Notice("warning", code, sentence))

    def _wait(self) -> None:
        self.next_save = time.monotonic() + self.recipe.checkpoint_every
