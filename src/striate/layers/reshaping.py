"""Layers that give the same values another shape."""

from dataclasses import dataclass
from math import prod

from torch import nn

from striate.errors import ShapeError
from striate.layers._layer import Layer, described
from striate.shapes import Shape


@dataclass(frozen=True)
class Reshape(Layer):
    """The same values in another shape, channel by channel: it undoes `Flatten`.

    Shape: any -> `target_shape`.
    Args:
        target_shape: one size may be -1, for what is left.
    Raises:
        ShapeError: the values do not fill it.
    Differs: Keras runs through the channels of a pixel first.

    >>> Reshape((4, -1)).output_shape((8, 3))
    (4, 6)
    """

    target_shape: tuple[int, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        sizes = self.target_shape
        if not isinstance(sizes, tuple | list):
            sizes = (sizes,)
        whole = tuple(
            size if size == -1 else self._whole("target_shape", size, 1) for size in sizes
        )
        if not 1 <= len(whole) <= 4 or whole.count(-1) > 1:
            self._refuse("target_shape", whole, "1 to 4 sizes, at most one of them -1")
        self._store("target_shape", whole)

    def output_shape(self, shape: Shape, where: str = "") -> Shape:
        values, given = prod(shape), prod(size for size in self.target_shape if size != -1)
        fits = values % given == 0 if -1 in self.target_shape else values == given
        if not fits:
            raise ShapeError(
                "shape-reshape",
                f"{where or self.kind}: the {values:,} values of its input, a {described(shape)}, "
                f"do not fill a shape of {self.target_shape}.",
                "Leave one size to be worked out: -1.",
            )
        return tuple(values // given if size == -1 else size for size in self.target_shape)

    def modules(self, shape: Shape) -> dict[str, nn.Module]:
        *axes, channels = self.output_shape(shape)
        if not axes:
            return {"": nn.Flatten()}
        return {"": nn.Sequential(nn.Flatten(), nn.Unflatten(1, (channels, *axes)))}
