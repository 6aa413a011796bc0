"""What a layer gives when it is called: a tensor of which only the shape is known."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, Union

from striate.errors import UsageError
from striate.shapes import Shape, written

if TYPE_CHECKING:
    from striate.layers._layer import Layer
    from striate.layers.core import Input


@dataclass(frozen=True, eq=False, repr=False)
class Symbol:
    """What `layer` gives for `inputs`. Two symbols are never equal, however alike."""

    layer: "Layer"
    inputs: tuple["Symbolic", ...]
    shape: Shape

    def __repr__(self) -> str:
        return f"<what {self.layer.name or self.layer.kind} gives: {written(self.shape)}>"


Symbolic: TypeAlias = Union[Symbol, "Input"]  # an Input is the symbol of what comes in


def is_symbolic(value: Any) -> bool:
    """Whether a layer can be called on it."""
    return isinstance(value, Symbol) or getattr(value, "kind", "") == "Input"


def called(layer: "Layer", given: Any) -> Symbol:
    """What `layer(given)` is.

    Raises:
        UsageError: `given` is not symbolic, or its number is not what the layer takes.
        ShapeError: the shapes do not fit the layer, or not each other.
    """
    inputs: Sequence[Any] = given if isinstance(given, list | tuple) else [given]
    for one in inputs:
        if not is_symbolic(one):
            raise UsageError(
                "graph-not-symbolic",
                f"{layer.name or layer.kind}: a layer is called on layers.Input or on what "
                f"another layer gave, got {type(one).__name__}.",
                "Begin with x = layers.Input((height, width, channels)); for numbers build a "
                "model and call model.predict.",
            )
    shape = layer.joined_shape([one.shape for one in inputs], layer.name or "")
    return Symbol(layer, tuple(inputs), shape)
