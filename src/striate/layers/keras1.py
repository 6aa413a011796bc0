"""The spelling of Keras 1, for code that is older than Keras 2."""

from typing import Literal

from striate.layers.convolution import Conv2D
from striate.nn import Penalty
from striate.shapes import Pair


def Convolution2D(
    nb_filter: int,
    nb_row: int,
    nb_col: int,
    init: str = "glorot_uniform",
    activation: str | None = None,
    *,
    border_mode: Literal["valid", "same"] = "valid",
    subsample: Pair = (1, 1),
    W_regularizer: Penalty | str | None = None,
    bias: bool = True,
    input_shape: tuple[int, int, int] | None = None,
    name: str | None = None,
) -> Conv2D:
    """`Conv2D` as Keras 1 wrote it.

    Args:
        nb_row, nb_col: height and width of the kernel.
        subsample: the strides.
        input_shape: (channels, height, width), as Theano had it.

    >>> Convolution2D(32, 3, 3, border_mode="same", input_shape=(1, 28, 28)).input_shape
    (28, 28, 1)
    """
    if input_shape is not None:
        channels, *sizes = input_shape
        input_shape = (*sizes, channels)  # type: ignore[assignment]
    return Conv2D(
        nb_filter,
        (nb_row, nb_col),
        tuple(subsample),
        border_mode,
        activation=activation,
        use_bias=bias,
        kernel_initializer=init,
        kernel_regularizer=W_regularizer,
        input_shape=input_shape,
        name=name,
    )
