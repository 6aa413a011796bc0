"""Layers that join several inputs, for networks with branches."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, NoReturn

from torch import nn

from striate.errors import ShapeError, UsageError
from striate.layers._layer import Layer
from striate.nn import graph
from striate.shapes import Shape, written


@dataclass(frozen=True)
class _Merge(Layer):
    """Called on a list of two or more: `Add()([a, b])`."""

    joins: ClassVar[Callable[[], nn.Module]]

    def joined_shape(self, shapes: Sequence[Shape], where: str = "") -> Shape:
        if len(shapes) < 2:
            self._refuse_one(where)
        for shape in shapes[1:]:
            if self._fixed(shape) != self._fixed(shapes[0]):
                raise ShapeError(
                    "graph-shapes-differ",
                    f"{where or self.kind}: inputs must have {self.rule}, got "
                    f"{written(shapes[0])} and {written(shape)}.",
                    self._fix(shapes[0], shape),
                )
        return self._joined(shapes)

    def output_shape(self, shape: Shape, where: str = "") -> Shape:  # noqa: ARG002
        return self._refuse_one(where)

    def modules(self, shape: Shape) -> dict[str, nn.Module]:  # noqa: ARG002
        return {"": type(self).joins()}

    rule: ClassVar[str] = "one shape"

    def _fixed(self, shape: Shape) -> Shape:
        """The part of a shape that must be alike."""
        return shape

    def _joined(self, shapes: Sequence[Shape]) -> Shape:
        return shapes[0]

    def _fix(self, first: Shape, other: Shape) -> str:
        if len(first) == len(other) > 1 and first[:-1] == other[:-1]:
            return (
                f"Bring the second to {first[-1]} channels with Conv2D({first[-1]}, 1), or join "
                "with Concatenate()."
            )
        if len(first) == len(other) == 1:
            return f"Bring the second to {first[0]} features with Dense({first[0]})."
        return 'Give both branches the same strides and poolings, and padding="same".'

    def _refuse_one(self, where: str) -> NoReturn:
        raise UsageError(
            "graph-inputs-number",
            f"{where or self.kind}: {self.kind} joins two inputs or more, got one.",
            f"Call it on a list: {self.kind}()([a, b]), in a functional model.",
        )


@dataclass(frozen=True)
class Concatenate(_Merge):
    """Channels one after the other. Shape: (height, width, k1), (…, k2), … -> (…, k1 + k2 + …).

    Args:
        axis: -1, the channels; the only one there is.
    """

    axis: int = -1

    rule: ClassVar[str] = "one height and width"
    joins = graph.Concatenate

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.axis != -1:
            self._refuse("axis", self.axis, "-1, the channels")

    def _fixed(self, shape: Shape) -> Shape:
        return shape[:-1]

    def _joined(self, shapes: Sequence[Shape]) -> Shape:
        return (*shapes[0][:-1], sum(shape[-1] for shape in shapes))


@dataclass(frozen=True)
class Add(_Merge):
    """The sum of inputs of one shape. Shape: unchanged."""

    joins = graph.Add


@dataclass(frozen=True)
class Multiply(_Merge):
    """The product of inputs of one shape, value by value. Shape: unchanged."""

    joins = graph.Multiply


@dataclass(frozen=True)
class Average(_Merge):
    """The mean of inputs of one shape, value by value. Shape: unchanged."""

    joins = graph.Average


@dataclass(frozen=True)
class Maximum(_Merge):
    """The largest of inputs of one shape, value by value. Shape: unchanged."""

    joins = graph.Maximum
