"""How each value of a layer's output comes about, term by term."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from striate.byhand._described import OwnLayer, own_layer
from striate.byhand._text import written_number
from striate.byhand._window import Array, Place, Window, numbers
from striate.byhand.convolution_layer import conv_window
from striate.byhand.network import Activate, AveragePool, Conv, Dense, MaxPool
from striate.byhand.pooling import pool_window
from striate.errors import ShapeError, UsageError

Operation = Literal["sum", "max", "mean"]


@dataclass(frozen=True)
class Term:
    """One value that goes into an output.

    Args:
        pixel: where in the input; (channel, row, column), or as many as the input has axes.
        weight: what it is multiplied by; None in pooling.
        inside: False where `pixel` lies in the border that was added around the input.
    """

    pixel: Place
    value: float
    weight: float | None
    inside: bool = True

    def __str__(self) -> str:
        if self.weight is None:
            return written_number(self.value)
        return f"{written_number(self.value)}*{written_number(self.weight)}"


@dataclass(frozen=True)
class Step:
    """One output value.

    Args:
        place: where in the output; (row, column), led by the channel if the input has channels.
        terms: what went in, in reading order. Pooling leaves the border out.
        operation: the terms' products are added, or the largest or the mean of them is taken.
        window: the values that the window covers, shaped as the kernel, border included.
        bias: what is added to the sum; None where nothing is.
        activation: what `total` goes through, "linear" for nothing.
        output: the value after it; for softmax that takes the other outputs too.
    """

    place: Place
    terms: tuple[Term, ...]
    operation: Operation
    window: Array
    bias: float | None
    activation: str
    output: float

    @property
    def total(self) -> float:
        """What the expression comes to, before the activation."""
        values = [term.value * (1 if term.weight is None else term.weight) for term in self.terms]
        if self.operation == "max":
            return max(values)
        if self.operation == "mean":
            return sum(values) / len(values)
        return sum(values) + (self.bias or 0.0)

    @property
    def expression(self) -> str:
        """The terms as one writes them down: "0*0 + 2*1 + -3*0"."""
        return self._joined([str(term) for term in self.terms])

    @property
    def nonzero(self) -> str:
        """The same without the products that are zero, which is what a filter responds to."""
        shown = [str(term) for term in self.terms if term.value and term.weight != 0]
        return self._joined(shown) if self.operation == "sum" else self.expression

    def __str__(self) -> str:
        line = f"{self.place}: {self.expression} = {written_number(self.total)}"
        if self.activation == "linear":
            return line
        return f"{line}; {self.activation} gives {written_number(self.output)}"

    def _joined(self, shown: list[str]) -> str:
        if self.operation == "max":
            return f"max({', '.join(shown)})"
        if self.operation == "mean":
            return f"({' + '.join(shown)}) / {len(shown)}"
        if self.bias is not None:
            shown = [*shown, written_number(self.bias)]
        return " + ".join(shown) or "0"


def trace(
    layer: Any,
    x: ArrayLike,
    at: Place | None = None,
    *,
    weights: ArrayLike | None = None,
    bias: ArrayLike | None = None,
) -> Iterator[Step]:
    """The steps by which a layer makes its output values from one input, in reading order.

    Shape: x [H, W] or [C, H, W], channels first (signals and volumes likewise); for dense layers
        [features]. Where neither the kernel nor x has channels, places have none either.
    Args:
        layer: a kernel as an array (laid on x as it is, stride 1, no padding); or a layer of
            `byhand` with its weights, such as `Conv(kernel, padding="same")`; or a description of
            `striate.layers`: Conv, Dense, or Max-, Average- and global pooling.
        at: only this place of the output; None is all of them.
        weights, bias: for descriptions; [filters, channels / groups, *kernel] or
            [units, features], as torch keeps them.
    Raises:
        ShapeError: x or the weights do not fit the layer.
        UsageError: a description without weights, another kind of layer, a place that is none.

    >>> (step,) = trace([3, 4, 5], [1, 0, 2, 7], at=(1,))
    >>> print(step)
    (1,): 0*3 + 2*4 + 7*5 = 43
    """
    own, activation = own_layer(layer, numbers(x), weights, bias)
    own, values, plain = _with_channels(own, numbers(x))
    outputs = Activate(activation).forward(own.forward(values[None]))[0]
    traced = _Traced(own, values, activation, outputs[0] if plain else outputs, plain)
    return map(traced.step, _places(traced.outputs, at))


@dataclass(frozen=True)
class _Traced:
    """A layer with its one input [C, *size] and the outputs it gives; `plain` has no channels."""

    layer: OwnLayer
    x: Array
    activation: str
    outputs: Array
    plain: bool

    def step(self, place: Place) -> Step:
        channel, *at = (0, *place) if self.plain else place
        terms, window = self._read(channel, tuple(at))
        if self.plain:
            terms = [replace(term, pixel=term.pixel[1:]) for term in terms]
            window = window[0]
        bias = getattr(self.layer, "bias", None)
        return Step(
            place,
            tuple(terms),
            _operation(self.layer),
            window,
            None if bias is None else float(bias[channel]),
            self.activation,
            float(self.outputs[place]),
        )

    def _read(self, channel: int, at: Place) -> tuple[list[Term], Array]:
        """What goes into an output, and the window it comes from, shaped as the kernel."""
        if isinstance(self.layer, Dense):
            return _weighted(self.layer.weights[channel], self.x), self.x
        over = _over(self.layer, self.x)
        if isinstance(self.layer, Conv):
            terms = _products(self.layer, over, self.x, channel, at)
            seen, fill = self.x[_channels_seen(self.layer, channel)], 0.0
        else:
            terms = _pooled(over, self.x, channel, at)
            seen, fill = self.x[channel : channel + 1], np.nan
        return terms, over.under(over.pad(seen, fill), at)


def _weighted(weights: Array, x: Array) -> list[Term]:
    pairs = enumerate(zip(x, weights, strict=True))
    return [Term((feature,), float(value), float(weight)) for feature, (value, weight) in pairs]


def _products(layer: Conv, over: Window, x: Array, channel: int, at: Place) -> list[Term]:
    terms = []
    for weight_channel, source in enumerate(range(len(x))[_channels_seen(layer, channel)]):
        for tap in over.taps():
            pixel = over.pixel(at, tap)
            inside = over.holds(pixel)
            value = float(x[(source, *pixel)]) if inside else 0.0
            weight = float(layer.weights[(channel, weight_channel, *tap)])
            terms.append(Term((source, *pixel), value, weight, inside))
    return terms


def _pooled(over: Window, x: Array, channel: int, at: Place) -> list[Term]:
    pixels = (over.pixel(at, tap) for tap in over.taps())
    return [
        Term((channel, *pixel), float(x[(channel, *pixel)]), None)
        for pixel in pixels
        if over.holds(pixel)
    ]


def _channels_seen(layer: Conv, channel: int) -> slice:
    """The input channels of the group that an output channel belongs to."""
    seen = layer.weights.shape[1]
    group = channel // (len(layer.weights) // layer.groups)
    return slice(group * seen, (group + 1) * seen)


def _operation(layer: OwnLayer) -> Operation:
    if isinstance(layer, MaxPool):
        return "max"
    return "mean" if isinstance(layer, AveragePool) else "sum"


def _over(layer: Conv | MaxPool | AveragePool, x: Array) -> Window:
    if isinstance(layer, Conv):
        rest = (layer.padding, layer.stride, layer.dilation, layer.groups)
        return conv_window(x[None], layer.weights, *rest)
    return pool_window(x[None], layer.pool_size, layer.stride, layer.padding)


def _with_channels(layer: OwnLayer, x: Array) -> tuple[OwnLayer, Array, bool]:
    """Layer and x with their axes for channels, and whether the answer is to have none."""
    kernel = isinstance(layer, Conv) and layer.weights.ndim <= 2
    axes = _axes(layer)
    if x.ndim != axes and (kernel or isinstance(layer, Dense) or x.ndim != axes + 1):
        raise ShapeError(
            "shape-byhand-axes",
            f"trace: the layer looks along {axes} axes, so x has as many, or one more for "
            f"channels where the layer has them; got {list(x.shape)}.",
            "Trace one input at a time, such as images[0].",
        )
    if isinstance(layer, Dense) or x.ndim > axes:
        return layer, x, False
    if isinstance(layer, Conv) and kernel:
        layer = replace(layer, weights=layer.weights[None, None])
    return layer, x[None], kernel or not isinstance(layer, Conv)


def _axes(layer: OwnLayer) -> int:
    """Along how many axes of the input a layer moves its window."""
    if isinstance(layer, Dense):
        return 1
    if isinstance(layer, Conv):
        return layer.weights.ndim if layer.weights.ndim <= 2 else layer.weights.ndim - 2
    return 2 if isinstance(layer.pool_size, int) else len(layer.pool_size)


def _places(outputs: Array, at: Place | None) -> Iterator[Place]:
    if at is None:
        return product(*map(range, outputs.shape))
    fits = len(at) == outputs.ndim and all(
        0 <= place < n for place, n in zip(at, outputs.shape, strict=True)
    )
    if not fits:
        raise UsageError(
            "usage-byhand-place",
            f"trace: the output has shape {list(outputs.shape)}, got at={at!r}.",
            "Count from 0.",
        )
    return iter([at])
