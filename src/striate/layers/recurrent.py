"""Recurrent layers over signals."""

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

from torch import nn

from striate.layers._layer import Layer, feature_map
from striate.nn import INITIALIZERS, Recurrent, initialize_recurrent
from striate.shapes import Shape

Cell = Callable[..., nn.LSTM | nn.GRU]


@dataclass(frozen=True)
class _Recurrent(Layer):
    rank = 1
    cell: ClassVar[Cell]
    units: int
    _: KW_ONLY
    return_sequences: bool = False
    kernel_initializer: str = "glorot_uniform"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_whole("units")
        self._check_flag("return_sequences")
        self._check_known("kernel_initializer", INITIALIZERS, "initializer")

    def output_shape(self, shape: Shape, where: str = "") -> Shape:
        steps, _ = feature_map(self, shape, where)
        return (steps, self.units) if self.return_sequences else (self.units,)

    def modules(self, shape: Shape) -> dict[str, nn.Module]:
        cell = type(self).cell(shape[-1], self.units, batch_first=True)
        initialize_recurrent(cell, self.kernel_initializer)
        return {"": Recurrent(cell, self.return_sequences)}


@dataclass(frozen=True)
class LSTM(_Recurrent):
    """Long short-term memory: reads a signal step by step, deciding what to keep and forget.

        i, f, o = sigmoid(W x_t + U h_{t-1} + b), one each;  g = tanh(W x_t + U h_{t-1} + b)
        c_t = f * c_{t-1} + i * g;  h_t = o * tanh(c_t)

    Shape: (steps, features) -> (units,), h of the last step; or (steps, units), all of them.
    Args:
        units: numbers in h and c.
        return_sequences: give every step.
        kernel_initializer: of W; U begins orthogonal, biases at 0 and that of f at 1.
    Source: Hochreiter and Schmidhuber 1997; the forget gate f: Gers et al. 2000.
    """

    cell = nn.LSTM


@dataclass(frozen=True)
class GRU(_Recurrent):
    """Gated recurrent unit: an LSTM with two gates and no memory besides its output.

        r, z = sigmoid(W x_t + U h_{t-1} + b), one each;  n = tanh(W x_t + b + r * (U h_{t-1} + b'))
        h_t = (1 - z) * n + z * h_{t-1}

    Shape and Args: as in `LSTM`.
    Source: Cho et al. 2014, arXiv:1406.1078; the reset gate after U, as in PyTorch and Keras.
    """

    cell = nn.GRU
