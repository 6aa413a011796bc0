"""Maxout."""

from dataclasses import dataclass

from torch import nn

from striate.layers._layer import vector
from striate.layers._weighted import Weighted
from striate.nn import Maxout as MaxoutModule
from striate.shapes import Shape


@dataclass(frozen=True)
class Maxout(Weighted):
    """The largest of `pieces` linear functions of the input: max(w1 · x + b1, w2 · x + b2).

    Shape: (features,) -> (units,).
    Source: Goodfellow et al. 2013, "Maxout Networks", arXiv:1302.4389.
    """

    units: int
    pieces: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_whole("units")
        self._check_whole("pieces")

    def output_shape(self, shape: Shape, where: str = "") -> Shape:
        vector(self, shape, where)
        return (self.units,)

    def modules(self, shape: Shape) -> dict[str, nn.Module]:
        module = MaxoutModule(shape[0], self.units, self.pieces, self.use_bias)
        self._begun(module.linear)
        return {"": module}
