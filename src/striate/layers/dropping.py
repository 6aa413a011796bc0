"""What is left out at random while training."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from striate.layers._layer import Layer, feature_map
from striate.nn import Dropout as DropoutModule
from striate.nn import DropPath as DropPathModule
from striate.shapes import Shape

_DROPOUTS: dict[int, Callable[[float], nn.Module]] = {
    1: nn.Dropout1d, 2: nn.Dropout2d, 3: nn.Dropout3d,
}  # fmt: skip


@dataclass(frozen=True)
class _Dropping(Layer):
    rate: float

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_fraction("rate")


@dataclass(frozen=True)
class Dropout(_Dropping):
    """While training, set a random fraction `rate` of the values to 0 and scale up the others.

    Shape: unchanged.
    Source: Srivastava et al. 2014, "Dropout", JMLR 15, section 10 (scaled while training).
    """

    def modules(self, shape: Shape) -> dict[str, nn.Module]:  # noqa: ARG002
        return {"": DropoutModule(self.rate)}


@dataclass(frozen=True)
class DropPath(_Dropping):
    """Stochastic depth: while training, set whole samples to 0; for the end of a branch.

    Shape: unchanged.
    Source: Huang et al. 2016, "Deep Networks with Stochastic Depth", arXiv:1603.09382.
    """

    def modules(self, shape: Shape) -> dict[str, nn.Module]:  # noqa: ARG002
        return {"": DropPathModule(self.rate)}


@dataclass(frozen=True)
class _SpatialDropout(_Dropping):
    """While training, set a random fraction `rate` of the channels to 0 and scale up the others.

    Shape: unchanged.
    Source: Tompson et al. 2015, "Efficient Object Localization Using Convolutional Networks",
        arXiv:1411.4280, section 3.2.
    """

    rank: ClassVar[int]

    def output_shape(self, shape: Shape, where: str = "") -> Shape:
        return feature_map(self, shape, where)

    def modules(self, shape: Shape) -> dict[str, nn.Module]:  # noqa: ARG002
        return {"": _DROPOUTS[self.rank](self.rate)}


@dataclass(frozen=True)
class SpatialDropout1D(_SpatialDropout):
    __doc__ = _SpatialDropout.__doc__
    rank = 1


@dataclass(frozen=True)
class SpatialDropout2D(_SpatialDropout):
    __doc__ = _SpatialDropout.__doc__
    rank = 2


@dataclass(frozen=True)
class SpatialDropout3D(_SpatialDropout):
    __doc__ = _SpatialDropout.__doc__
    rank = 3
