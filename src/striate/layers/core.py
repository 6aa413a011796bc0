"""The layers that are no window: inputs, dense layers, and what goes between."""

from dataclasses import dataclass, field
from math import prod

from torch import nn

from striate.errors import ShapeError
from striate.layers._layer import Layer
from striate.nn import ACTIVATIONS, INITIALIZERS, activation, initialize
from striate.shapes import Shape, checked_shape, written


@dataclass(frozen=True)
class Input(Layer):
    """What comes in: (height, width, channels) of an image, or (features,) of a vector."""

    shape: Shape
    input_shape: Shape | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._store("shape", checked_shape(self.kind, self.shape))

    def output_shape(self, shape: Shape, where: str = "") -> Shape:
        check_same(where or self.kind, self.shape, shape)
        return shape

    def modules(self, shape: Shape) -> dict[str, nn.Module]:  # noqa: ARG002
        return {}


@dataclass(frozen=True)
class Dense(Layer):
    """activation(W x + b), every output seeing every input.

    Shape: (features,) -> (units,).
    Args:
        units: number of outputs.
        activation: a name of `nn.ACTIVATIONS`; None is "linear".
        kernel_initializer: a name of `nn.INITIALIZERS`; biases start at zero.
    Raises:
        ShapeError: the input is a feature map, or `units` is not a whole number.
    Differs: Keras lets a dense layer run over the channels of a feature map, which is a 1x1
        convolution and mostly a forgotten Flatten; here that is an error.
    """

    units: int
    activation: str | None = None
    use_bias: bool = True
    kernel_initializer: str = "glorot_uniform"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_whole("units")
        self._check_flag("use_bias")
        if self.activation is not None:
            self._check_known("activation", ACTIVATIONS, "activation")
        self._check_known("kernel_initializer", INITIALIZERS, "initializer")

    @property
    def final_activation(self) -> str:
        return self.activation or "linear"

    def output_shape(self, shape: Shape, where: str = "") -> Shape:
        if len(shape) == 1:
            return (self.units,)
        raise ShapeError(
            "shape-needs-vector",
            f"{where or self.kind}: Dense needs a vector (features,), got a feature map of "
            f"{written(shape)} (height×width×channels).",
            f"Add Flatten() before it ({prod(shape):,} features) or GlobalAveragePooling2D() "
            f"({shape[-1]:,} features).",
        )

    def modules(self, shape: Shape) -> dict[str, nn.Module]:
        linear = nn.Linear(shape[0], self.units, self.use_bias)
        initialize(linear, self.kernel_initializer)
        if self.final_activation == "linear":
            return {"": linear}
        return {"": linear, self.final_activation: activation(self.final_activation)}


@dataclass(frozen=True)
class Flatten(Layer):
    """All values in one row, channel by channel. Shape: (height, width, k) -> (height*width*k,).

    Differs: Keras runs through the channels of a pixel first; dense weights from Keras must be
    reordered.
    """

    def output_shape(self, shape: Shape, where: str = "") -> Shape:  # noqa: ARG002
        return (prod(shape),)

    def modules(self, shape: Shape) -> dict[str, nn.Module]:  # noqa: ARG002
        return {"": nn.Flatten()}


@dataclass(frozen=True)
class Activation(Layer):
    """A function of every value, by its name in `nn.ACTIVATIONS`. Shape: unchanged."""

    activation: str

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_known("activation", ACTIVATIONS, "activation")

    @property
    def final_activation(self) -> str:
        return self.activation

    def modules(self, shape: Shape) -> dict[str, nn.Module]:  # noqa: ARG002
        return {"": activation(self.activation)}


@dataclass(frozen=True)
class Dropout(Layer):
    """While training, set a random fraction `rate` of the values to 0 and scale up the others.

    Shape: unchanged.
    Source: Srivastava et al. 2014, "Dropout", JMLR 15, section 10 (scaled while training).
    """

    rate: float

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_fraction("rate")

    def modules(self, shape: Shape) -> dict[str, nn.Module]:  # noqa: ARG002
        return {"": nn.Dropout(self.rate)}


def check_same(where: str, declared: Shape, shape: Shape) -> None:
    """Raise unless what comes in is what was declared.

    Raises:
        ShapeError: naming both shapes.
    """
    if declared == shape:
        return
    fix = "Declare the shape that comes in, or change what comes in."
    if sorted(declared) == sorted(shape) and len(shape) == 3:
        fix = "Shapes are (height, width, channels)."
    raise ShapeError(
        "shape-input-mismatch",
        f"{where}: the declared input is {written(declared)}, what comes in is {written(shape)}.",
        fix,
    )
