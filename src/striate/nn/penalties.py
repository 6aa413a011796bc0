"""Penalties on weights, which training adds to the loss."""

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from striate.errors import UsageError, unknown_name


@dataclass(frozen=True)
class Penalty:
    """l1 * sum |w| + l2 * sum w^2.

    Args:
        l1: ≥ 0; drives weights to exactly 0.
        l2: ≥ 0; keeps weights small. Its gradient is 2 * l2 * w, so for plain SGD it equals a
            weight decay of 2 * l2.

    >>> Penalty(l2=0.5)(torch.tensor([1.0, -2.0]))
    tensor(2.5000)
    """

    l1: float = 0.0
    l2: float = 0.0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
                raise UsageError(
                    "model-bad-option", f"Penalty: {name} must be 0 or more, got {value!r}."
                )

    def __call__(self, weight: Tensor) -> Tensor:
        return self.l1 * weight.abs().sum() + self.l2 * weight.square().sum()

    def to_json(self) -> dict[str, Any]:
        """Both numbers, which `penalty_of` takes back."""
        return asdict(self)


def L1(strength: float = 0.01) -> Penalty:
    """strength * sum |w|, as Keras writes it."""
    return Penalty(l1=strength)


def L2(strength: float = 0.01) -> Penalty:
    """strength * sum w^2, as Keras writes it."""
    return Penalty(l2=strength)


def L1L2(l1: float = 0.01, l2: float = 0.01) -> Penalty:
    """l1 * sum |w| + l2 * sum w^2, as Keras writes it."""
    return Penalty(l1, l2)


PENALTIES = {"l1": L1(), "l2": L2(), "l1_l2": L1L2()}


def penalty_of(value: object) -> Penalty | None:
    """A penalty by its name in `PENALTIES`, from `Penalty.to_json`, as it is, or None.

    Raises:
        UnknownName: no penalty has that name.
        UsageError: it is no penalty.
    """
    if value is None or isinstance(value, Penalty):
        return value
    if isinstance(value, str):
        if value not in PENALTIES:
            raise unknown_name("penalty", value, PENALTIES)
        return PENALTIES[value]
    if isinstance(value, dict) and value.keys() <= {"l1", "l2"}:
        return Penalty(**value)
    raise UsageError(
        "model-bad-option",
        f"A penalty must be L1(…), L2(…), L1L2(…) or a name, got {value!r}.",
        f"Names: {', '.join(PENALTIES)}.",
    )


def penalize(module: nn.Module, penalty: Penalty | None) -> None:
    """Ask that training add the penalty of this module's `weight` to the loss."""
    module.kernel_penalty = penalty  # type: ignore[assignment]  # a plain attribute, no tensor


def penalty(network: nn.Module, everywhere: Penalty | None = None) -> Tensor:
    """What the weights of a network cost, to be added to its loss.

    Args:
        everywhere: for every kernel (the weights of convolutions and dense layers, never biases
            or the scales of a normalisation), besides what single layers were given.
    """
    total = torch.zeros(())
    for module in network.modules():
        asked = getattr(module, "kernel_penalty", None)
        if asked is not None:
            total = total + asked(module.weight)
        if everywhere is not None and isinstance(module, _ConvNd | nn.Linear):
            total = total + everywhere(module.weight)
    return total
