"""Kernels and descriptions of layers as the layers of `byhand`."""

import re
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from striate.byhand._window import Array, numbers, per_axis
from striate.byhand.network import AveragePool, Conv, Dense, MaxPool
from striate.errors import ShapeError, UsageError

OwnLayer = Conv | Dense | MaxPool | AveragePool
POOLS: dict[str, type[MaxPool] | type[AveragePool]] = {"Max": MaxPool, "Average": AveragePool}


def own_layer(
    layer: Any, x: Array, weights: ArrayLike | None, bias: ArrayLike | None
) -> tuple[OwnLayer, str]:
    """A layer of `byhand` that does the same, and the name of the activation after it.

    Args:
        layer: one of `byhand`, a kernel, or a description, known by its class's name and the
            attributes that Keras's layers have.
        x: its input; global pooling has a window of that size.
    Raises:
        ShapeError: the weights do not fit the description.
        UsageError: a description without weights, or of another kind.
    """
    if isinstance(layer, Conv | Dense | MaxPool | AveragePool):
        return layer, "linear"
    kind = type(layer).__name__
    activation = getattr(layer, "final_activation", "linear")
    if re.fullmatch(r"Conv[123]D", kind):
        kernel, shift = _weights(layer, kind, weights, bias)
        rest = (layer.padding, layer.strides, layer.dilation_rate, layer.groups)
        _check(kind, kernel, (layer.filters, *_sizes(kind, layer.kernel_size)), skip=1)
        return Conv(kernel, shift, *rest), activation
    if kind == "Dense":
        matrix, shift = _weights(layer, kind, weights, bias)
        _check(kind, matrix, (layer.units,), skip=1)
        return Dense(matrix, shift), activation
    if found := re.fullmatch(r"(Global)?(Max|Average)Pooling[123]D", kind):
        if found[1]:
            return POOLS[found[2]](x.shape[-int(kind[-2]) :]), activation
        return POOLS[found[2]](
            _sizes(kind, layer.pool_size), layer.strides, layer.padding
        ), "linear"
    if hasattr(layer, "__array__") or isinstance(layer, list | tuple):
        return Conv(numbers(layer), None if bias is None else numbers(bias)), "linear"
    raise UsageError(
        "usage-byhand-layer",
        f"trace: it shows convolution, dense layers and pooling step by step, got {kind}.",
        "Give a kernel as an array, a layer of byhand, or a Conv, Dense or Pooling description.",
    )


def _sizes(kind: str, size: Any) -> tuple[int, ...]:
    """One number an axis; the axes are in the kind's name."""
    return per_axis(f"trace: {kind}", "size", size, int(kind[-2]))


def _weights(
    layer: Any, kind: str, weights: ArrayLike | None, bias: ArrayLike | None
) -> tuple[Array, Array | None]:
    if weights is None:
        raise UsageError(
            "usage-byhand-weights",
            f"trace: a description such as {kind} holds no weights.",
            "Give them: trace(layer, x, weights=…, bias=…), for example those of the built "
            "network, model.network[0].weight.",
        )
    if bias is not None and not layer.use_bias:
        raise UsageError("usage-byhand-weights", f"trace: this {kind} has use_bias=False.")
    return numbers(weights), None if bias is None else numbers(bias)


def _check(kind: str, weights: Array, wanted: tuple[int, ...], skip: int) -> None:
    """The weights' axes are as wanted but for axis `skip`, the channels or features."""
    if weights.ndim != len(wanted) + 1 or tuple(np.delete(weights.shape, skip)) != wanted:
        shape = [*map(str, wanted)]
        shape.insert(skip, "features" if kind == "Dense" else "channels / groups")
        raise ShapeError(
            "shape-byhand-weights",
            f"trace: {kind} needs weights of shape [{', '.join(shape)}], got "
            f"{list(weights.shape)}.",
            "Keras keeps kernels as [height, width, channels, filters] and dense weights as "
            "[features, units]; move the last axes to the front.",
        )
