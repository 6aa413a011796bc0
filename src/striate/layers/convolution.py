"""Convolution over signals, feature maps and volumes."""

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, ClassVar

from torch import nn
from torch.nn.modules.conv import _ConvNd

from striate.errors import check_divides
from striate.layers._layer import Padding, Sizes, feature_map
from striate.layers._weighted import Weighted
from striate.layers._window import Window
from striate.nn import Conv1dSame, Conv2dSame, Conv3dSame
from striate.shapes import Shape

Maker = Callable[..., _ConvNd]
_PLAIN: dict[int, Maker] = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
_SAME: dict[int, Maker] = {1: Conv1dSame, 2: Conv2dSame, 3: Conv3dSame}


@dataclass(frozen=True)
class Moving(Weighted):
    """What all layers have that move kernels over a map and give `filters` channels."""

    rank: ClassVar[int]
    filters: int
    kernel_size: Sizes
    strides: Sizes = 1
    padding: Padding = "valid"
    _: KW_ONLY
    dilation_rate: Sizes = 1
    activation: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_whole("filters")
        for name in ("kernel_size", "strides", "dilation_rate"):
            self._check_window(name)
        self._check_padding()

    @property
    def window(self) -> Window:
        return Window.of(
            self.rank, self.kernel_size, self.strides, self.padding, self.dilation_rate
        )

    def output_shape(self, shape: Shape, where: str = "") -> Shape:
        feature_map(self, shape, where)
        return self.window.moved_over(shape, self.filters, where or self.kind, "kernel")


@dataclass(frozen=True)
class Grouped(Moving):
    """Cross-correlate the input with `filters` kernels, add a bias, apply the activation.

    Shape: (…, channels) -> (…', filters).
    Args:
        filters: number of output channels.
        kernel_size: pixels; one number, or one for each axis, height first. So too `strides` and
            `dilation_rate`.
        padding: "valid" adds nothing; "same" adds zeros for ceil(size / stride) outputs, exactly
            as TensorFlow does; a number, or one for each axis, adds that many pixels on each side.
        groups: input and output channels are split into so many groups that do not see each other.
        activation: a name of `nn.ACTIVATIONS`; None is "linear".
        use_bias, kernel_initializer, kernel_regularizer: as in `Weighted`.
    Raises:
        ShapeError: a size is not a whole number, the kernel does not fit, or the groups do not.
        UnknownName: no activation, initializer or penalty has that name.
    """

    groups: int = field(default=1, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_whole("groups")

    def _check_groups(self, shape: Shape, where: str) -> None:
        channels = feature_map(self, shape, where)[-1]
        check_divides(where or self.kind, groups=self.groups, channels=channels)
        check_divides(where or self.kind, groups=self.groups, filters=self.filters)

    def output_shape(self, shape: Shape, where: str = "") -> Shape:
        self._check_groups(shape, where)
        return super().output_shape(shape, where)

    def modules(self, shape: Shape) -> dict[str, nn.Module]:
        convolution = moving(
            self.window, shape[-1], self.filters, groups=self.groups, bias=self.use_bias
        )
        return self._then_activation({"": self._begun(convolution)})


@dataclass(frozen=True)
class Conv1D(Grouped):
    """Convolution over (steps, channels); all else as in `Conv2D`.

    >>> Conv1D(16, 3, padding="same").output_shape((100, 4))
    (100, 16)
    """

    rank = 1


@dataclass(frozen=True)
class Conv2D(Grouped):
    __doc__ = Grouped.__doc__
    rank = 2


@dataclass(frozen=True)
class Conv3D(Grouped):
    """Convolution over (depth, height, width, channels); all else as in `Conv2D`."""

    rank = 3


def moving(
    window: Window, channels: int, filters: int, *, groups: int = 1, bias: bool = True
) -> _ConvNd:
    """The torch module that moves a window; a plain one wherever torch can pad as asked."""
    rank, padding = len(window.kernel), window.symmetric_padding
    options: dict[str, Any] = {"dilation": window.dilation, "groups": groups, "bias": bias}
    if padding is not None:
        options["padding"] = padding
    make = _SAME[rank] if padding is None else _PLAIN[rank]
    return make(channels, filters, window.kernel, window.stride, **options)
