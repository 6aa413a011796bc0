"""The layers that are no window: inputs, dense layers, and what goes between."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod

from torch import nn

from striate.errors import ShapeError, UsageError
from striate.layers._layer import Layer, vector
from striate.layers._weighted import Weighted
from striate.shapes import Shape, checked_shape, written


@dataclass(frozen=True)
class Input(Layer):
    """What comes in: (height, width, channels) of an image, or (features,) of a vector.

    In a list of layers it comes first; in the functional style it is the symbol of what comes in:
    `Conv2D(8, 3)(Input((28, 28, 1)))`.
    """

    shape: Shape
    input_shape: Shape | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._store("shape", checked_shape(self.kind, self.shape))

    def output_shape(self, shape: Shape, where: str = "") -> Shape:
        check_same(where or self.kind, self.shape, shape)
        return shape

    def joined_shape(self, shapes: Sequence[Shape], where: str = "") -> Shape:
        raise UsageError(
            "graph-inputs-number",
            f"{where or self.kind}: an Input is where a network begins and is called on nothing, "
            f"got {len(shapes)} inputs.",
            "Call the next layer on it.",
        )

    def modules(self, shape: Shape) -> dict[str, nn.Module]:  # noqa: ARG002
        return {}


@dataclass(frozen=True)
class Dense(Weighted):
    """activation(W x + b), every output seeing every input.

    Shape: (features,) -> (units,).
    Args:
        units: number of outputs.
        activation: a name of `nn.ACTIVATIONS`; None is "linear".
        use_bias, kernel_initializer, kernel_regularizer: as in `Weighted`.
    Raises:
        ShapeError: the input is a feature map, or `units` is not a whole number.
    Differs: Keras lets a dense layer run over the channels of a feature map, which is a 1x1
        convolution and mostly a forgotten Flatten; here that is an error.
    """

    units: int
    activation: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_whole("units")

    def output_shape(self, shape: Shape, where: str = "") -> Shape:
        vector(self, shape, where)
        return (self.units,)

    def modules(self, shape: Shape) -> dict[str, nn.Module]:
        linear = nn.Linear(shape[0], self.units, self.use_bias)
        return self._then_activation({"": self._begun(linear)})


@dataclass(frozen=True)
class Flatten(Layer):
    """All values in one row, channel by channel. Shape: (…, k) -> (… * k,).

    Differs: Keras runs through the channels of a pixel first; dense weights from Keras must be
    reordered.
    """

    def output_shape(self, shape: Shape, where: str = "") -> Shape:  # noqa: ARG002
        return (prod(shape),)

    def modules(self, shape: Shape) -> dict[str, nn.Module]:  # noqa: ARG002
        return {"": nn.Flatten()}


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
