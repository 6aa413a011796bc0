"""Several phases as one training: what is told, and which weights are kept in the end."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from torch import Tensor, nn

from striate.tasks.tuning import Phase
from striate.training import (
    EpochEnded,
    Event,
    FitResult,
    Notice,
    OnEvent,
    StepEnded,
    TrainingEnded,
    TrainingStarted,
)

SPOILT = 1.5  # times the validation loss of the head alone: what was learnt is being destroyed
SLACK = 0.1  # of loss besides, since that of a good head is near 0


@dataclass
class PhasedCourse:
    """The phases as one training: events and epochs go on counting, the best phase is kept.

    It watches the learning rate: a loss far above that of the head alone is told, with a remedy.
    """

    epochs: int
    watch: OnEvent
    done: list[FitResult] = field(default_factory=list)
    best_loss: float | None = None
    best_tensors: Mapping[str, Tensor] | None = None
    best_epoch: int = 0
    best_name: str = ""
    warned: bool = False

    def __call__(self, event: Event) -> None:
        before = sum(result.epochs_done for result in self.done)
        steps = sum(result.steps for result in self.done)
        if isinstance(event, TrainingStarted):
            if self.done:
                return  # one training, whatever the phases
            event = replace(event, epochs=self.epochs)
        elif isinstance(event, TrainingEnded):
            return
        elif isinstance(event, StepEnded):
            event = replace(event, step=event.step + steps, epoch=event.epoch + before)
        elif isinstance(event, EpochEnded):
            row = event.row | {"epoch": event.row["epoch"] + before}
            event = replace(event, epoch=event.epoch + before, epochs=self.epochs, row=row)
            self._look(event)
        self.watch(event)

    def add(self, phase: Phase, result: FitResult, network: nn.Module, monitor: str) -> None:
        """A phase ended; remember its weights where they are the best so far."""
        before = sum(one.epochs_done for one in self.done)
        self.done.append(result)
        losses = [row[monitor] for row in result.history if monitor in row]
        if result.epochs_done == 0 and len(self.done) > 1:
            return  # interrupted before its first judgement
        if not losses or self.best_loss is None or min(losses) < self.best_loss:
            self.best_loss = min(losses) if losses else None
            self.best_epoch, self.best_name = before + result.best_epoch, phase.name
            self.best_tensors = {n: t.detach().clone() for n, t in network.state_dict().items()}

    def end(self, network: nn.Module, monitor: str) -> FitResult:
        """The best weights into the network, and the phases' results as one."""
        last = self.done[-1]
        if self.best_tensors is not None:
            network.load_state_dict(self.best_tensors)
        later = [row[monitor] for one in self.done[1:] for row in one.history if monitor in row]
        if later and self.best_epoch <= self.done[0].epochs_done:
            sentence = (
                "Training more than the head made validation no better "
                f"({monitor} {min(later):.3f} against "
                f"{self.best_loss:.3f}): the weights of the head's phase are kept."
            )
            self.watch(Notice("warning", "train-tuning-no-gain", sentence))
        seconds = sum(result.seconds for result in self.done)
        whole = FitResult(
            history=self._history(),
            best_epoch=self.best_epoch,
            epochs_done=sum(result.epochs_done for result in self.done),
            steps=sum(result.steps for result in self.done),
            seconds=seconds,
            images_per_second=sum(r.images_per_second * r.seconds for r in self.done)
            / max(seconds, 1e-9),
            outcome=last.outcome,
        )
        told = {name: getattr(whole, name) for name in TrainingEnded.__dataclass_fields__}
        self.watch(TrainingEnded(**told))
        return whole

    def _history(self) -> list[dict[str, float]]:
        rows, before = [], 0
        for result in self.done:
            rows += [row | {"epoch": row["epoch"] + before} for row in result.history]
            before += result.epochs_done
        return rows

    def _look(self, event: EpochEnded) -> None:
        """Tell, once, when the learning rate destroys what the weights knew."""
        loss = event.row.get("val_loss")
        if self.warned or loss is None or self.best_loss is None or not self.done:
            return
        if loss > SPOILT * self.best_loss + SLACK:
            self.warned = True
            rate = event.row["learning_rate"]
            sentence = (
                f"Training the stages makes it worse: the validation loss is {loss:.2f}, after the "
                f"head alone it was {self.best_loss:.2f}. The learning rate ({rate:.1g} now) "
                "probably destroys what the weights knew; try a tenth of it with --learning-rate, "
                "or --tune head."
            )
            self.watch(Notice("warning", "train-rate-destroys", sentence))
