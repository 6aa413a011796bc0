"""Convolution over feature maps."""

from dataclasses import KW_ONLY, dataclass

from torch import nn

from striate.errors import check_divides
from striate.layers._layer import Layer, Padding, feature_map, numeric_padding
from striate.layers._window import Window
from striate.nn import ACTIVATIONS, INITIALIZERS, Conv2dSame, activation, initialize
from striate.shapes import Pair, Shape, effective_kernel, pair


@dataclass(frozen=True)
class Conv2D(Layer):
    """Cross-correlate the input with `filters` kernels, add a bias, apply the activation.

    Shape: (height, width, channels) -> (height', width', filters).
    Args:
        filters: number of output channels.
        kernel_size: pixels; one number or (height, width). So too `strides` and `dilation_rate`.
        padding: "valid" adds nothing; "same" adds zeros for ceil(size / stride) outputs, exactly
            as TensorFlow does; a number or (rows, columns) adds that many pixels on each side.
        groups: input and output channels are split into so many groups that do not see each other.
        activation: a name of `nn.ACTIVATIONS`; None is "linear".
        kernel_initializer: a name of `nn.INITIALIZERS`; biases start at zero.
    Raises:
        ShapeError: a size is not a whole number, the kernel does not fit, or the groups do not.
        UnknownName: no activation or initializer has that name.
    """

    filters: int
    kernel_size: int | Pair
    strides: int | Pair = 1
    padding: Padding = "valid"
    _: KW_ONLY
    dilation_rate: int | Pair = 1
    groups: int = 1
    activation: str | None = None
    use_bias: bool = True
    kernel_initializer: str = "glorot_uniform"

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("filters", "groups"):
            self._check_whole(name)
        for name in ("kernel_size", "strides", "dilation_rate"):
            self._check_window(name)
        self._check_padding()
        self._check_flag("use_bias")
        if self.activation is not None:
            self._check_known("activation", ACTIVATIONS, "activation")
        self._check_known("kernel_initializer", INITIALIZERS, "initializer")

    @property
    def final_activation(self) -> str:
        return self.activation or "linear"

    @property
    def window(self) -> Window:
        return Window(
            pair(self.kernel_size),
            pair(self.strides),
            numeric_padding(self.padding),
            pair(self.dilation_rate),
        )

    def output_shape(self, shape: Shape, where: str = "") -> Shape:
        channels = feature_map(self, shape, where)[2]
        check_divides(where or self.kind, groups=self.groups, channels=channels)
        check_divides(where or self.kind, groups=self.groups, filters=self.filters)
        return self.window.moved_over(shape, self.filters, where or self.kind, "kernel")

    def modules(self, shape: Shape) -> dict[str, nn.Module]:
        convolution = self._convolution(in_channels=shape[-1])
        initialize(convolution, self.kernel_initializer)
        if self.final_activation == "linear":
            return {"": convolution}
        return {"": convolution, self.final_activation: activation(self.final_activation)}

    def _convolution(self, in_channels: int) -> nn.Conv2d:
        window, padding = self.window, self.window.padding
        spans = tuple(map(effective_kernel, window.kernel, window.dilation))
        if padding is None and window.stride == (1, 1) and all(span % 2 for span in spans):
            padding = (spans[0] // 2, spans[1] // 2)  # the same on both sides, whatever the input
        if padding is None:
            return Conv2dSame(
                in_channels,
                self.filters,
                window.kernel,
                window.stride,
                window.dilation,
                self.groups,
                self.use_bias,
            )
        return nn.Conv2d(
            in_channels,
            self.filters,
            window.kernel,
            window.stride,
            padding,
            window.dilation,
            self.groups,
            self.use_bias,
        )
