"""Cross-entropies: how surprised the probabilities are by the truth."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from striate.errors import ShapeError
from striate.losses._loss import SMALLEST, Loss, paired, precise, shares


@dataclass(frozen=True)
class _Crossentropy(Loss):
    from_logits: bool = False
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        self.check_number("label_smoothing", below=1)

    def against_shares(
        self, outputs: Tensor, targets: Tensor, from_logits: bool | None
    ) -> tuple[Tensor, Tensor]:
        """Smoothed targets and log p, [N, classes] each; probabilities need not sum to 1."""
        values = precise(outputs)
        if self.takes_logits(from_logits):
            logs = values.log_softmax(dim=1)
        else:
            share = values / values.sum(dim=1, keepdim=True).clamp_min(SMALLEST)
            logs = share.clamp(SMALLEST, 1 - SMALLEST).log()
        targets = shares(self.name, targets, logs)
        return targets * (1 - self.label_smoothing) + self.label_smoothing / logs.shape[1], logs

    def against_labels(
        self, outputs: Tensor, targets: Tensor, from_logits: bool | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Smoothed targets, log p and log(1 - p), of the shape of the outputs each."""
        outputs, targets = paired(self.name, outputs, targets)
        smooth = targets * (1 - self.label_smoothing) + self.label_smoothing / 2
        if self.takes_logits(from_logits):
            return smooth, F.logsigmoid(outputs), F.logsigmoid(-outputs)
        p = outputs.clamp(SMALLEST, 1 - SMALLEST)
        return smooth, p.log(), torch.log1p(-p)

    def takes_logits(self, asked: bool | None) -> bool:
        """Whether the outputs are logits: as the call says, or else the loss itself."""
        return self.from_logits if asked is None else asked


@dataclass(frozen=True)
class CategoricalCrossentropy(_Crossentropy):
    """-sum_k t_k log p_k, with p the softmax of the logits.

    Shape: outputs [N, classes]; targets [N, classes] that sum to 1, or labels [N] -> [N].
    Args:
        from_logits: the outputs are logits; else probabilities.
        label_smoothing: fraction 0..1 of the target that is spread evenly over the classes.
    Raises:
        ShapeError: the targets have another shape.
    """

    name = "categorical_crossentropy"
    task = "single_label"

    def __call__(
        self, outputs: Tensor, targets: Tensor, *, from_logits: bool | None = None
    ) -> Tensor:
        smooth, logs = self.against_shares(outputs, targets, from_logits)
        return -(smooth * logs).sum(dim=1)


@dataclass(frozen=True)
class SparseCategoricalCrossentropy(_Crossentropy):
    """-log p_label: categorical cross-entropy for labels that are whole numbers.

    Shape: outputs [N, classes]; labels [N] or [N, 1] -> [N].
    Args: as in `CategoricalCrossentropy`.
    Raises:
        ShapeError: the labels are one-hot.
    """

    name = "sparse_categorical_crossentropy"
    task = "single_label"

    def __call__(
        self, outputs: Tensor, targets: Tensor, *, from_logits: bool | None = None
    ) -> Tensor:
        if targets.numel() != len(outputs):
            raise ShapeError(
                "train-labels-not-whole",
                f"{self.name} needs one whole number per sample, [{len(outputs)}], got targets "
                f"{list(targets.shape)}.",
                'One-hot targets go with loss="categorical_crossentropy".',
            )
        dense = CategoricalCrossentropy(self.from_logits, self.label_smoothing)
        return dense(outputs, targets.reshape(-1), from_logits=from_logits)


@dataclass(frozen=True)
class BinaryCrossentropy(_Crossentropy):
    """-(t log p + (1 - t) log(1 - p)), averaged over the outputs of a sample; p the sigmoid.

    Shape: outputs and targets [N, labels] or [N] -> [N].
    Args:
        from_logits: the outputs are logits; else probabilities.
        label_smoothing: fraction 0..1 by which targets move towards one half.
    Raises:
        ShapeError: the targets have another shape.
    """

    name = "binary_crossentropy"
    task = "multi_label"

    def __call__(
        self, outputs: Tensor, targets: Tensor, *, from_logits: bool | None = None
    ) -> Tensor:
        smooth, present, absent = self.against_labels(outputs, targets, from_logits)
        return -(smooth * present + (1 - smooth) * absent).flatten(1).mean(dim=1)


@dataclass(frozen=True)
class CategoricalFocalCrossentropy(_Crossentropy):
    """-alpha * sum_k t_k (1 - p_k)^gamma log p_k: what is already right counts little.

    Shape: outputs [N, classes]; targets [N, classes] or labels [N] -> [N].
    Args:
        gamma: ≥ 0; 0 is plain cross-entropy, 2 the paper's choice.
        alpha: > 0; one factor for all classes, 0.25 as in Keras.
        from_logits, label_smoothing: as in `CategoricalCrossentropy`.
    Source: Lin et al. 2017, "Focal Loss", arXiv:1708.02002, eq. 5.
    """

    gamma: float = 2.0
    alpha: float = 0.25

    name = "categorical_focal_crossentropy"
    task = "single_label"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_number("gamma")
        self.check_number("alpha")

    def __call__(
        self, outputs: Tensor, targets: Tensor, *, from_logits: bool | None = None
    ) -> Tensor:
        smooth, logs = self.against_shares(outputs, targets, from_logits)
        return -self.alpha * (smooth * _power(1 - logs.exp(), self.gamma) * logs).sum(dim=1)


@dataclass(frozen=True)
class BinaryFocalCrossentropy(_Crossentropy):
    """-(t (1 - p)^gamma log p + (1 - t) p^gamma log(1 - p)), averaged over the outputs of a sample.

    Shape: outputs and targets [N, labels] or [N] -> [N].
    Args:
        gamma: ≥ 0; 0 is plain binary cross-entropy, 2 the paper's choice.
        alpha: 0..1; weighs present labels with alpha and absent ones with 1 - alpha; None does not.
        from_logits, label_smoothing: as in `BinaryCrossentropy`.
    Source: Lin et al. 2017, "Focal Loss", arXiv:1708.02002, eq. 4-5.
    """

    gamma: float = 2.0
    alpha: float | None = None

    name = "binary_focal_crossentropy"
    task = "multi_label"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_number("gamma")
        if self.alpha is not None:
            self.check_number("alpha", below=1)

    def __call__(
        self, outputs: Tensor, targets: Tensor, *, from_logits: bool | None = None
    ) -> Tensor:
        smooth, present, absent = self.against_labels(outputs, targets, from_logits)
        up, down = (1.0, 1.0) if self.alpha is None else (self.alpha, 1 - self.alpha)
        right = up * smooth * _power(absent.exp(), self.gamma) * present
        wrong = down * (1 - smooth) * _power(present.exp(), self.gamma) * absent
        return -(right + wrong).flatten(1).mean(dim=1)


def _power(base: Tensor, exponent: float) -> Tensor:
    """`base ** exponent` whose gradient is finite at 0, also where the exponent is below 1."""
    return base.clamp_min(torch.finfo(base.dtype).eps) ** exponent
