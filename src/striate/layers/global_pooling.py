"""Pooling over the whole of a map, or over as many windows as the output is to have."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from striate.layers._layer import Layer, Sizes, feature_map
from striate.shapes import Shape, spread

Maker = Callable[..., nn.Module]
_AVERAGE: dict[int, Maker] = {
    1: nn.AdaptiveAvgPool1d, 2: nn.AdaptiveAvgPool2d, 3: nn.AdaptiveAvgPool3d,
}  # fmt: skip
_MAX: dict[int, Maker] = {
    1: nn.AdaptiveMaxPool1d, 2: nn.AdaptiveMaxPool2d, 3: nn.AdaptiveMaxPool3d,
}  # fmt: skip


@dataclass(frozen=True)
class _GlobalPooling(Layer):
    rank: ClassVar[int]
    pools: ClassVar[dict[int, Maker]]

    def output_shape(self, shape: Shape, where: str = "") -> Shape:
        return feature_map(self, shape, where)[-1:]

    def modules(self, shape: Shape) -> dict[str, nn.Module]:  # noqa: ARG002
        return {"": nn.Sequential(self.pools[self.rank](1), nn.Flatten())}


@dataclass(frozen=True)
class GlobalAveragePooling1D(_GlobalPooling):
    """The mean of every channel over all steps. Shape: (steps, k) -> (k,)."""

    rank, pools = 1, _AVERAGE


@dataclass(frozen=True)
class GlobalAveragePooling2D(_GlobalPooling):
    """The mean of every channel over the whole map. Shape: (height, width, k) -> (k,)."""

    rank, pools = 2, _AVERAGE


@dataclass(frozen=True)
class GlobalAveragePooling3D(_GlobalPooling):
    """The mean of every channel over the whole volume. Shape: (depth, height, width, k) -> (k,)."""

    rank, pools = 3, _AVERAGE


@dataclass(frozen=True)
class GlobalMaxPooling1D(_GlobalPooling):
    """The largest value of every channel over all steps. Shape: (steps, k) -> (k,)."""

    rank, pools = 1, _MAX


@dataclass(frozen=True)
class GlobalMaxPooling2D(_GlobalPooling):
    """The largest value of every channel in the whole map. Shape: (height, width, k) -> (k,)."""

    rank, pools = 2, _MAX


@dataclass(frozen=True)
class GlobalMaxPooling3D(_GlobalPooling):
    """The largest value of every channel. Shape: (depth, height, width, k) -> (k,)."""

    rank, pools = 3, _MAX


@dataclass(frozen=True)
class _AdaptivePooling(Layer):
    """Pool over windows chosen so that the output has the size asked for, whatever the input.

    Output i along an axis sees pixels floor(i * size / output) to ceil((i + 1) * size / output).

    Shape: (…, k) -> (*output_size, k).
    Args:
        output_size: pixels; one number, or one for each axis, height first.
    """

    rank: ClassVar[int]
    pools: ClassVar[dict[int, Maker]]
    output_size: Sizes

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_window("output_size")

    def output_shape(self, shape: Shape, where: str = "") -> Shape:
        return (*spread(self.output_size, self.rank), feature_map(self, shape, where)[-1])

    def modules(self, shape: Shape) -> dict[str, nn.Module]:  # noqa: ARG002
        return {"": self.pools[self.rank](self.output_size)}


@dataclass(frozen=True)
class AdaptiveAveragePooling1D(_AdaptivePooling):
    __doc__ = _AdaptivePooling.__doc__
    rank, pools = 1, _AVERAGE


@dataclass(frozen=True)
class AdaptiveAveragePooling2D(_AdaptivePooling):
    __doc__ = _AdaptivePooling.__doc__
    rank, pools = 2, _AVERAGE


@dataclass(frozen=True)
class AdaptiveAveragePooling3D(_AdaptivePooling):
    __doc__ = _AdaptivePooling.__doc__
    rank, pools = 3, _AVERAGE


@dataclass(frozen=True)
class AdaptiveMaxPooling1D(_AdaptivePooling):
    __doc__ = _AdaptivePooling.__doc__
    rank, pools = 1, _MAX


@dataclass(frozen=True)
class AdaptiveMaxPooling2D(_AdaptivePooling):
    __doc__ = _AdaptivePooling.__doc__
    rank, pools = 2, _MAX


@dataclass(frozen=True)
class AdaptiveMaxPooling3D(_AdaptivePooling):
    __doc__ = _AdaptivePooling.__doc__
    rank, pools = 3, _MAX
