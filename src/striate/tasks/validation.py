"""How good the network is on the validation part, after every epoch."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_expit, log_softmax
from torch import nn

from striate.data import FeatureEval
from striate.inference import network_outputs
from striate.predictions import Task
from striate.tasks.loading import TrainingData

Scores = dict[str, float]


def validation(
    data: TrainingData, instead: FeatureEval | None = None
) -> Callable[[nn.Module], Scores]:
    """A function from the network to its scores, such as val_loss and val_accuracy.

    The loss is the plain one (no smoothing, no weights), so that runs can be held beside another.

    Args:
        instead: of the validation images, what the part of a network before this one made of them.
    """
    batches = instead or data.val or ()
    targets = data.scaled_labels("val").astype(np.float32)

    def validate(network: nn.Module) -> Scores:
        outputs = network_outputs(network, (batch.images for batch in batches))
        return scores(data.task, outputs, targets, data.target_scale[1])

    return validate


def scores(
    task: Task, outputs: NDArray[np.float32], targets: NDArray[np.float32], unit: float = 1.0
) -> Scores:
    """The validation row of an epoch.

    Args:
        unit: what an error of 1 is in the units of the data, where a number is predicted.

    Shape: outputs [n, classes] logits and targets int [n]; or targets [n, classes] of 0 and 1; or
        scaled numbers [n].
    """
    values = outputs.astype(np.float64)
    if task == "regression":
        errors = values.reshape(len(targets)) - targets
        return {
            "val_loss": float(np.mean(errors**2)),
            "val_mean_absolute_error": float(np.abs(errors).mean()) * unit,
        }
    if task == "multi_label":
        loss = -np.where(targets > 0.5, log_expit(values), log_expit(-values)).mean()
        right = (values > 0) == (targets > 0.5)
        return {"val_loss": float(loss), "val_label_accuracy": float(right.mean())}
    rows = np.arange(len(targets))
    loss = -log_softmax(values, axis=1)[rows, targets.astype(int)].mean()
    return {
        "val_loss": float(loss),
        "val_accuracy": float((values.argmax(axis=1) == targets).mean()),
    }
