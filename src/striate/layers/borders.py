"""Adding zeros around a map, and cutting borders off."""

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral
from typing import ClassVar

from torch import nn

from striate.errors import ShapeError
from striate.layers._layer import Layer, feature_map, with_axes
from striate.nn import Crop
from striate.shapes import Pair, Shape

Borders = int | tuple[int | Pair, ...]
_ZEROS: dict[int, Callable[..., nn.Module]] = {
    1: nn.ZeroPad1d, 2: nn.ZeroPad2d, 3: nn.ZeroPad3d,
}  # fmt: skip


@dataclass(frozen=True)
class _Bordered(Layer):
    """A layer with pixels before and after each axis."""

    rank: ClassVar[int]
    option: ClassVar[str]

    def __post_init__(self) -> None:
        super().__post_init__()
        value = getattr(self, self.option)
        if isinstance(value, list):
            value = tuple(tuple(each) if isinstance(each, list) else each for each in value)
        if isinstance(value, tuple) and self.rank == 1 and len(value) == 2:
            value = (value,)  # (before, after), as Keras writes it for one axis
        self._store(self.option, value)
        if not self._is_right(value):
            pixels = "a number of pixels ≥ 0, or for each axis one number or (before, after)"
            self._refuse(self.option, value, pixels)

    def _is_right(self, value: object) -> bool:
        if isinstance(value, tuple):
            return len(value) == self.rank and all(
                _is_size(each)
                or (isinstance(each, tuple) and len(each) == 2 and all(map(_is_size, each)))
                for each in value
            )
        return _is_size(value)

    @property
    def borders(self) -> tuple[Pair, ...]:
        """(before, after) for every axis."""
        value = getattr(self, self.option)
        each = value if isinstance(value, tuple) else (value,) * self.rank
        return tuple((one, one) if isinstance(one, int) else one for one in each)


@dataclass(frozen=True)
class _ZeroPadding(_Bordered):
    """Zeros around the map.

    Shape: (…, k) -> (…', k), every axis longer by what is added.
    Args:
        padding: pixels; one number for all sides, one for each axis, or (before, after) for each.
    """

    option = "padding"
    padding: Borders = 1

    def output_shape(self, shape: Shape, where: str = "") -> Shape:
        *sizes, channels = feature_map(self, shape, where)
        axes = zip(sizes, self.borders, strict=True)
        return (*(size + sum(border) for size, border in axes), channels)

    def modules(self, shape: Shape) -> dict[str, nn.Module]:  # noqa: ARG002
        last_axis_first = [pixels for border in reversed(self.borders) for pixels in border]
        return {"": _ZEROS[self.rank](tuple(last_axis_first))}


@dataclass(frozen=True)
class ZeroPadding1D(_ZeroPadding):
    __doc__ = _ZeroPadding.__doc__
    rank = 1


@dataclass(frozen=True)
class ZeroPadding2D(_ZeroPadding):
    __doc__ = _ZeroPadding.__doc__
    rank = 2


@dataclass(frozen=True)
class ZeroPadding3D(_ZeroPadding):
    __doc__ = _ZeroPadding.__doc__
    rank = 3


@dataclass(frozen=True)
class _Cropping(_Bordered):
    """The map without its borders.

    Shape: (…, k) -> (…', k), every axis shorter by what is cut off.
    Args:
        cropping: pixels, as `padding` of `ZeroPadding2D`.
    Raises:
        ShapeError: nothing is left.
    """

    option = "cropping"
    cropping: Borders = 1

    def output_shape(self, shape: Shape, where: str = "") -> Shape:
        *sizes, channels = feature_map(self, shape, where)
        left = [size - sum(border) for size, border in zip(sizes, self.borders, strict=True)]
        if min(left) < 1:
            raise ShapeError(
                "shape-cropped-away",
                f"{where or self.kind}: cropping={self.cropping} leaves nothing of an input of "
                f"{with_axes(shape)}.",
                "Crop fewer pixels.",
            )
        return (*left, channels)

    def modules(self, shape: Shape) -> dict[str, nn.Module]:  # noqa: ARG002
        return {"": Crop(self.borders)}


@dataclass(frozen=True)
class Cropping1D(_Cropping):
    __doc__ = _Cropping.__doc__
    rank = 1


@dataclass(frozen=True)
class Cropping2D(_Cropping):
    __doc__ = _Cropping.__doc__
    rank = 2


@dataclass(frozen=True)
class Cropping3D(_Cropping):
    __doc__ = _Cropping.__doc__
    rank = 3


def _is_size(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 0
