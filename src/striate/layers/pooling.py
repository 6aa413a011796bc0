"""Pooling with a window that moves over signals, feature maps and volumes."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from torch import nn

from striate import nn as blocks
from striate.errors import ShapeError
from striate.layers._layer import Layer, Padding, Sizes, feature_map, numeric_padding
from striate.layers._window import Window
from striate.shapes import Shape, spread


def _average_3d(
    kernel: tuple[int, ...], stride: tuple[int, ...], padding: tuple[int, ...]
) -> nn.Module:
    if any(padding):
        return blocks.AvgPool3dPadded(kernel, stride, padding)
    return nn.AvgPool3d(kernel, stride)  # type: ignore[arg-type]  # a tuple of any length


Maker = Callable[..., nn.Module]
Makers = dict[int, tuple[Maker, Maker]]  # by rank: with padding in numbers, and with "same"
_MAX: Makers = {
    1: (nn.MaxPool1d, blocks.MaxPool1dSame),
    2: (nn.MaxPool2d, blocks.MaxPool2dSame),
    3: (nn.MaxPool3d, blocks.MaxPool3dSame),
}
_AVERAGE: Makers = {
    1: (partial(nn.AvgPool1d, count_include_pad=False), blocks.AvgPool1dSame),
    2: (partial(nn.AvgPool2d, count_include_pad=False), blocks.AvgPool2dSame),
    3: (_average_3d, blocks.AvgPool3dSame),
}


@dataclass(frozen=True)
class _Pooling(Layer):
    rank: ClassVar[int]
    makers: ClassVar[Makers]
    pool_size: Sizes = 2
    strides: Sizes | None = None
    padding: Padding = "valid"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_window("pool_size")
        if self.strides is not None:
            self._check_window("strides")
        self._check_padding()
        sizes = spread(self.pool_size, self.rank)
        borders = numeric_padding(self.padding, self.rank) or (0,) * self.rank
        if any(border > size // 2 for border, size in zip(borders, sizes, strict=True)):
            raise ShapeError(
                "shape-padding-too-wide",
                f"{self.kind}: padding must be at most half of pool_size, got "
                f"padding={self.padding!r} and pool_size={self.pool_size!r}.",
                'Use padding="same", or a larger pool_size.',
            )

    @property
    def window(self) -> Window:
        stride = self.pool_size if self.strides is None else self.strides
        return Window.of(self.rank, self.pool_size, stride, self.padding)

    def output_shape(self, shape: Shape, where: str = "") -> Shape:
        channels = feature_map(self, shape, where)[-1]
        return self.window.moved_over(shape, channels, where or self.kind, "pool_size")

    def modules(self, shape: Shape) -> dict[str, nn.Module]:  # noqa: ARG002
        window = self.window
        plain, same = self.makers[self.rank]
        if window.padding is None:
            return {"": same(window.kernel, window.stride)}
        return {"": plain(window.kernel, window.stride, window.padding)}


@dataclass(frozen=True)
class _MaxPooling(_Pooling):
    """The largest value in each window; padding never wins.

    Shape: (…, channels) -> (…', channels).
    Args:
        pool_size: pixels; one number, or one for each axis, height first.
        strides: pixels between windows; None is `pool_size`.
        padding: as in `Conv2D`; in numbers at most half of `pool_size`.
    """

    makers = _MAX


@dataclass(frozen=True)
class _AveragePooling(_Pooling):
    """The mean of each window over the pixels that exist: padding is not counted.

    Shape and Args: as in `MaxPooling2D`.
    """

    makers = _AVERAGE


@dataclass(frozen=True)
class MaxPooling1D(_MaxPooling):
    __doc__ = _MaxPooling.__doc__
    rank = 1


@dataclass(frozen=True)
class MaxPooling2D(_MaxPooling):
    __doc__ = _MaxPooling.__doc__
    rank = 2


@dataclass(frozen=True)
class MaxPooling3D(_MaxPooling):
    __doc__ = _MaxPooling.__doc__
    rank = 3


@dataclass(frozen=True)
class AveragePooling1D(_AveragePooling):
    __doc__ = _AveragePooling.__doc__
    rank = 1


@dataclass(frozen=True)
class AveragePooling2D(_AveragePooling):
    __doc__ = _AveragePooling.__doc__
    rank = 2


@dataclass(frozen=True)
class AveragePooling3D(_AveragePooling):
    __doc__ = _AveragePooling.__doc__
    rank = 3
