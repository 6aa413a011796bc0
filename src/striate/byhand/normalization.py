"""Batch normalisation: every channel brought to mean 0 and variance 1 over the batch.

    mu = mean(x)    v = mean((x - mu)^2)    h = (x - mu) / sqrt(v + eps)    y = gamma h + beta

with means over all axes but the channels' (m values each). Since mu and v depend on every x,
the way back has three terms:

    dC/dbeta = sum dC/dy        dC/dgamma = sum dC/dy h
    dC/dx = gamma / sqrt(v + eps) * (dC/dy - mean(dC/dy) - h mean(dC/dy h))

Source: Ioffe and Szegedy 2015, "Batch Normalization", arXiv:1502.03167, algorithm 1 and section 3.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from striate.byhand._window import Array, numbers


class NormGradients(NamedTuple):
    """How the cost changes with the input, the scale and the shift."""

    x: Array
    gamma: Array
    beta: Array


def batch_norm(x: ArrayLike, gamma: ArrayLike, beta: ArrayLike, epsilon: float = 1e-5) -> Array:
    """y = gamma (x - mu) / sqrt(v + eps) + beta, as while training.

    Shape: x [N, C, …], gamma and beta [C] -> [N, C, …].
    """
    values = numbers(x)
    mean, variance = batch_statistics(values)
    return batch_norm_inference(values, gamma, beta, mean, variance, epsilon)


def batch_norm_backward(
    gradient: ArrayLike, x: ArrayLike, gamma: ArrayLike, epsilon: float = 1e-5
) -> NormGradients:
    """From dC/dy to dC/dx, dC/dgamma and dC/dbeta (see the top of the file)."""
    arrived, values = numbers(gradient), numbers(x)
    mean, variance = batch_statistics(values)
    axes = _all_but_channels(values)
    deviation = np.sqrt(_along_channels(variance, values) + epsilon)
    h = (values - _along_channels(mean, values)) / deviation
    even = arrived.mean(axis=axes, keepdims=True)
    tilted = (arrived * h).mean(axis=axes, keepdims=True)
    into_x = _along_channels(gamma, values) / deviation * (arrived - even - h * tilted)
    return NormGradients(into_x, (arrived * h).sum(axis=axes), arrived.sum(axis=axes))


def batch_norm_inference(
    x: ArrayLike,
    gamma: ArrayLike,
    beta: ArrayLike,
    mean: ArrayLike,
    variance: ArrayLike,
    epsilon: float = 1e-5,
) -> Array:
    """The same with a fixed mean and variance [C] (running averages): one scale and shift each."""
    values = numbers(x)
    scale = numbers(gamma) / np.sqrt(numbers(variance) + epsilon)
    centred = values - _along_channels(mean, values)
    return centred * _along_channels(scale, values) + _along_channels(beta, values)


def batch_statistics(x: ArrayLike) -> tuple[Array, Array]:
    """Mean and (biased) variance [C] of x [N, C, …]."""
    values = numbers(x)
    axes = _all_but_channels(values)
    return values.mean(axis=axes), values.var(axis=axes)


def _all_but_channels(x: Array) -> tuple[int, ...]:
    return tuple(axis for axis in range(x.ndim) if axis != 1)


def _along_channels(values: ArrayLike, x: Array) -> Array:
    """[C] -> [C, 1, …], to be broadcast over x [N, C, …]."""
    return numbers(values).reshape(-1, *[1] * (x.ndim - 2))
