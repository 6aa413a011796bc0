"""Layers that hold their weights, and a network of them, forward and backward.

A layer has `forward(x) -> y` and `backward(dC/dy, x) -> (dC/dx, gradients of its weights by name)`.
It keeps nothing in between: the network remembers what came into each layer. All is [N, C, …].
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from striate.byhand._window import Array, Padding, numbers
from striate.byhand.activations import ACTIVATIONS
from striate.byhand.convolution_layer import conv, conv_backward
from striate.byhand.dense_layer import dense, dense_backward
from striate.byhand.pooling import (
    Sizes,
    average_pool,
    average_pool_backward,
    max_pool,
    max_pool_backward,
)
from striate.errors import unknown_name

Gradients = dict[str, Array]


class Layer(Protocol):
    """What a network asks of a layer."""

    def forward(self, x: Array) -> Array: ...
    def backward(self, gradient: Array, x: Array) -> tuple[Array, Gradients]: ...


@dataclass
class Conv:
    """A convolutional layer, as in `conv`: weights [K, C / groups, *kernel], bias [K] or None."""

    weights: Array
    bias: Array | None = None
    padding: Padding = "valid"
    stride: Sizes = 1
    dilation: Sizes = 1
    groups: int = 1

    def forward(self, x: Array) -> Array:
        return conv(
            x, self.weights, self.bias, self.padding, self.stride, self.dilation, self.groups
        )

    def backward(self, gradient: Array, x: Array) -> tuple[Array, Gradients]:
        found = conv_backward(
            gradient, x, self.weights, self.padding, self.stride, self.dilation, self.groups
        )
        return found.x, _of_weights(self.bias, found.weights, found.bias)


@dataclass
class Dense:
    """A dense layer, as in `dense`: weights [units, features], bias [units] or None."""

    weights: Array
    bias: Array | None = None

    def forward(self, x: Array) -> Array:
        return dense(x, self.weights, self.bias)

    def backward(self, gradient: Array, x: Array) -> tuple[Array, Gradients]:
        found = dense_backward(gradient, x, self.weights)
        return found.x, _of_weights(self.bias, found.weights, found.bias)


@dataclass
class MaxPool:
    """As in `max_pool`."""

    pool_size: Sizes = 2
    stride: Sizes | None = None
    padding: Padding = "valid"

    def forward(self, x: Array) -> Array:
        return max_pool(x, self.pool_size, self.stride, self.padding)

    def backward(self, gradient: Array, x: Array) -> tuple[Array, Gradients]:
        return max_pool_backward(gradient, x, self.pool_size, self.stride, self.padding), {}


@dataclass
class AveragePool:
    """As in `average_pool`."""

    pool_size: Sizes = 2
    stride: Sizes | None = None
    padding: Padding = "valid"

    def forward(self, x: Array) -> Array:
        return average_pool(x, self.pool_size, self.stride, self.padding)

    def backward(self, gradient: Array, x: Array) -> tuple[Array, Gradients]:
        return average_pool_backward(gradient, x, self.pool_size, self.stride, self.padding), {}


@dataclass
class Activate:
    """A function of `ACTIVATIONS` by its name.

    Raises:
        UnknownName: no activation has that name.
    """

    name: str

    def __post_init__(self) -> None:
        if self.name not in ACTIVATIONS:
            raise unknown_name("activation", self.name, ACTIVATIONS)

    def forward(self, x: Array) -> Array:
        return ACTIVATIONS[self.name].forward(x)

    def backward(self, gradient: Array, x: Array) -> tuple[Array, Gradients]:
        return ACTIVATIONS[self.name].backward(gradient, x), {}


@dataclass
class Flatten:
    """All values of an image in one row, channel by channel: [N, C, H, W] -> [N, C * H * W]."""

    def forward(self, x: Array) -> Array:
        return x.reshape(len(x), int(np.prod(x.shape[1:])))

    def backward(self, gradient: Array, x: Array) -> tuple[Array, Gradients]:
        return gradient.reshape(x.shape), {}


class Network:
    """Layers one after the other; backpropagation is the chain rule, from the last to the first.

        dC/dx_l = (dx_{l+1} / dx_l)ᵀ dC/dx_{l+1}

    >>> network = Network([Dense(np.array([[1.0, 2.0]])), Activate("relu")])
    >>> network.forward([[3, 4]])
    array([[11.]])
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.layers = list(layers)

    def forward(self, x: ArrayLike) -> Array:
        """Images [N, C, H, W] -> what the last layer gives, such as logits [N, classes]."""
        return self.remember(x)[-1]

    def remember(self, x: ArrayLike) -> list[Array]:
        """x, then what each layer made of what came before it."""
        values = [numbers(x)]
        for layer in self.layers:
            values.append(layer.forward(values[-1]))
        return values

    def backward(self, gradient: Array, values: Sequence[Array]) -> tuple[Array, list[Gradients]]:
        """From dC/d(last value) to dC/dx and, for every layer, dC/d(its weights) by name.

        Args:
            values: what `remember` gave for this x.
        """
        found: list[Gradients] = []
        for layer, came_in in zip(reversed(self.layers), reversed(values[:-1]), strict=True):
            gradient, of_weights = layer.backward(gradient, came_in)
            found.append(of_weights)
        return gradient, found[::-1]


def _of_weights(bias: Array | None, into_weights: Array, into_bias: Array) -> Gradients:
    return {"weights": into_weights} | ({} if bias is None else {"bias": into_bias})
