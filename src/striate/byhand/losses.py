"""Losses and their gradients, one number per sample.

Each NAME gives [N]; NAME_gradient gives how the sum of these changes with the outputs, shaped as
they are; divide by N for the gradient of the mean. `LOSSES` holds both by the names of
`striate.losses`. `logits` come before the softmax or sigmoid, `p` after it.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from striate.byhand._window import Array, numbers
from striate.byhand.activations import sigmoid, softmax, softplus
from striate.errors import ShapeError


def softmax_cross_entropy(logits: ArrayLike, targets: ArrayLike) -> Array:
    """-sum_k t_k log p_k with p = softmax(logits), as sum_k t_k (log sum_j e^s_j - s_k).

    Shape: logits [N, classes]; targets [N, classes], rows that sum to 1, or labels [N] -> [N].

    >>> softmax_cross_entropy([[0.0, 0.0]], [0])  # log 2
    array([0.69314718])
    """
    scores = numbers(logits)
    top = scores.max(axis=1, keepdims=True)
    log_total = top + np.log(np.exp(scores - top).sum(axis=1, keepdims=True))
    return (_rows(targets, scores) * (log_total - scores)).sum(axis=1)


def softmax_cross_entropy_gradient(logits: ArrayLike, targets: ArrayLike) -> Array:
    """dC/ds = p - t. Softmax and logarithm undo each other: no product of small numbers is left."""
    return softmax(logits) - _rows(targets, numbers(logits))


def cross_entropy(p: ArrayLike, targets: ArrayLike) -> Array:
    """-sum_k t_k log p_k, from probabilities; targets as in `softmax_cross_entropy`."""
    shares = numbers(p)
    wanted = _rows(targets, shares)
    logs = np.log(shares, out=np.zeros_like(shares), where=wanted > 0)
    return -(wanted * logs).sum(axis=1)


def cross_entropy_gradient(p: ArrayLike, targets: ArrayLike) -> Array:
    """dC/dp_k = -t_k / p_k."""
    shares = numbers(p)
    wanted = _rows(targets, shares)
    return -np.divide(wanted, shares, out=np.zeros_like(shares), where=wanted > 0)


def sigmoid_cross_entropy(logits: ArrayLike, targets: ArrayLike) -> Array:
    """Binary: -(t log p + (1 - t) log(1 - p)), p = sigmoid(s), as log(1 + e^s) - t s.

    Shape: logits and targets (0..1) [N, …] -> [N], the mean over the outputs of a sample.
    """
    scores, wanted = _paired(logits, targets)
    return _mean_of_rows(softplus(scores) - wanted * scores)


def sigmoid_cross_entropy_gradient(logits: ArrayLike, targets: ArrayLike) -> Array:
    """dC/ds = (p - t) / (outputs of a sample)."""
    scores, wanted = _paired(logits, targets)
    return (sigmoid(scores) - wanted) / _outputs(scores)


def binary_cross_entropy(p: ArrayLike, targets: ArrayLike) -> Array:
    """-(t log p + (1 - t) log(1 - p)), from probabilities 0 < p < 1; the mean as above."""
    shares, wanted = _paired(p, targets)
    return _mean_of_rows(-(wanted * np.log(shares) + (1 - wanted) * np.log1p(-shares)))


def binary_cross_entropy_gradient(p: ArrayLike, targets: ArrayLike) -> Array:
    """dC/dp = (p - t) / (p (1 - p)) / (outputs of a sample)."""
    shares, wanted = _paired(p, targets)
    return (shares - wanted) / (shares * (1 - shares)) / _outputs(shares)


def mean_squared_error(y: ArrayLike, targets: ArrayLike) -> Array:
    """mean (y - t)^2 over the outputs of a sample. Shape: [N, …] twice -> [N]."""
    outputs, wanted = _paired(y, targets)
    return _mean_of_rows((outputs - wanted) ** 2)


def mean_squared_error_gradient(y: ArrayLike, targets: ArrayLike) -> Array:
    """dC/dy = 2 (y - t) / (outputs of a sample)."""
    outputs, wanted = _paired(y, targets)
    return 2 * (outputs - wanted) / _outputs(outputs)


def mean_absolute_error(y: ArrayLike, targets: ArrayLike) -> Array:
    """mean |y - t| over the outputs of a sample. Shape: [N, …] twice -> [N]."""
    outputs, wanted = _paired(y, targets)
    return _mean_of_rows(np.abs(outputs - wanted))


def mean_absolute_error_gradient(y: ArrayLike, targets: ArrayLike) -> Array:
    """dC/dy = sign(y - t) / (outputs of a sample); 0 where they are equal."""
    outputs, wanted = _paired(y, targets)
    return np.sign(outputs - wanted) / _outputs(outputs)


def huber(y: ArrayLike, targets: ArrayLike, delta: float = 1.0) -> Array:
    """mean of e^2 / 2 where |e| <= delta, else delta (|e| - delta / 2), with e = y - t.

    Squared near the target, absolute far from it, so that outliers pull no harder than delta.
    Source: Huber 1964, "Robust Estimation of a Location Parameter".
    """
    outputs, wanted = _paired(y, targets)
    error = np.abs(outputs - wanted)
    return _mean_of_rows(np.where(error <= delta, error**2 / 2, delta * (error - delta / 2)))


def huber_gradient(y: ArrayLike, targets: ArrayLike, delta: float = 1.0) -> Array:
    """dC/dy = e cut to -delta..delta / (outputs of a sample)."""
    outputs, wanted = _paired(y, targets)
    return np.clip(outputs - wanted, -delta, delta) / _outputs(outputs)


def hinge(scores: ArrayLike, labels: ArrayLike) -> Array:
    """Multi-class SVM: sum over the wrong classes j of max(0, s_j - s_y + 1).

    Shape: scores [N, classes], labels [N] (or one-hot rows) -> [N].
    Source: Weston and Watkins 1999, "Support Vector Machines for Multi-Class Pattern Recognition".

    >>> hinge([[3.2, 5.1, -1.7]], [0])
    array([2.9])
    """
    return _margins(scores, labels).sum(axis=1)


def hinge_gradient(scores: ArrayLike, labels: ArrayLike) -> Array:
    """dC/ds_j = 1 where class j comes within the margin; dC/ds_y = -(how many do)."""
    return _against_right((_margins(scores, labels) > 0).astype(np.float64), labels)


def squared_hinge(scores: ArrayLike, labels: ArrayLike) -> Array:
    """sum over the wrong classes j of max(0, s_j - s_y + 1)^2. Shape: as `hinge`."""
    return (_margins(scores, labels) ** 2).sum(axis=1)


def squared_hinge_gradient(scores: ArrayLike, labels: ArrayLike) -> Array:
    """dC/ds_j = 2 max(0, s_j - s_y + 1); dC/ds_y = minus the sum of these."""
    return _against_right(2 * _margins(scores, labels), labels)


def _margins(scores: ArrayLike, labels: ArrayLike) -> Array:
    """[N, classes]: max(0, s_j - s_y + 1), 0 at the right class."""
    values = numbers(scores)
    right = _rows(labels, values)
    own = (values * right).sum(axis=1, keepdims=True)
    return np.maximum(0, values - own + 1) * (1 - right)


def _against_right(pulls: Array, labels: ArrayLike) -> Array:
    """Each wrong class is pushed down; the right one is pushed up by as much in all."""
    return pulls - _rows(labels, pulls) * pulls.sum(axis=1, keepdims=True)


def _rows(targets: ArrayLike, outputs: Array) -> Array:
    """Labels [N] as one-hot rows [N, classes]; rows stay as they are.

    Raises:
        ShapeError: neither fits the outputs.
    """
    wanted = numbers(targets)
    samples, classes = outputs.shape if outputs.ndim == 2 else (-1, -1)
    if wanted.shape == (samples,) and np.isin(wanted, range(classes)).all():
        return np.eye(classes)[wanted.astype(np.intp)]
    if outputs.ndim == 2 and wanted.shape == outputs.shape:
        return wanted
    raise ShapeError(
        "shape-byhand-targets",
        f"Outputs {list(outputs.shape)} need targets of that shape, or as many labels from 0 to "
        f"{classes - 1}; got {list(wanted.shape)}.",
    )


def _paired(outputs: ArrayLike, targets: ArrayLike) -> tuple[Array, Array]:
    values, wanted = numbers(outputs), numbers(targets)
    if values.shape != wanted.shape or values.ndim == 0:
        raise ShapeError(
            "shape-byhand-targets",
            f"Outputs {list(values.shape)} and targets {list(wanted.shape)} must have one shape, "
            "[N, …].",
        )
    return values, wanted


def _mean_of_rows(values: Array) -> Array:
    return values.reshape(len(values), _outputs(values)).mean(axis=1)


def _outputs(values: Array) -> int:
    """Numbers per sample."""
    return int(np.prod(values.shape[1:]))


class Loss(NamedTuple):
    """One number per sample, and how their sum changes with the outputs."""

    value: Callable[[ArrayLike, ArrayLike], Array]
    gradient: Callable[[ArrayLike, ArrayLike], Array]


LOSSES: dict[str, Loss] = {
    "categorical_crossentropy": Loss(softmax_cross_entropy, softmax_cross_entropy_gradient),
    "sparse_categorical_crossentropy": Loss(softmax_cross_entropy, softmax_cross_entropy_gradient),
    "binary_crossentropy": Loss(sigmoid_cross_entropy, sigmoid_cross_entropy_gradient),
    "mean_squared_error": Loss(mean_squared_error, mean_squared_error_gradient),
    "mean_absolute_error": Loss(mean_absolute_error, mean_absolute_error_gradient),
    "huber": Loss(huber, huber_gradient),
    "multiclass_hinge": Loss(hinge, hinge_gradient),
    "multiclass_squared_hinge": Loss(squared_hinge, squared_hinge_gradient),
}
"""By name; those with a softmax or sigmoid take logits."""
