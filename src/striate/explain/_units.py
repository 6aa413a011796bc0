"""Running statistics of the outputs of one layer, unit by unit."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from striate.explain._tape import Step

aten = torch.ops.aten
NEAR = 0.01  # of the range: what counts as its end
MOSTLY = 0.95  # of all places: from when a unit is saturated
KINDS = {
    aten.convolution: "convolution", aten.addmm: "linear", aten.mm: "linear",
    aten.linear: "linear", aten.relu: "relu", aten.sigmoid: "sigmoid", aten.tanh: "tanh",
    aten.hardsigmoid: "hardsigmoid", aten.gelu: "gelu", aten.silu: "silu",
    aten.hardswish: "hardswish", aten.elu: "elu", aten.leaky_relu: "leaky_relu",
    aten._prelu_kernel: "prelu", aten.mish: "mish", aten.softplus: "softplus",
}  # fmt: skip
ENDS = {"sigmoid": (0.0, 1.0), "hardsigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}
UPPER = {"relu6": 6.0}
MAY_DIE = ("relu", "relu6")


def kind_of(step: Step) -> str | None:
    """The kind of layer that an operation is; None: one that is not looked at."""
    if step.kind is aten.hardtanh:
        return "relu6" if tuple(map(float, step.args[1:3])) == (0.0, 6.0) else "hardtanh"
    return KINDS.get(step.kind)


@dataclass
class Units:
    """Mean and spread of all values so far, and of every unit its largest and how often at an end.

    Args:
        name: of the row; module: where it runs.
    """

    name: str
    module: str
    kind: str
    units: int = 0
    count: int = 0  # values of each unit
    mean: Tensor = field(default_factory=lambda: torch.zeros((), dtype=torch.float64))
    squares: Tensor = field(default_factory=lambda: torch.zeros((), dtype=torch.float64))
    largest: Tensor | None = None  # [units]
    at_end: Tensor | None = None  # [units]

    def add(self, output: Tensor, dense: bool) -> None:
        """Take in one batch: units are axis 1 of maps, the last axis behind a dense layer."""
        axis = output.ndim - 1 if dense or output.ndim != 4 else 1
        values = output.movedim(axis, 0).flatten(1).float()  # [units, values]
        self.units = len(values)
        self._add_moments(values)
        largest = values.amax(dim=1)
        at_end = self._at_end(values).sum(dim=1)
        self.largest = largest if self.largest is None else torch.maximum(self.largest, largest)
        self.at_end = at_end if self.at_end is None else self.at_end + at_end

    def _add_moments(self, values: Tensor) -> None:
        """The mean and the sum of squares about it, of two parts of the data from those of each."""
        new = values.shape[1]
        spread, mean = torch.var_mean(values.double(), correction=0)
        total = self.count + new
        apart = mean.cpu() - self.mean
        both = self.units * self.count * new / total
        self.squares = self.squares + spread.cpu() * self.units * new + apart**2 * both
        self.mean = self.mean + apart * new / total
        self.count = total

    def _at_end(self, values: Tensor) -> Tensor:
        if self.kind in ENDS:
            low, high = ENDS[self.kind]
            near = NEAR * (high - low)
            return (values <= low + near) | (values >= high - near)
        return values >= UPPER.get(self.kind, float("inf")) * (1 - NEAR)

    def summary(self) -> tuple[float, float, int | None, int | None]:
        """Mean, deviation, dead units, saturated units."""
        dead = saturated = None
        if self.kind in MAY_DIE and self.largest is not None:
            dead = int((self.largest <= 0).sum())
        if self.kind in (*ENDS, *UPPER) and self.at_end is not None:
            saturated = int((self.at_end >= MOSTLY * self.count).sum())
        spread = self.squares / max(1, self.units * self.count)
        return float(self.mean), float(spread.sqrt()), dead, saturated
