"""A convolutional layer: many kernels over many channels, forward and backward.

With X_j the input's channels, K_ij the kernels, Y_i the outputs, ⋆ cross-correlation and * true
convolution, at stride 1:

    Y_i     = B_i + sum_j X_j ⋆ K_ij
    dC/dK_ij = X_j ⋆ dC/dY_i                   (valid)
    dC/dB_i  = sum over positions of dC/dY_i
    dC/dX_j  = sum_i dC/dY_i * K_ij            (full: the kernel turned by 180°)

Both ways are computed as products of matrices (im2col), which hold at any stride and dilation:
with the windows as columns P and the kernels as rows K,

    Y = K P + B      dC/dK = dC/dY Pᵀ      dC/dP = Kᵀ dC/dY

and dC/dX adds up, for each pixel, what dC/dP says at every place where the pixel was copied to.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from striate.byhand._window import Array, Padding, Window, numbers, window
from striate.errors import ShapeError, check_divides


class WeightedGradients(NamedTuple):
    """How the cost changes with the input, the weights and the biases of a layer."""

    x: Array
    weights: Array
    bias: Array


def conv(
    x: ArrayLike,
    weights: ArrayLike,
    bias: ArrayLike | None = None,
    padding: Padding = "valid",
    stride: int | Sequence[int] = 1,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Array:
    """Y_i = B_i + sum_j X_j ⋆ K_ij.

    Shape: x [N, C, *size], weights [K, C / groups, *kernel], bias [K] -> [N, K, *positions], for
        signals, images and volumes alike.
    Args:
        padding, stride, dilation: as in `correlate`.
        groups: input and output channels are split into so many groups that do not see each other.
    Raises:
        ShapeError: the kernel does not fit, or sees another number of channels than there are.
    """
    images, kernels = numbers(x), numbers(weights)
    over = conv_window(images, kernels, padding, stride, dilation, groups)
    y = _rows(kernels, groups) @ _columns(images, over, groups)  # [N, G, K / G, positions]
    y = y.reshape(len(images), len(kernels), *over.positions)
    return y if bias is None else y + numbers(bias).reshape(-1, *[1] * over.axes)


def conv_backward(
    gradient: ArrayLike,
    x: ArrayLike,
    weights: ArrayLike,
    padding: Padding = "valid",
    stride: int | Sequence[int] = 1,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> WeightedGradients:
    """From dC/dY to dC/dX, dC/dK and dC/dB (see the top of the file).

    Shape: gradient [N, K, *positions]; the gradients are shaped as x, weights and [K].
    """
    images, kernels = numbers(x), numbers(weights)
    over = conv_window(images, kernels, padding, stride, dilation, groups)
    positions = int(np.prod(over.positions))
    arrived = numbers(gradient).reshape(len(images), groups, len(kernels) // groups, positions)
    columns, rows = _columns(images, over, groups), _rows(kernels, groups)
    into_kernels = (arrived @ columns.swapaxes(-1, -2)).sum(axis=0)  # [G, K / G, taps]
    into_columns = rows.swapaxes(-1, -2) @ arrived  # [N, G, taps, positions]
    patches = into_columns.reshape(*images.shape[:2], *over.kernel, *over.positions)
    into_x = over.crop(over.gather(patches))
    into_bias = arrived.sum(axis=(0, 3)).reshape(-1)
    return WeightedGradients(into_x, into_kernels.reshape(kernels.shape), into_bias)


def conv_window(
    x: Array,
    weights: Array,
    padding: Padding,
    stride: int | Sequence[int],
    dilation: int | Sequence[int],
    groups: int,
) -> Window:
    """Where the kernels stand, after the channels were checked."""
    if x.ndim != weights.ndim or x.ndim < 3 or x.shape[1] != weights.shape[1] * groups:
        raise ShapeError(
            "shape-byhand-channels",
            f"conv: x [N, C, …] and weights [K, C / groups, …] must fit, got {list(x.shape)} and "
            f"{list(weights.shape)} with groups={groups}.",
        )
    check_divides("conv", groups=groups, filters=len(weights))
    return window("conv", x.shape[2:], weights.shape[2:], stride, padding, dilation)


def _columns(x: Array, over: Window, groups: int) -> Array:
    """[N, C, *size] -> [N, G, C / G * taps, positions]."""
    patches = over.patches(over.pad(x))
    taps = x.shape[1] // groups * np.prod(over.kernel)
    return patches.reshape(len(x), groups, taps, np.prod(over.positions))


def _rows(weights: Array, groups: int) -> Array:
    """[K, C / G, *kernel] -> [G, K / G, C / G * taps]."""
    return weights.reshape(groups, len(weights) // groups, -1)
