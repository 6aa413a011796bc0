"""What every loss is and owes, and the checks they share."""

from abc import abstractmethod
from dataclasses import asdict, dataclass
from math import inf, nan
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from striate.errors import ShapeError, UsageError

SMALLEST = 1e-7


@dataclass(frozen=True)
class Loss:
    """One number per sample, to be averaged by the caller.

    `name` is how files and `get` know it; `task` is what the outputs are.
    """

    name: ClassVar[str]
    task: ClassVar[Literal["single_label", "multi_label", "regression"]]

    @abstractmethod
    def __call__(
        self, outputs: Tensor, targets: Tensor, *, from_logits: bool | None = None
    ) -> Tensor:
        """[N, …] outputs and targets -> [N]; `from_logits` given here outranks the loss's own."""

    def to_json(self) -> dict[str, Any]:
        """Its name and options, which `get` takes back."""
        return {"loss": self.name, **asdict(self)}

    def check_number(
        self, option: str, *, least: float = 0.0, above: bool = False, below: float = inf
    ) -> None:
        """Raise unless an option is a number from `least` (or above it) and below `below`."""
        value = getattr(self, option)
        number = nan if isinstance(value, bool) or not isinstance(value, int | float) else value
        if not least <= number < below or (above and number == least):
            rule = f"above {least:g}" if above else f"{least:g} or more"
            rule += f" and below {below:g}" if below < inf else ""
            raise UsageError(
                "train-loss-option", f"{self.name}: {option} must be {rule}, got {value!r}."
            )


def precise(values: Tensor) -> Tensor:
    """In float32 at least: half precision cannot hold what a logarithm gives."""
    return values if values.dtype == torch.float64 else values.float()


def shares(name: str, targets: Tensor, outputs: Tensor) -> Tensor:
    """Labels [N] as one-hot rows; rows [N, classes] as they are.

    Raises:
        ShapeError: the rows are not as wide as the outputs.
    """
    if targets.ndim == 1:
        targets = F.one_hot(targets.long(), outputs.shape[1])
    check_same_shape(name, outputs, targets)
    return targets.to(outputs)


def paired(name: str, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Both as [N, …] of one shape and type; a last axis of 1 may be missing from either."""
    outputs = precise(outputs)
    outputs = outputs.unsqueeze(1) if outputs.ndim == 1 else outputs
    targets = targets.unsqueeze(1) if targets.ndim == 1 else targets
    check_same_shape(name, outputs, targets)
    return outputs, targets.to(outputs)


def check_same_shape(name: str, outputs: Tensor, targets: Tensor) -> None:
    """Raise unless outputs and targets have one shape: broadcasting here is always a mistake."""
    if outputs.shape != targets.shape:
        raise ShapeError(
            "train-targets-shape",
            f"{name}: outputs {list(outputs.shape)} and targets {list(targets.shape)} must have "
            "the same shape.",
            "Give the last layer as many units as a target has numbers.",
        )
