"""Layers that are made of layers: side by side, or around a shortcut."""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

from torch import nn

from striate.errors import ShapeError
from striate.layers import stack
from striate.layers._layer import Layer
from striate.layers._window import Window
from striate.layers.convolution import Conv1D, Conv2D, Conv3D
from striate.layers.core import Dense
from striate.layers.normalization import BatchNormalization
from striate.nn import ACTIVATIONS, Added, Concatenated, activation, zero_last_gamma
from striate.shapes import Shape, written

_CONVOLUTIONS = {1: Conv1D, 2: Conv2D, 3: Conv3D}


@dataclass(frozen=True)
class Branches(Layer):
    """Several lists of layers over one input, their channels one after the other.

    Shape: (…, k) -> (…', k1 + k2 + …).
    Args:
        branches: one list of layers, or a single layer, for each; an empty list passes the input.
    Raises:
        ShapeError: the branches give maps of several sizes.
    Source: Szegedy et al. 2015, "Going Deeper with Convolutions", arXiv:1409.4842, figure 2.

    >>> inception = Branches([Conv2D(64, 1), [Conv2D(96, 1), Conv2D(128, 3, padding="same")]])
    >>> inception.output_shape((28, 28, 192))
    (28, 28, 192)
    """

    branches: Sequence[Layer | Sequence[Layer]]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.branches, list | tuple) or not self.branches:
            self._refuse("branches", self.branches, "one list of layers for each branch")
        self._store("branches", tuple(listed(self, "branches", one) for one in self.branches))

    def output_shape(self, shape: Shape, where: str = "") -> Shape:
        shapes = [
            given(branch, shape, f"{where or self.kind}, branch {number}")
            for number, branch in enumerate(self._lists, start=1)
        ]
        if len({one[:-1] for one in shapes}) == 1:
            return (*shapes[0][:-1], sum(one[-1] for one in shapes))
        raise ShapeError(
            "shape-branches-differ",
            f"{where or self.kind}: the branches give {', '.join(map(written, shapes))}; all but "
            "the channels must be alike.",
            'Use padding="same" and the same strides in every branch.',
        )

    def modules(self, shape: Shape) -> dict[str, nn.Module]:
        return {"": Concatenated(stack.build(branch, shape) for branch in self._lists)}

    @property
    def _lists(self) -> tuple[tuple[Layer, ...], ...]:
        return tuple(one if isinstance(one, tuple) else () for one in self.branches)


@dataclass(frozen=True)
class Residual(Layer):
    """activation(layers(x) + shortcut(x)).

    Shape: what `layers` give.
    Args:
        layers: the branch; its last convolution or dense layer needs no activation.
        shortcut: layers that bring the input to the same shape. Without any it is the input as it
            is, or, where the branch changes the shape, a 1x1 convolution with the branch's strides
            and batch normalisation (a dense layer for vectors).
        activation: a name of `nn.ACTIVATIONS`; None is "linear", as in blocks that normalise first.
        zero_last_gamma: start the scale of the branch's last normalisation at zero, so that the
            fresh block passes its shortcut through.
    Raises:
        ShapeError: branch and shortcut differ in shape.
    Source: He et al. 2016, "Deep Residual Learning for Image Recognition", arXiv:1512.03385,
        eq. 1-2, shortcut option B.

    >>> Residual([Conv2D(8, 3, 2, "same")]).output_shape((7, 7, 4))
    (4, 4, 8)
    """

    layers: Sequence[Layer] | Layer
    _: KW_ONLY
    shortcut: Sequence[Layer] | Layer = ()
    activation: str | None = "relu"
    zero_last_gamma: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("layers", "shortcut"):
            self._store(name, listed(self, name, getattr(self, name)))
        if not self.layers:
            self._refuse("layers", self.layers, "a list of one layer or more")
        if self.activation is not None:
            self._check_known("activation", ACTIVATIONS, "activation")
        self._check_flag("zero_last_gamma")

    @property
    def final_activation(self) -> str:
        return self.activation or "linear"

    def output_shape(self, shape: Shape, where: str = "") -> Shape:
        where = where or self.kind
        branch = given(listed(self, "layers", self.layers), shape, f"{where}, branch")
        shortcut = given(self._shortcut(shape, branch), shape, f"{where}, shortcut")
        if branch == shortcut:
            return branch
        raise ShapeError(
            "shape-branches-differ",
            f"{where}: the branch makes {written(branch)} of its input of {written(shape)}, the "
            f"shortcut {written(shortcut)}; they are added and must be alike.",
            'Use padding="same" in the branch, or give shortcut=[…] of your own.',
        )

    def _shortcut(self, shape: Shape, output: Shape) -> tuple[Layer, ...]:
        """The one that was given, or the least that can bring `shape` to `output`."""
        chosen = listed(self, "shortcut", self.shortcut)
        if chosen or shape == output or len(shape) != len(output):
            return chosen
        if len(shape) == 1:
            return (Dense(output[0], use_bias=False),)
        rank = len(shape) - 1
        strides = _strides(listed(self, "layers", self.layers), rank)
        project = _CONVOLUTIONS[rank](output[-1], 1, strides, "same", use_bias=False)
        return (project, BatchNormalization())

    def modules(self, shape: Shape) -> dict[str, nn.Module]:
        layers = listed(self, "layers", self.layers)
        branch = stack.build(layers, shape)
        shortcut = self._shortcut(shape, given(layers, shape, self.kind))
        if self.zero_last_gamma and not zero_last_gamma(branch):
            self._refuse("zero_last_gamma", True, "False where the branch normalises nothing")
        block = Added(branch, stack.build(shortcut, shape) if shortcut else nn.Identity())
        final = self.final_activation
        return {"": block} if final == "linear" else {"": block, final: activation(final)}


def _strides(layers: Sequence[Layer], rank: int) -> tuple[int, ...]:
    """Pixels of the input for each of the output, along every axis."""
    strides = [1] * rank
    for layer in layers:
        window: Window | None = getattr(layer, "window", None)
        steps = window.stride if window else (1,) * rank
        if isinstance(layer, Residual):
            steps = _strides(listed(layer, "layers", layer.layers), rank)
        strides = [before * step for before, step in zip(strides, steps, strict=False)]
    return tuple(strides)


def listed(layer: Layer, name: str, value: Any) -> tuple[Layer, ...]:
    """Layers that belong to a block, as a tuple.

    Raises:
        UsageError: something else is among them.
    """
    layers = (value,) if isinstance(value, Layer) else value
    if not isinstance(layers, list | tuple) or not all(isinstance(one, Layer) for one in layers):
        layer._refuse(name, value, "made of layers, such as [Conv2D(8, 3)]")
    return tuple(layers)


def given(layers: Sequence[Layer], shape: Shape, where: str) -> Shape:
    """The shape that the last of them gives; the input's where there is none."""
    return stack.infer(layers, shape, where)[-1] if layers else shape
