"""A dense layer: every output sees every input.

    y = W x + b      dC/dW = dC/dy xᵀ      dC/db = dC/dy      dC/dx = Wᵀ dC/dy

for one x as a column; over a batch, whose x are rows, the first two are sums over it.
"""

from numpy.typing import ArrayLike

from striate.byhand._window import Array, numbers
from striate.byhand.convolution_layer import WeightedGradients
from striate.errors import ShapeError


def dense(x: ArrayLike, weights: ArrayLike, bias: ArrayLike | None = None) -> Array:
    """y = W x + b.

    Shape: x [N, features], weights [units, features], bias [units] -> [N, units].
    Raises:
        ShapeError: x has another number of features than the weights.

    >>> dense([[1, 2]], [[3, 4], [0, 1]], [10, 0])
    array([[21.,  2.]])
    """
    rows, matrix = numbers(x), numbers(weights)
    if rows.ndim != 2 or matrix.ndim != 2 or rows.shape[1] != matrix.shape[1]:
        raise ShapeError(
            "shape-byhand-features",
            f"dense: x [N, features] and weights [units, features] must fit, got "
            f"{list(rows.shape)} and {list(matrix.shape)}.",
        )
    y = rows @ matrix.T
    return y if bias is None else y + numbers(bias)


def dense_backward(gradient: ArrayLike, x: ArrayLike, weights: ArrayLike) -> WeightedGradients:
    """From dC/dy [N, units] to dC/dx [N, features], dC/dW [units, features], dC/db [units]."""
    arrived, rows, matrix = numbers(gradient), numbers(x), numbers(weights)
    return WeightedGradients(arrived @ matrix, arrived.T @ rows, arrived.sum(axis=0))
