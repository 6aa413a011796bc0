"""The table of a network: what each layer gives, holds, costs and sees."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from io import StringIO
from math import ceil, floor
from typing import Any

from rich.console import Console
from rich.table import Table
from torch import nn

from striate import layers as vocabulary
from striate.layers import Layer
from striate.nn.outline import outline
from striate.shapes import Pair, ReceptiveField, Shape, checked_shape, written
from striate.summaries.lint import Advice, Takes, advice
from striate.summaries.memory import activation_bytes, peak_bytes, saved_bytes, training_bytes
from striate.summaries.trace import Seen, Trace, Visit, trace

Shapes = Shape | Sequence[Shape]


@dataclass(frozen=True)
class Row:
    """One call of one module.

    Args:
        output_shape: (height, width, channels) or (features,); None where it gives no tensor.
        weights: trainable or frozen numbers of the module itself; 0 when it is called again.
        multiply_adds: of one image.
        activation_bytes: of its output for one image in float32.
        sight: receptive field along height and width; None where it is not known.
    """

    name: str
    kind: str
    output_shape: Shape | None
    weights: int
    multiply_adds: int
    activation_bytes: int
    sight: tuple[ReceptiveField, ...] | None

    @property
    def receptive_field(self) -> tuple[int, ...] | None:
        """(height, width) in pixels of the image, the part in the padding included."""
        return None if self.sight is None else tuple(ceil(axis.size) for axis in self.sight)

    def to_json(self) -> dict[str, Any]:
        """Plain values; the receptive field per axis as size, jump, start and centre."""
        plain = asdict(self)
        if self.sight is not None:
            plain["sight"] = [asdict(axis) | {"centre": axis.centre} for axis in self.sight]
        return plain


@dataclass(frozen=True)
class Summary:
    """Rows in the order of execution, totals, and advice; `print` shows it as a table.

    Args:
        weights: of the whole network, the parts that did not run included.
        peak_bytes: the most that activations take at once for one image, in float32.
        saved_bytes: what a training keeps of one image for the backward pass; None: not known.
        trace: what happened to the image, operation by operation.
    """

    title: str
    input_shapes: tuple[Shape, ...]
    rows: tuple[Row, ...]
    weights: int
    warnings: tuple[Advice, ...]
    peak_bytes: int
    saved_bytes: int | None
    trace: Trace = field(repr=False, compare=False)

    @property
    def input_shape(self) -> Shape:
        """Of the first input."""
        return self.input_shapes[0]

    @property
    def multiply_adds(self) -> int:
        """Multiplications that are added up, for one image."""
        return sum(row.multiply_adds for row in self.rows)

    @property
    def output_shape(self) -> Shape | None:
        """What the last row gives."""
        return self.rows[-1].output_shape if self.rows else None

    def training_bytes(self, batch_size: int) -> int | None:
        """What training with Adam takes at least, in float32: activations kept for the backward
        pass, weights, gradients and two moments; work space comes on top."""
        return training_bytes(self.saved_bytes, self.weights, batch_size)

    @property
    def text(self) -> str:
        """The table and the warnings as plain text."""
        out = StringIO()
        console = Console(file=out, width=110, color_system=None, highlight=False)
        console.print(self._table())
        console.print(self._memory(), soft_wrap=True, markup=False)
        for each in self.warnings:
            console.print(f"! {each}", soft_wrap=True, markup=False)
        return out.getvalue().rstrip()

    @property
    def lines(self) -> tuple[str, ...]:
        """`text`, line by line."""
        return tuple(self.text.splitlines())

    def __str__(self) -> str:
        return self.text

    def __getitem__(self, name: str) -> Row:
        """The first row of that name."""
        return next(row for row in self.rows if row.name == name)

    def to_json(self) -> dict[str, Any]:
        """Everything as plain JSON values; receptive fields as size, jump and start per axis."""
        return {
            "title": self.title,
            "input_shape": list(self.input_shape),
            "input_shapes": [list(shape) for shape in self.input_shapes],
            "weights": self.weights,
            "multiply_adds": self.multiply_adds,
            "peak_bytes": self.peak_bytes,
            "saved_bytes": self.saved_bytes,
            "rows": [row.to_json() for row in self.rows],
            "warnings": [asdict(each) for each in self.warnings],
        }

    def _table(self) -> Table:
        inputs = " and ".join(map(written, self.input_shapes))
        table = Table(title=f"{self.title}, input {inputs}", title_justify="left")
        for heading in ("layer", "kind", "output"):
            table.add_column(heading, overflow="fold")
        for heading in ("weights", "multiply-adds", "memory", "sees", "every"):
            table.add_column(heading, justify="right", no_wrap=True)
        for row in self.rows:
            output = written(row.output_shape) if row.output_shape else ""
            numbers = (_number(row.weights), _number(row.multiply_adds))
            memory = byte_size(row.activation_bytes)
            table.add_row(row.name, row.kind, output, *numbers, memory, *_sees(row.sight))
        table.add_section()
        totals = (_number(self.weights), _number(self.multiply_adds), byte_size(self.peak_bytes))
        table.add_row("total", "", "", *totals, "", "")
        return table

    def output_of(self, name: str) -> tuple[Shape | None, tuple[int, ...] | None]:
        """The shape that a module gives in its last call, and its receptive field, also where it
        is a container without a row of its own; None for what is not known."""
        visits = [visit for visit in self.trace.visits if visit.name == name]
        given = visits[-1].output if visits else None
        if given is None:
            return None, None
        sight = given.sight
        field = None if sight is None else tuple(ceil(axis.field.size) for axis in sight)
        return shape_of(given), field

    def _memory(self) -> str:
        said = "memory: float32, one image; the total is the most that is held at once."
        if (batch := self.training_bytes(32)) is not None:
            said += f" Training 32 images with Adam takes at least {byte_size(batch)}."
        return said


def summary(
    network: nn.Module | Sequence[Layer],
    input_shape: Shapes | None = None,
    *,
    object_size: int | Pair | None = None,
    loss_takes: Takes | None = None,
) -> Summary:
    """What every layer gives, holds, costs and sees, without running any arithmetic.

    Works on any torch module, and on layer descriptions, which are built without memory.

    Args:
        input_shape: (height, width, channels) or (features,), or a list of them for several
            inputs; descriptions may declare it.
        object_size: pixels, or (height, width), that the network must see as a whole; it warns
            where the last feature map sees less. None stands for the image.
        loss_takes: what the loss expects of the last layer; by default logits for torch modules,
            and what the last layer gives for descriptions.
    Raises:
        ShapeError: the shape is not known, or the network refuses it.

    >>> table = summary(nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3, 2)), (32, 32, 3))
    >>> table.rows[-1].output_shape, table.rows[-1].receptive_field
    ((14, 14, 8), (5, 5))
    """
    if not isinstance(network, nn.Module):
        described = network
        input_shape = input_shape or vocabulary.declared_input_shape(described)
        loss_takes = loss_takes or "probabilities"
        with outline():
            network = vocabulary.build(described, input_shape)  # type: ignore[arg-type]
    shapes = checked_shapes(input_shape)
    followed = trace(network, *shapes)
    weights = sum(weight.numel() for weight in network.parameters())
    return Summary(
        title=type(network).__name__,
        input_shapes=shapes,
        rows=_rows(followed),
        weights=weights,
        warnings=advice(
            followed, weights, object_size=object_size, loss_takes=loss_takes or "logits"
        ),
        peak_bytes=peak_bytes(followed),
        saved_bytes=saved_bytes(network, shapes),
        trace=followed,
    )


def checked_shapes(given: Any) -> tuple[Shape, ...]:
    """One shape, or a list of them, as a tuple of shapes."""
    several = isinstance(given, list | tuple) and given and isinstance(given[0], list | tuple)
    return tuple(checked_shape("summary", shape) for shape in (given if several else [given]))


def byte_size(number: int) -> str:
    """A number of bytes as people say it.

    >>> byte_size(3_211_264)
    '3.2 MB'
    """
    for unit, size in [("GB", 1e9), ("MB", 1e6), ("kB", 1e3)]:
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return f"{number} B" if number else ""


def shape_of(seen: Seen) -> Shape:
    """The shape of a tensor as people write it, with the channels last, wherever they lie."""
    sizes = tuple(seen.tensor.shape)
    dims = [axis.dim(sizes) for axis in seen.sight or ()]
    found = [dim for dim in dims if dim is not None]
    if found and len(set(found)) == len(dims):
        rest = [dim for dim in range(1, len(sizes)) if dim not in found]
        return tuple(sizes[dim] for dim in (*found, *rest))
    if len(sizes) == 3 and len(dims) != 1:
        return sizes[1:]  # [N, tokens, channels]
    return (*sizes[2:], sizes[1]) if len(sizes) > 2 else sizes[1:]


def _rows(followed: Trace) -> tuple[Row, ...]:
    """One for each call of a module that has no children, or weights or work of its own.

    Identities, which zoo networks keep where a shortcut needs no projection, are left out.
    """
    counted: set[int] = set()
    rows = []
    for visit in followed.visits:
        weights = 0
        for weight in visit.module.parameters(recurse=False):
            weights += weight.numel() * (id(weight) not in counted)
            counted.add(id(weight))
        is_leaf = next(visit.module.children(), None) is None
        if isinstance(visit.module, nn.Identity):
            continue
        if is_leaf or weights or visit.multiply_adds:
            rows.append(_row(visit, weights))
    return tuple(rows)


def _row(visit: Visit, weights: int) -> Row:
    output = visit.output
    return Row(
        visit.name or "(itself)",
        type(visit.module).__name__,
        shape_of(output) if output else None,
        weights,
        visit.multiply_adds,
        activation_bytes(output) if output else 0,
        _fields(output),
    )


def _fields(output: Seen | None) -> tuple[ReceptiveField, ...] | None:
    if output is None or not output.sight:
        return None
    return tuple(
        ReceptiveField(ceil(axis.field.size), _whole(axis.field.jump), floor(axis.field.start))
        for axis in output.sight
    )


def _whole(value: float) -> float:
    return int(value) if value == int(value) else value


def _sees(sight: tuple[ReceptiveField, ...] | None) -> tuple[str, str]:
    """How much an output sees, and by how much its neighbour's view is moved."""
    if sight is None:
        return "", ""
    sizes, jumps = zip(*((f"{axis.size:g}", f"{axis.jump:g}") for axis in sight), strict=True)
    return "×".join(sizes), jumps[0] if len(set(jumps)) == 1 else "×".join(jumps)


def _number(value: int) -> str:
    return f"{value:,}" if value else ""
