"""What every layer description is and owes."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, fields
from math import prod
from numbers import Integral
from typing import Any, ClassVar, Literal, NoReturn

from torch import nn

from striate.errors import ShapeError, UsageError, unknown_name
from striate.layers._symbol import Symbol, called
from striate.shapes import Shape, checked_shape, spread, written

Sizes = int | tuple[int, ...]  # one number for all axes, or one for each
Padding = Literal["valid", "same"] | Sizes
_AXES = ("features", "steps", "height×width", "depth×height×width")
_NOUNS = ("vector", "sequence", "feature map", "volume")
_MANY = ("", "", " or a pair of them", " or three of them")


@dataclass(frozen=True)
class Layer:
    """A layer as data: it infers shapes, says what is wrong, and builds torch modules.

    Shapes are (height, width, channels), (steps, channels), (depth, height, width, channels), or
    (features,) for vectors, without a batch axis. `rank` counts the axes besides the channels, in
    layers that need a certain number of them.

    Args:
        name: what the built module and the messages call it; numbered by kind when not given.
        input_shape: what comes in, for the first layer of a model without `Input`.
    """

    rank: ClassVar[int] = 0
    name: str | None = field(default=None, kw_only=True)
    input_shape: Shape | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if self.name is not None:
            self._check_name(self.name)
        if self.input_shape is not None:
            self._store("input_shape", checked_shape(self.kind, self.input_shape))

    def __call__(self, inputs: Any) -> Symbol:
        """What the layer gives for an `Input`, for what another layer gave, or for a list of them.

        Called again, a layer uses the same weights again. Its shapes are checked at once.
        """
        return called(self, inputs)

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

    def joined_shape(self, shapes: Sequence[Shape], where: str = "") -> Shape:
        """`output_shape` for several inputs, which most layers refuse."""
        if len(shapes) == 1:
            return self.output_shape(shapes[0], where)
        raise UsageError(
            "graph-inputs-number",
            f"{where or self.kind}: {self.kind} takes one input, got {len(shapes)}.",
            "Join them with Concatenate() or Add() first.",
        )

    def modules(self, shape: Shape) -> dict[str, nn.Module]:
        """Fresh torch modules, to be run in order, for an input that `output_shape` accepts.

        A key is the child's name after the layer's own: `""` for the layer, `"relu"` for what
        follows it.
        """
        raise NotImplementedError

    def to_json(self) -> dict[str, Any]:
        """Every field as plain JSON, with the kind under "layer"."""
        values = {each.name: getattr(self, each.name) for each in fields(self) if each.init}
        return {"layer": self.kind} | {key: _plain(value) for key, value in values.items()}

    def _store(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)  # the dataclass is frozen for everyone else

    def _check_whole(self, name: str) -> None:
        """Keep a field that must be a whole number, 1 or more, as a plain int."""
        self._store(name, self._whole(name, getattr(self, name), least=1))

    def _check_window(self, name: str, least: int = 1) -> None:
        """Keep a field that must be one whole number, or one for each of the `rank` axes."""
        value = getattr(self, name)
        if isinstance(value, tuple | list) and len(value) == self.rank:
            self._store(name, tuple(self._whole(name, each, least) for each in value))
        else:
            self._store(name, self._whole(name, value, least, or_many=_MANY[self.rank]))

    def _whole(self, name: str, value: object, least: int, or_many: str = "") -> int:
        if isinstance(value, bool) or not isinstance(value, Integral) or int(value) < least:
            raise ShapeError(
                "shape-not-whole",
                f"{self.kind}: {name} must be a whole number ≥ {least}{or_many}, got {value!r}.",
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

    def _check_above_zero(self, name: str) -> None:
        value = getattr(self, name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
            self._refuse(name, value, "above 0")

    def _check_known(self, name: str, known: Collection[str], kind: str) -> None:
        value = getattr(self, name)
        if not isinstance(value, str) or value not in known:
            raise unknown_name(kind, str(value), known)

    def _check_name(self, name: str) -> None:
        if not isinstance(name, str) or not name.isidentifier() or hasattr(nn.Sequential, name):
            self._refuse("name", name, "a word of letters, digits and _ that torch leaves free")

    def _refuse(self, name: str, value: object, rule: str) -> NoReturn:
        raise UsageError("model-bad-option", f"{self.kind}: {name} must be {rule}, got {value!r}.")


def feature_map(layer: Layer, shape: Shape, where: str) -> Shape:
    """The shape itself, for a layer that needs `rank` axes and channels.

    Raises:
        ShapeError: the input has another number of axes.
    """
    if len(shape) == layer.rank + 1:
        return shape
    needs = ("", "steps", "height, width", "depth, height, width")[layer.rank]
    raise ShapeError(
        "shape-needs-map",
        f"{where or layer.kind}: {layer.kind} needs a {_NOUNS[layer.rank]} ({needs}, channels), "
        f"got a {described(shape)}.",
        _other_rank(layer, shape),
    )


def vector(layer: Layer, shape: Shape, where: str) -> int:
    """The number of features, for a layer that needs a vector.

    Raises:
        ShapeError: the input has more axes.
    """
    if len(shape) == 1:
        return shape[0]
    raise ShapeError(
        "shape-needs-vector",
        f"{where or layer.kind}: {layer.kind} needs a vector (features,), got a "
        f"{described(shape)}.",
        f"Add Flatten() before it ({prod(shape):,} features) or "
        f"GlobalAveragePooling{len(shape) - 1}D() ({shape[-1]:,} features).",
    )


def described(shape: Shape) -> str:
    """A shape with the names of its axes.

    >>> described((7, 7, 64))
    'feature map of 7×7×64 (height×width×channels)'
    """
    return f"{_NOUNS[len(shape) - 1]} of {with_axes(shape)}"


def with_axes(shape: Shape) -> str:
    """(7, 7, 64) -> "7×7×64 (height×width×channels)"."""
    axes = f" ({_AXES[len(shape) - 1]}×channels)" if len(shape) > 1 else ""
    return written(shape) + axes


def numeric_padding(padding: Padding, rank: int) -> tuple[int, ...] | None:
    """Pixels added on each side of every axis; None for "same", which depends on the input."""
    if padding == "same":
        return None
    return spread(0 if isinstance(padding, str) else padding, rank)


def _other_rank(layer: Layer, shape: Shape) -> str:
    """What to do with an input of too few or too many axes."""
    if len(shape) == 1:
        return f"Put it before Flatten, GlobalAveragePooling{layer.rank}D and Dense."
    if len(shape) == layer.rank + 2 and shape[-1] == 1:
        return f"If {shape[:-1]} comes in, begin with Input({shape[:-1]})."
    if len(shape) == layer.rank:
        return f"With one channel it is {(*shape, 1)}."
    if len(shape) == layer.rank + 2:
        return f"Leave out the batch axis, {shape[1:]}, or use a layer for {len(shape) - 1}D."
    return f"Use a layer for {len(shape) - 1}D."


def _plain(value: Any) -> Any:
    """A field's value as JSON has it."""
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return value.to_json() if hasattr(value, "to_json") else value
