"""What every layer description is and owes."""

from collections.abc import Collection
from dataclasses import dataclass, field, fields
from numbers import Integral
from typing import Any, Literal, NoReturn

from torch import nn

from striate.errors import ShapeError, UsageError, unknown_name
from striate.shapes import Pair, Shape, checked_shape, written

Padding = Literal["valid", "same"] | int | Pair


@dataclass(frozen=True)
class Layer:
    """A layer as data: it infers shapes, says what is wrong, and builds torch modules.

    Shapes are (height, width, channels), or (features,) for vectors, without a batch axis.

    Args:
        name: what the built module and the messages call it; numbered by kind when not given.
        input_shape: what comes in, for the first layer of a model without `Input`.
    """

    name: str | None = field(default=None, kw_only=True)
    input_shape: Shape | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if self.name is not None:
            self._check_name(self.name)
        if self.input_shape is not None:
            self._store("input_shape", checked_shape(self.kind, self.input_shape))

    @property
    def kind(self) -> str:
        """The class's name, by which JSON knows it."""
        return type(self).__name__

    @property
    def final_activation(self) -> str:
        """The function that its output went through last; "linear" where there is none."""
        return "linear"

    def output_shape(self, shape: Shape, where: str = "") -> Shape:  # noqa: ARG002
        """The shape of the output for an input of this shape; unchanged unless a layer says more.

        Args:
            where: who is asking, for the message; the layer's kind when empty.
        Raises:
            ShapeError: such an input does not fit.
        """
        return shape

    def modules(self, shape: Shape) -> dict[str, nn.Module]:
        """Fresh torch modules, to be run in order, for an input that `output_shape` accepts.

        A key is the child's name after the layer's own: `""` for the layer, `"relu"` for what
        follows it.
        """
        raise NotImplementedError

    def to_json(self) -> dict[str, Any]:
        """Every field as plain JSON, with the kind under "layer"."""
        values = {each.name: getattr(self, each.name) for each in fields(self) if each.init}
        return {"layer": self.kind} | {
            key: list(value) if isinstance(value, tuple) else value for key, value in values.items()
        }

    def _store(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)  # the dataclass is frozen for everyone else

    def _check_whole(self, name: str) -> None:
        """Keep a field that must be a whole number, 1 or more, as a plain int."""
        self._store(name, self._whole(name, getattr(self, name), least=1))

    def _check_window(self, name: str, least: int = 1) -> None:
        """Keep a field that must be one whole number or two, (height, width)."""
        value = getattr(self, name)
        if isinstance(value, tuple | list) and len(value) == 2:
            self._store(name, tuple(self._whole(name, each, least) for each in value))
        else:
            self._store(name, self._whole(name, value, least, or_pair=" or a pair of them"))

    def _whole(self, name: str, value: object, least: int, or_pair: str = "") -> int:
        if isinstance(value, bool) or not isinstance(value, Integral) or int(value) < least:
            raise ShapeError(
                "shape-not-whole",
                f"{self.kind}: {name} must be a whole number ≥ {least}{or_pair}, got {value!r}.",
            )
        return int(value)

    def _check_padding(self) -> None:
        padding = getattr(self, "padding", None)
        if padding not in ("valid", "same"):
            if isinstance(padding, str):
                self._refuse("padding", padding, '"valid", "same", a number or a pair of numbers')
            self._check_window("padding", least=0)

    def _check_fraction(self, name: str) -> None:
        value = getattr(self, name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
            self._refuse(name, value, "a fraction, 0 or more and below 1")

    def _check_flag(self, name: str) -> None:
        if not isinstance(value := getattr(self, name), bool):
            self._refuse(name, value, "True or False")

    def _check_known(self, name: str, known: Collection[str], kind: str) -> None:
        value = getattr(self, name)
        if not isinstance(value, str) or value not in known:
            raise unknown_name(kind, str(value), known)

    def _check_name(self, name: str) -> None:
        if not isinstance(name, str) or not name.isidentifier() or hasattr(nn.Sequential, name):
            self._refuse("name", name, "a word of letters, digits and _ that torch leaves free")

    def _refuse(self, name: str, value: object, rule: str) -> NoReturn:
        raise UsageError("model-bad-option", f"{self.kind}: {name} must be {rule}, got {value!r}.")


def feature_map(layer: Layer, shape: Shape, where: str) -> tuple[int, int, int]:
    """(height, width, channels) of the input of a layer that needs them.

    Raises:
        ShapeError: the input is a vector.
    """
    if len(shape) != 3:
        raise ShapeError(
            "shape-needs-map",
            f"{where or layer.kind}: {layer.kind} needs a feature map (height, width, channels), "
            f"got a vector of {written(shape)}.",
            "Put it before Flatten, GlobalAveragePooling2D and Dense.",
        )
    return shape[0], shape[1], shape[2]


def numeric_padding(padding: Padding) -> Pair | None:
    """Pixels (rows, columns) added on each side; None for "same", which depends on the input."""
    if padding == "same":
        return None
    if isinstance(padding, tuple):
        return padding
    return (padding, padding) if isinstance(padding, int) else (0, 0)
