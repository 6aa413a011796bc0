"""Enlarging a map without weights."""

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from striate.layers._layer import Layer, Sizes, feature_map
from striate.shapes import Shape, spread


@dataclass(frozen=True)
class _UpSampling(Layer):
    """Every value repeated `size` times along each axis.

    Shape: (…, k) -> (…' , k), every axis times `size`.
    Args:
        size: how many times; one number, or one for each axis, height first.
    """

    rank: ClassVar[int]
    size: Sizes = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_window("size")

    @property
    def _mode(self) -> str:
        return "nearest"

    def output_shape(self, shape: Shape, where: str = "") -> Shape:
        *sizes, channels = feature_map(self, shape, where)
        times = spread(self.size, self.rank)
        return (*(size * by for size, by in zip(sizes, times, strict=True)), channels)

    def modules(self, shape: Shape) -> dict[str, nn.Module]:
        return {"": nn.Upsample(size=self.output_shape(shape)[:-1], mode=self._mode)}


@dataclass(frozen=True)
class UpSampling1D(_UpSampling):
    __doc__ = _UpSampling.__doc__
    rank = 1


@dataclass(frozen=True)
class UpSampling2D(_UpSampling):
    """Every value repeated `size` times along each axis, or a smooth ramp between the values.

    Shape: (height, width, k) -> (height * size, width * size, k).
    Args:
        size: how many times; one number or (height, width).
        interpolation: "nearest" repeats; "bilinear" draws straight lines between the middles of
            the pixels, as TensorFlow and Keras do.
    """

    rank = 2
    interpolation: str = "nearest"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.interpolation not in ("nearest", "bilinear"):
            self._refuse("interpolation", self.interpolation, '"nearest" or "bilinear"')

    @property
    def _mode(self) -> str:
        return self.interpolation


@dataclass(frozen=True)
class UpSampling3D(_UpSampling):
    __doc__ = _UpSampling.__doc__
    rank = 3
