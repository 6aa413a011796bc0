"""How good the network is on the validation part, after every epoch."""

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_expit, log_softmax
from torch import nn

from striate.data import Batch, EvalBatches, FeatureEval
from striate.inference import network_outputs
from striate.predictions import Task
from striate.tasks.loading import TrainingData
from striate.training import Ranks

Scores = dict[str, float]


def validation(
    data: TrainingData, instead: FeatureEval | None = None, ranks: Ranks | None = None
) -> Callable[[nn.Module], Scores]:
    """A function from the network to its scores, such as val_loss and val_accuracy.

    The loss is the plain one (no smoothing, no weights), so that runs can be held beside another.

    Args:
        instead: of the validation images, what the part of a network before this one made of them.
        ranks: processes that share the work; each answers some of the batches, which stay those
            of one process, so that the answers do too.
    """
    batches: Iterable[Batch] = instead or data.val or ()
    if ranks is not None:
        batches = _own_batches(instead or data.val, ranks)
    targets = data.scaled_labels("val").astype(np.float32)

    def validate(network: nn.Module) -> Scores:
        outputs = network_outputs(network, (batch.images for batch in batches))
        if ranks is not None:
            answered = [some for some in ranks.gathered(outputs) if len(some)]
            outputs = np.concatenate(answered)
        return scores(data.task, outputs, targets, data.target_scale[1])

    return validate


def _own_batches(batches: EvalBatches | FeatureEval | None, ranks: Ranks) -> Iterable[Batch]:
    """The batches, in one piece, that this process answers."""
    if isinstance(batches, FeatureEval):
        return replace(batches, images=_own_images(batches.images, ranks))
    return () if batches is None else _own_images(batches, ranks)


def _own_images(images: EvalBatches, ranks: Ranks) -> EvalBatches:
    edges = [
        len(images) * number // ranks.count * images.batch_size
        for number in (ranks.rank, ranks.rank + 1)
    ]
    return replace(images, indices=images.indices[slice(*edges)])


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
