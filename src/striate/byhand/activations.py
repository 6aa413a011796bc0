"""Functions between layers, and their derivatives.

An elementwise function changes each number by itself, so its way back is a product:

    y = f(x)      dC/dx = dC/dy f'(x)

`NAME_derivative` is f'. Softmax and maxout mix several numbers and have a `NAME_backward`.
`ACTIVATIONS` holds all those of one argument as pairs (forward, backward).
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from striate.byhand._window import Array, numbers
from striate.byhand.dense_layer import dense, dense_backward

SELU_SCALE = 1.0507009873554805  # Klambauer et al. 2017, arXiv:1706.02515, eq. 14
SELU_ALPHA = 1.6732632423543772


def linear(x: ArrayLike) -> Array:
    """y = x."""
    return numbers(x)


def linear_derivative(x: ArrayLike) -> Array:
    """f' = 1."""
    return np.ones_like(numbers(x))


def sigmoid(x: ArrayLike) -> Array:
    """y = 1 / (1 + e^-x), computed as (1 + tanh(x/2)) / 2, which never overflows.

    >>> sigmoid([0, 1000])
    array([0.5, 1. ])
    """
    return (1 + np.tanh(numbers(x) / 2)) / 2


def sigmoid_derivative(x: ArrayLike) -> Array:
    """f' = y (1 - y)."""
    y = sigmoid(x)
    return y * (1 - y)


def tanh(x: ArrayLike) -> Array:
    """y = (e^x - e^-x) / (e^x + e^-x) = 2 sigmoid(2x) - 1."""
    return np.tanh(numbers(x))


def tanh_derivative(x: ArrayLike) -> Array:
    """f' = 1 - y^2."""
    return 1 - tanh(x) ** 2


def relu(x: ArrayLike) -> Array:
    """y = max(0, x)."""
    return np.maximum(0, numbers(x))


def relu_derivative(x: ArrayLike) -> Array:
    """f' = 1 where x > 0, else 0 (at 0, where there is none, 0)."""
    return (numbers(x) > 0).astype(np.float64)


def leaky_relu(x: ArrayLike, slope: float = 0.1) -> Array:
    """y = max(slope x, x), for a slope below 1."""
    return np.maximum(slope * numbers(x), numbers(x))


def leaky_relu_derivative(x: ArrayLike, slope: float = 0.1) -> Array:
    """f' = 1 where x > 0, else slope."""
    return np.where(numbers(x) > 0, 1.0, slope)


def elu(x: ArrayLike, alpha: float = 1.0) -> Array:
    """y = x where x > 0, else alpha (e^x - 1).

    Source: Clevert et al. 2016, "Fast and Accurate Deep Network Learning by Exponential Linear
        Units", arXiv:1511.07289, eq. 15.
    """
    values = numbers(x)
    return np.where(values > 0, values, alpha * np.expm1(np.minimum(values, 0)))


def elu_derivative(x: ArrayLike, alpha: float = 1.0) -> Array:
    """f' = 1 where x > 0, else alpha e^x."""
    values = numbers(x)
    return np.where(values > 0, 1.0, alpha * np.exp(np.minimum(values, 0)))


def selu(x: ArrayLike) -> Array:
    """y = scale elu(x), with scale and alpha such that mean 0 and variance 1 are kept.

    Source: Klambauer et al. 2017, "Self-Normalizing Neural Networks", arXiv:1706.02515, eq. 2.
    """
    return SELU_SCALE * elu(x, SELU_ALPHA)


def selu_derivative(x: ArrayLike) -> Array:
    """f' = scale elu'(x)."""
    return SELU_SCALE * elu_derivative(x, SELU_ALPHA)


def softplus(x: ArrayLike) -> Array:
    """y = log(1 + e^x), the smooth ReLU."""
    return np.logaddexp(0, numbers(x))


def softplus_derivative(x: ArrayLike) -> Array:
    """f' = sigmoid(x)."""
    return sigmoid(x)


def swish(x: ArrayLike) -> Array:
    """y = x sigmoid(x), also called SiLU.

    Source: Ramachandran et al. 2017, "Searching for Activation Functions", arXiv:1710.05941.
    """
    return numbers(x) * sigmoid(x)


def swish_derivative(x: ArrayLike) -> Array:
    """f' = s + x s (1 - s), with s = sigmoid(x)."""
    return sigmoid(x) + numbers(x) * sigmoid_derivative(x)


def hard_swish(x: ArrayLike) -> Array:
    """y = x hard_sigmoid(x): swish made of straight pieces.

    Source: Howard et al. 2019, "Searching for MobileNetV3", arXiv:1905.02244, section 5.2.
    """
    return numbers(x) * hard_sigmoid(x)


def hard_swish_derivative(x: ArrayLike) -> Array:
    """f' = 0 where x <= -3, 1 where x >= 3, else (2x + 3) / 6."""
    values = numbers(x)
    return np.where(values >= 3, 1.0, np.where(values <= -3, 0.0, (2 * values + 3) / 6))


def hard_sigmoid(x: ArrayLike) -> Array:
    """y = min(max(x + 3, 0), 6) / 6: a sigmoid made of straight pieces."""
    return np.clip(numbers(x) + 3, 0, 6) / 6


def hard_sigmoid_derivative(x: ArrayLike) -> Array:
    """f' = 1/6 where -3 < x < 3, else 0."""
    return (np.abs(numbers(x)) < 3) / 6


def relu6(x: ArrayLike) -> Array:
    """y = min(max(0, x), 6)."""
    return np.clip(numbers(x), 0, 6)


def relu6_derivative(x: ArrayLike) -> Array:
    """f' = 1 where 0 < x < 6, else 0."""
    return ((numbers(x) > 0) & (numbers(x) < 6)).astype(np.float64)


def mish(x: ArrayLike) -> Array:
    """y = x tanh(softplus(x)). Source: Misra 2019, "Mish", arXiv:1908.08681, eq. 2."""
    return numbers(x) * np.tanh(softplus(x))


def mish_derivative(x: ArrayLike) -> Array:
    """f' = t + x (1 - t^2) sigmoid(x), with t = tanh(softplus(x))."""
    t = np.tanh(softplus(x))
    return t + numbers(x) * (1 - t**2) * sigmoid(x)


def gelu(x: ArrayLike) -> Array:
    """y = x P(Z <= x) for a standard normal Z: x (1 + erf(x / sqrt 2)) / 2.

    Source: Hendrycks and Gimpel 2016, "Gaussian Error Linear Units", arXiv:1606.08415, eq. 2.
    """
    return numbers(x) * _normal_share_below(x)


def gelu_derivative(x: ArrayLike) -> Array:
    """f' = P(Z <= x) + x e^(-x^2 / 2) / sqrt(2 pi)."""
    values = numbers(x)
    return _normal_share_below(x) + values * np.exp(-(values**2) / 2) / math.sqrt(2 * math.pi)


def _normal_share_below(x: ArrayLike) -> Array:
    scaled = numbers(x) / math.sqrt(2)
    erf = np.array([math.erf(value) for value in scaled.reshape(-1)]).reshape(scaled.shape)
    return (1 + erf) / 2


def softmax(x: ArrayLike, axis: int = 1) -> Array:
    """p_k = e^x_k / sum_j e^x_j over the classes; the largest is subtracted first.

    Shape: [N, classes, …] -> the same; sums to 1 along `axis`.

    >>> softmax([[0, 0], [1000, 0]])
    array([[0.5, 0.5],
           [1. , 0. ]])
    """
    values = numbers(x)
    powers = np.exp(values - values.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def softmax_backward(gradient: ArrayLike, x: ArrayLike, axis: int = 1) -> Array:
    """dC/dx_k = p_k (dC/dp_k - sum_j dC/dp_j p_j), for dp_j/dx_k = p_j ([j = k] - p_k)."""
    p, arrived = softmax(x, axis), numbers(gradient)
    return p * (arrived - (arrived * p).sum(axis=axis, keepdims=True))


def maxout(x: ArrayLike, weights: ArrayLike, bias: ArrayLike) -> Array:
    """y = max_m (w_mᵀ x + b_m), for two pieces max(w1ᵀ x + b1, w2ᵀ x + b2).

    Shape: x [N, features], weights [pieces, units, features], bias [pieces, units] -> [N, units].
    Source: Goodfellow et al. 2013, "Maxout Networks", arXiv:1302.4389, section 3.
    """
    return _pieces(x, weights, bias).max(axis=0)


def maxout_backward(
    gradient: ArrayLike, x: ArrayLike, weights: ArrayLike, bias: ArrayLike
) -> tuple[Array, Array, Array]:
    """dC/dx, dC/dw and dC/db: the piece that won gets the gradient, as of a dense layer."""
    winner = _pieces(x, weights, bias).argmax(axis=0)  # [N, units]
    pieces = [
        dense_backward(numbers(gradient) * (winner == piece), x, matrix)
        for piece, matrix in enumerate(numbers(weights))
    ]
    into_x = np.sum([piece.x for piece in pieces], axis=0)
    return into_x, np.stack([p.weights for p in pieces]), np.stack([p.bias for p in pieces])


def _pieces(x: ArrayLike, weights: ArrayLike, bias: ArrayLike) -> Array:
    """[pieces, N, units]."""
    both = zip(numbers(weights), numbers(bias), strict=True)
    return np.stack([dense(x, matrix, shift) for matrix, shift in both])


class Activation(NamedTuple):
    """A function and its way back, from dC/dy and x to dC/dx."""

    forward: Callable[[ArrayLike], Array]
    backward: Callable[[ArrayLike, ArrayLike], Array]


def _elementwise(
    function: Callable[[ArrayLike], Array], derivative: Callable[[ArrayLike], Array]
) -> Activation:
    return Activation(function, lambda gradient, x: numbers(gradient) * derivative(x))


ACTIVATIONS: dict[str, Activation] = {
    "linear": _elementwise(linear, linear_derivative),
    "sigmoid": _elementwise(sigmoid, sigmoid_derivative),
    "tanh": _elementwise(tanh, tanh_derivative),
    "relu": _elementwise(relu, relu_derivative),
    "leaky_relu": _elementwise(leaky_relu, leaky_relu_derivative),
    "elu": _elementwise(elu, elu_derivative),
    "selu": _elementwise(selu, selu_derivative),
    "softplus": _elementwise(softplus, softplus_derivative),
    "swish": _elementwise(swish, swish_derivative),
    "silu": _elementwise(swish, swish_derivative),
    "hard_swish": _elementwise(hard_swish, hard_swish_derivative),
    "hard_sigmoid": _elementwise(hard_sigmoid, hard_sigmoid_derivative),
    "relu6": _elementwise(relu6, relu6_derivative),
    "mish": _elementwise(mish, mish_derivative),
    "gelu": _elementwise(gelu, gelu_derivative),
    "softmax": Activation(softmax, softmax_backward),
}
