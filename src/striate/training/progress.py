"""How far a training is: plain numbers, all of which a checkpoint keeps."""

import math
from dataclasses import asdict, dataclass, field
from typing import Any

Row = dict[str, float]


@dataclass
class Best:
    """The best judgement so far, and how many epochs ago it was: all that early stopping needs."""

    value: float = math.inf
    epoch: int = 0
    step: int | None = None
    waited: int = 0

    def judge(self, value: float, epoch: int, step: int) -> bool:
        """Take an epoch's judgement (lower is better, NaN is worst); whether it is the best."""
        if value < self.value:
            self.value, self.epoch, self.step, self.waited = value, epoch, step, 0
            return True
        self.waited += 1
        return False


@dataclass
class Progress:
    """Position, running sums of the epoch under way, and the history.

    Args:
        step: optimizer steps done in all.
        epoch: epochs done; also the number, from 0, of the one under way.
        step_in_epoch: optimizer steps done of the epoch under way.
        loss_sum: sum over the images of this epoch of their loss.
        images: images seen in this epoch.
        epoch_seconds: time spent on this epoch, over all interruptions.
        all_images, all_seconds: images seen and time spent training since the very start.
        judging_seconds: time spent in validation since the very start.
    """

    step: int = 0
    epoch: int = 0
    step_in_epoch: int = 0
    loss_sum: float = 0.0
    images: int = 0
    epoch_seconds: float = 0.0
    all_images: int = 0
    all_seconds: float = 0.0
    judging_seconds: float = 0.0
    best: Best = field(default_factory=Best)
    history: list[Row] = field(default_factory=list)

    def count(self, loss: float, images: int, seconds: float) -> None:
        """Take a step's mean loss over its images, and its time."""
        self.step += 1
        self.step_in_epoch += 1
        self.loss_sum += loss * images
        self.images += images
        self.all_images += images
        self.all_seconds += seconds
        self.epoch_seconds += seconds

    def close_epoch(self, row: Row) -> None:
        """Append the epoch's row and start the next."""
        self.history.append(row)
        self.epoch += 1
        self.step_in_epoch = self.images = 0
        self.loss_sum = self.epoch_seconds = 0.0

    def to_json(self) -> dict[str, Any]:
        """Plain values; JSON has no NaN or infinity, so these become strings."""
        return _spelled(asdict(self))

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Progress":
        """What `to_json` gave."""
        best = dict(values["best"])
        best["value"] = float(best["value"])
        history = [
            {name: float(value) if isinstance(value, str) else value for name, value in row.items()}
            for row in values["history"]
        ]
        return cls(**{**values, "best": Best(**best), "history": history})


def _spelled(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _spelled(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_spelled(inner) for inner in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
