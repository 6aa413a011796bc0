"""A list of layers, each seeing what the one before it gives."""

import re
from collections import Counter
from collections.abc import Sequence

from torch import nn

from striate.errors import ShapeError, UsageError
from striate.layers._layer import Layer
from striate.layers.core import Input, check_same
from striate.shapes import Shape, checked_shape


def names(layers: Sequence[Layer]) -> tuple[str, ...]:
    """Each layer's own name, or its kind and number, such as "conv2d_1".

    Raises:
        UsageError: two layers have the same name.
    """
    counts: Counter[str] = Counter()
    chosen: list[str] = []
    for layer in layers:
        kind = _snake_case(layer.kind)
        counts[kind] += 1
        chosen.append(layer.name or f"{kind}_{counts[kind]}")
        _check_new(chosen[-1], chosen[:-1])
    return tuple(chosen)


def declared_input_shape(layers: Sequence[Layer]) -> Shape | None:
    """What the first layer says comes in; None where only the data will tell."""
    if not layers:
        return None
    first = layers[0]
    return first.shape if isinstance(first, Input) else first.input_shape


def final_activation(layers: Sequence[Layer]) -> str:
    """The function that the output went through last; if not "linear" it is the last child.

    Then `build(layers, …)[:-1]` gives the logits.
    """
    return layers[-1].final_activation if layers else "linear"


def infer(
    layers: Sequence[Layer], input_shape: Shape | None = None, inside: str = ""
) -> tuple[Shape, ...]:
    """The output shape of every layer, by whole-number arithmetic alone.

    Args:
        input_shape: (height, width, channels) or (features,); None takes the declared one.
        inside: the block that the layers are in, for the messages.
    Raises:
        ShapeError: a layer does not fit what comes before it; names it and both shapes.
    """
    shape = _input_shape(layers, input_shape)
    shapes: list[Shape] = []
    for number, (name, layer) in enumerate(zip(names(layers), layers, strict=True), start=1):
        where = f"{inside}, layer {number} ({name})" if inside else f"Layer {number} ({name})"
        if layer.input_shape is not None:
            check_same(where, layer.input_shape, shape)
        shape = layer.output_shape(shape, where)
        shapes.append(shape)
    return tuple(shapes)


def build(layers: Sequence[Layer], input_shape: Shape | None = None) -> nn.Sequential:
    """The layers as plain torch modules, named as the layers are.

    An activation that is an option of its layer is a child of its own, such as "conv2d_1_relu".

    Shape: [N, channels, height, width] or [N, features] -> the same order for the output.
    Raises:
        ShapeError: a layer does not fit, found before any tensor is made.
    """
    start = _input_shape(layers, input_shape)
    inputs = (start, *infer(layers, start)[:-1])
    network = nn.Sequential()
    for name, layer, shape in zip(names(layers), layers, inputs, strict=False):
        for suffix, module in layer.modules(shape).items():
            child = f"{name}_{suffix}" if suffix else name
            _check_new(child, [known for known, _ in network.named_children()])
            network.add_module(child, module)
    return network


def _input_shape(layers: Sequence[Layer], given: Shape | None) -> Shape:
    shape = declared_input_shape(layers) if given is None else checked_shape("input", given)
    if shape is None:
        raise ShapeError(
            "shape-input-unknown",
            "The shape of the input is not known.",
            "Begin with layers.Input((height, width, channels)).",
        )
    return shape


def _snake_case(kind: str) -> str:
    """MaxPooling2D -> max_pooling2d, Conv2DTranspose -> conv2d_transpose, as Keras has them."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=\dD)(?=[A-Z])", "_", kind).lower()


def _check_new(name: str, known: Sequence[str]) -> None:
    if name in known:
        raise UsageError(
            "model-layer-repeated",
            f"Two layers are named {name!r}.",
            "Give one of them another name=.",
        )
