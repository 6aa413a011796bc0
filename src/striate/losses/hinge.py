"""Hinge losses: the right class's score must lead the others' by a margin.

They take scores s of any size, never probabilities: a last softmax is left out while training.
"""

from abc import abstractmethod
from dataclasses import dataclass

from torch import Tensor

from striate.losses._loss import Loss, precise, shares


@dataclass(frozen=True)
class _Hinge(Loss):
    margin: float = 1.0

    task = "single_label"

    def __post_init__(self) -> None:
        self.check_number("margin")

    def __call__(
        self,
        outputs: Tensor,
        targets: Tensor,
        *,
        from_logits: bool | None = None,  # noqa: ARG002
    ) -> Tensor:
        scores = precise(outputs)
        truth = shares(self.name, targets, scores)
        own = (truth * scores).sum(dim=1, keepdim=True)  # s_y, [N, 1]
        return self.cost((scores - own + self.margin).relu() * (1 - truth))

    @abstractmethod
    def cost(self, excess: Tensor) -> Tensor:
        """[N, classes] max(0, s_j - s_y + margin), 0 for the right class -> [N]."""


@dataclass(frozen=True)
class MulticlassHinge(_Hinge):
    """The multi-class support vector machine's loss, sum over j != y of max(0, s_j - s_y + margin).

    Shape: scores [N, classes]; labels [N] or one-hot [N, classes] -> [N].
    Source: Weston and Watkins 1999, "Support Vector Machines for Multi-Class Pattern Recognition".
    Differs: torch's MultiMarginLoss divides the sum by the number of classes.
    """

    name = "multiclass_hinge"

    def cost(self, excess: Tensor) -> Tensor:
        return excess.sum(dim=1)


@dataclass(frozen=True)
class MulticlassSquaredHinge(_Hinge):
    """sum over j != y of max(0, s_j - s_y + margin)^2. Shape: as in `MulticlassHinge`."""

    name = "multiclass_squared_hinge"

    def cost(self, excess: Tensor) -> Tensor:
        return excess.square().sum(dim=1)


@dataclass(frozen=True)
class CategoricalHinge(_Hinge):
    """max over j != y of max(0, s_j - s_y + margin), as Keras has it: only the worst rival counts.

    Shape: as in `MulticlassHinge`.
    Source: Crammer and Singer 2001, "On the Algorithmic Implementation of Multiclass Kernel-based
        Vector Machines".
    """

    name = "categorical_hinge"

    def cost(self, excess: Tensor) -> Tensor:
        return excess.amax(dim=1)
