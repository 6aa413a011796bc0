"""What a training lessens, by the names Keras and torch give them.

A loss is called with a network's outputs and the targets and gives one number per sample:

    loss = losses.CategoricalCrossentropy()
    loss(logits, labels, from_logits=True).mean()

Logits are safe at any size. Probabilities are kept 1e-7 away from 0 and 1, as Keras keeps them.
"""

from typing import Any

from striate.errors import UsageError, unknown_name
from striate.losses._loss import Loss as Loss
from striate.losses.crossentropy import BinaryCrossentropy as BinaryCrossentropy
from striate.losses.crossentropy import BinaryFocalCrossentropy as BinaryFocalCrossentropy
from striate.losses.crossentropy import CategoricalCrossentropy as CategoricalCrossentropy
from striate.losses.crossentropy import CategoricalFocalCrossentropy as CategoricalFocalCrossentropy
from striate.losses.crossentropy import (
    SparseCategoricalCrossentropy as SparseCategoricalCrossentropy,
)
from striate.losses.distance import Huber as Huber
from striate.losses.distance import MeanAbsoluteError as MeanAbsoluteError
from striate.losses.distance import MeanSquaredError as MeanSquaredError
from striate.losses.hinge import CategoricalHinge as CategoricalHinge
from striate.losses.hinge import MulticlassHinge as MulticlassHinge
from striate.losses.hinge import MulticlassSquaredHinge as MulticlassSquaredHinge

LOSSES: dict[str, type[Loss]] = {
    kind.name: kind
    for kind in (
        CategoricalCrossentropy,
        SparseCategoricalCrossentropy,
        BinaryCrossentropy,
        CategoricalFocalCrossentropy,
        BinaryFocalCrossentropy,
        MulticlassHinge,
        MulticlassSquaredHinge,
        CategoricalHinge,
        MeanSquaredError,
        MeanAbsoluteError,
        Huber,
    )
}
ALIASES = {  # what Keras and torch say for the same
    "cross_entropy": "categorical_crossentropy",
    "bce": "binary_crossentropy",
    "bce_with_logits": "binary_crossentropy",
    "focal": "categorical_focal_crossentropy",
    "mse": "mean_squared_error",
    "mse_loss": "mean_squared_error",
    "mae": "mean_absolute_error",
    "l1_loss": "mean_absolute_error",
    "huber_loss": "huber",
    "smooth_l1_loss": "huber",
}


def get(loss: str | dict[str, Any] | Loss) -> Loss:
    """A loss by its name in `LOSSES` or `ALIASES`, from `Loss.to_json`, or as it is.

    Raises:
        UnknownName: no loss has that name.
        UsageError: the loss has no such option, or it is no loss at all.

    >>> get("mse")
    MeanSquaredError()
    """
    if isinstance(loss, Loss):
        return loss
    if not isinstance(loss, str | dict):
        raise UsageError(
            "train-bad-loss",
            f"compile: loss must be a name or one of striate.losses, got {type(loss).__name__}.",
            f'For example loss="categorical_crossentropy". Names: {", ".join(LOSSES)}.',
        )
    options = {} if isinstance(loss, str) else {k: v for k, v in loss.items() if k != "loss"}
    name = loss if isinstance(loss, str) else str(loss.get("loss"))
    name = ALIASES.get(name, name)
    if name not in LOSSES:
        raise unknown_name("loss", name, [*LOSSES, *ALIASES])
    try:
        return LOSSES[name](**options)
    except TypeError as error:
        raise UsageError("train-bad-loss", f"{name}: {error}.") from error
