"""Convolutions that see each channel alone, and what mixes the channels afterwards."""

from dataclasses import KW_ONLY, dataclass, field

from torch import nn

from striate.layers._layer import Padding, Sizes, feature_map
from striate.layers._weighted import Weighted
from striate.layers._window import Window
from striate.layers.convolution import Moving, moving
from striate.shapes import Shape


@dataclass(frozen=True)
class DepthwiseConv2D(Weighted):
    """Convolve every channel alone, with `depth_multiplier` kernels each.

    Shape: (height, width, k) -> (height', width', k * depth_multiplier).
    Args: as in `Conv2D`; output channel k * depth_multiplier + q is kernel q of channel k.
    Raises:
        ShapeError: a size is not a whole number, or the kernel does not fit.
    """

    rank = 2
    kernel_size: Sizes
    strides: Sizes = 1
    padding: Padding = "valid"
    depth_multiplier: int = 1
    _: KW_ONLY
    dilation_rate: Sizes = 1
    activation: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_whole("depth_multiplier")
        for name in ("kernel_size", "strides", "dilation_rate"):
            self._check_window(name)
        self._check_padding()

    @property
    def window(self) -> Window:
        return Window.of(
            self.rank, self.kernel_size, self.strides, self.padding, self.dilation_rate
        )

    def output_shape(self, shape: Shape, where: str = "") -> Shape:
        channels = feature_map(self, shape, where)[-1] * self.depth_multiplier
        return self.window.moved_over(shape, channels, where or self.kind, "kernel")

    def modules(self, shape: Shape) -> dict[str, nn.Module]:
        channels = shape[-1]
        convolution = moving(
            self.window,
            channels,
            channels * self.depth_multiplier,
            groups=channels,
            bias=self.use_bias,
        )
        return self._then_activation({"": self._begun(convolution)})


@dataclass(frozen=True)
class _SeparableConv(Moving):
    """Convolve every channel alone, then mix the channels by a 1x1 convolution.

    The children are "…_depthwise", which has no bias, and "…_pointwise".

    Shape: (…, channels) -> (…', filters).
    Args:
        depth_multiplier: kernels for each channel in the first step.
        filters, kernel_size, strides, padding, dilation_rate, activation: as in `Conv2D`.
    Raises:
        ShapeError: a size is not a whole number, or the kernel does not fit.
    Source: Chollet 2017, "Xception", arXiv:1610.02357, section 1.2.
    """

    depth_multiplier: int = field(default=1, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_whole("depth_multiplier")

    def modules(self, shape: Shape) -> dict[str, nn.Module]:
        channels = shape[-1]
        between = channels * self.depth_multiplier
        depthwise = moving(self.window, channels, between, groups=channels, bias=False)
        mix = Window.of(self.rank, 1, 1, 0)
        pointwise = moving(mix, between, self.filters, bias=self.use_bias)
        return self._then_activation(
            {"depthwise": self._begun(depthwise), "pointwise": self._begun(pointwise)}
        )


@dataclass(frozen=True)
class SeparableConv1D(_SeparableConv):
    """Separable convolution over (steps, channels); all else as in `SeparableConv2D`."""

    rank = 1


@dataclass(frozen=True)
class SeparableConv2D(_SeparableConv):
    __doc__ = _SeparableConv.__doc__
    rank = 2


@dataclass(frozen=True)
class PointwiseConv2D(Weighted):
    """Mix the channels of each pixel by a 1x1 convolution: a dense layer at every position.

    Shape: (height, width, channels) -> (height, width, filters).
    Args:
        filters: number of output channels.
    Source: Lin et al. 2014, "Network in Network", arXiv:1312.4400: "cascaded cross channel
        parametric pooling".
    """

    rank = 2
    filters: int
    activation: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_whole("filters")

    def output_shape(self, shape: Shape, where: str = "") -> Shape:
        return (*feature_map(self, shape, where)[:-1], self.filters)

    def modules(self, shape: Shape) -> dict[str, nn.Module]:
        mix = moving(Window.of(2, 1, 1, 0), shape[-1], self.filters, bias=self.use_bias)
        return self._then_activation({"": self._begun(mix)})
