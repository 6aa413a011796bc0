"""Blocks of well-known networks, written as the layers they stand for."""

from abc import abstractmethod
from dataclasses import KW_ONLY, dataclass

from torch import nn

from striate.errors import check_divides
from striate.layers import stack
from striate.layers._layer import Layer, feature_map
from striate.layers.activations import Activation
from striate.layers.blocks import Branches, Residual, given
from striate.layers.convolution import Conv2D
from striate.layers.normalization import BatchNormalization
from striate.layers.separable import DepthwiseConv2D, PointwiseConv2D
from striate.nn import ACTIVATIONS
from striate.nn import SqueezeExcite as SqueezeExciteModule
from striate.shapes import Shape


@dataclass(frozen=True)
class Written(Layer):
    """A layer that stands for a list of layers."""

    rank = 2

    @abstractmethod
    def written_out(self, shape: Shape) -> tuple[Layer, ...]:
        """The layers it stands for, for an input of this shape."""

    def output_shape(self, shape: Shape, where: str = "") -> Shape:
        feature_map(self, shape, where)
        return given(self.written_out(shape), shape, where or self.kind)

    def modules(self, shape: Shape) -> dict[str, nn.Module]:
        return {"": stack.build(self.written_out(shape), shape)}


@dataclass(frozen=True)
class SqueezeExcite(Layer):
    """Rescale every channel by a gate that sees all channels.

        y = x * sigmoid(W2 relu(W1 mean_hw(x)))

    Shape: unchanged; (height, width, k).
    Args:
        reduction: k divided by the hidden width; must divide k.
    Raises:
        ShapeError: `reduction` does not divide the channels.
    Source: Hu et al. 2018, "Squeeze-and-Excitation Networks", arXiv:1709.01507, eq. 2-4.
    """

    rank = 2
    reduction: int = 16

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_whole("reduction")

    def output_shape(self, shape: Shape, where: str = "") -> Shape:
        channels = feature_map(self, shape, where)[-1]
        check_divides(where or self.kind, reduction=self.reduction, channels=channels)
        return shape

    def modules(self, shape: Shape) -> dict[str, nn.Module]:
        return {"": SqueezeExciteModule(shape[-1], self.reduction)}


@dataclass(frozen=True)
class Fire(Written):
    """A 1x1 convolution narrows the channels; 1x1 and 3x3 ones widen them side by side.

    Shape: (height, width, k) -> (height, width, expand_1x1 + expand_3x3).
    Args:
        squeeze, expand_1x1, expand_3x3: channels of the three convolutions, each with ReLU.
    Source: Iandola et al. 2016, "SqueezeNet", arXiv:1602.07360, section 3.2.
    """

    squeeze: int
    expand_1x1: int
    expand_3x3: int

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("squeeze", "expand_1x1", "expand_3x3"):
            self._check_whole(name)

    def written_out(self, shape: Shape) -> tuple[Layer, ...]:  # noqa: ARG002
        narrow = PointwiseConv2D(self.squeeze, "relu")
        wide = Conv2D(self.expand_3x3, 3, padding="same", activation="relu")
        return (narrow, Branches((PointwiseConv2D(self.expand_1x1, "relu"), wide)))


@dataclass(frozen=True)
class DenseBlock(Written):
    """Every layer sees what all layers before it gave, and adds `growth_rate` channels.

        x_l = H(concat(x_0, …, x_{l-1})),  H = norm, ReLU, 1x1 convolution, norm, ReLU, 3x3

    Shape: (height, width, k) -> (height, width, k + depth * growth_rate).
    Args:
        depth: how many layers.
        growth_rate: channels that each of them adds.
        bottleneck: the 1x1 convolution gives bottleneck * growth_rate channels; 0 leaves it out.
    Source: Huang et al. 2017, "Densely Connected Convolutional Networks", arXiv:1608.06993, eq. 2
        and section 3, "Bottleneck layers".
    """

    depth: int
    growth_rate: int = 32
    bottleneck: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_whole("depth")
        self._check_whole("growth_rate")
        self._store("bottleneck", self._whole("bottleneck", self.bottleneck, least=0))

    def written_out(self, shape: Shape) -> tuple[Layer, ...]:  # noqa: ARG002
        narrow: tuple[Layer, ...] = ()
        if self.bottleneck:
            narrow = _norm_relu_conv(self.bottleneck * self.growth_rate, 1)
        new = (*narrow, *_norm_relu_conv(self.growth_rate, 3))
        return tuple(Branches(((), new)) for _ in range(self.depth))


@dataclass(frozen=True)
class InvertedResidual(Written):
    """Widen by a 1x1 convolution, convolve each channel alone, narrow again; add the input.

    Every convolution is followed by batch normalisation, the first two by the activation too. The
    input is added where its shape is that of the output.

    Shape: (height, width, k) -> (ceil(height / strides), ceil(width / strides), filters).
    Args:
        expansion: channels between, as a multiple of k; 1 leaves the first convolution out.
        kernel_size, strides: pixels, of the convolution of single channels.
        reduction: of a `SqueezeExcite` before the channels are narrowed; None is none.
        activation: a name of `nn.ACTIVATIONS`.
    Source: Sandler et al. 2018, "MobileNetV2", arXiv:1801.04381, table 1; `reduction` as in Howard
        et al. 2019, "Searching for MobileNetV3", arXiv:1905.02244.
    """

    filters: int
    expansion: int = 6
    strides: int = 1
    kernel_size: int = 3
    _: KW_ONLY
    reduction: int | None = None
    activation: str = "relu6"

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("filters", "expansion", "strides", "kernel_size"):
            self._check_whole(name)
        if self.reduction is not None:
            self._check_whole("reduction")
        self._check_known("activation", ACTIVATIONS, "activation")

    def written_out(self, shape: Shape) -> tuple[Layer, ...]:
        act = Activation(self.activation)
        each = DepthwiseConv2D(self.kernel_size, self.strides, "same", use_bias=False)
        layers: tuple[Layer, ...] = (each, BatchNormalization(), act)
        if self.expansion > 1:
            widen = PointwiseConv2D(shape[-1] * self.expansion, use_bias=False)
            layers = (widen, BatchNormalization(), act, *layers)
        if self.reduction is not None:
            layers = (*layers, SqueezeExcite(self.reduction))
        narrow = PointwiseConv2D(self.filters, use_bias=False)
        layers = (*layers, narrow, BatchNormalization())
        if self.strides == 1 and self.filters == shape[-1]:
            return (Residual(layers, activation=None),)
        return layers


def _norm_relu_conv(filters: int, kernel_size: int) -> tuple[Layer, ...]:
    convolution = Conv2D(filters, kernel_size, padding="same", use_bias=False)
    return (BatchNormalization(), Activation("relu"), convolution)
