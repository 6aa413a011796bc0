"""The table of a network: what each layer gives, holds, costs and sees."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from io import StringIO
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import nn

from striate import layers as vocabulary
from striate.layers import Layer
from striate.shapes import Pair, Shape, checked_shape, written
from striate.summaries.lint import Advice, unread_pixels, useless_biases
from striate.summaries.sight import Sight
from striate.summaries.trace import Tracer, Visit, trace


@dataclass(frozen=True)
class Row:
    """One call of one module.

    Args:
        output_shape: (height, width, channels) or (features,); None where it gives no tensor.
        weights: trainable or frozen numbers of the module itself; 0 when it is called again.
        multiply_adds: of one image.
        sight: receptive field along height and width; None where it is not known.
    """

    name: str
    kind: str
    output_shape: Shape | None
    weights: int
    multiply_adds: int
    sight: Sight | None

    @property
    def receptive_field(self) -> Pair | None:
        """(height, width) in pixels of the image, the part in the padding included."""
        return None if self.sight is None else (self.sight[0].size, self.sight[1].size)


@dataclass(frozen=True)
class Summary:
    """Rows in the order of execution, totals, and advice; `print` shows it as a table."""

    title: str
    input_shape: Shape
    rows: tuple[Row, ...]
    weights: int
    warnings: tuple[Advice, ...]

    @property
    def multiply_adds(self) -> int:
        """Multiplications that are added up, for one image."""
        return sum(row.multiply_adds for row in self.rows)

    @property
    def output_shape(self) -> Shape | None:
        """What the last row gives."""
        return self.rows[-1].output_shape if self.rows else None

    @property
    def text(self) -> str:
        """The table and the warnings as plain text."""
        out = StringIO()
        console = Console(file=out, width=110, color_system=None, highlight=False)
        console.print(self._table())
        for advice in self.warnings:
            console.print(f"! {advice}", soft_wrap=True, markup=False)
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
            "weights": self.weights,
            "multiply_adds": self.multiply_adds,
            "rows": [asdict(row) for row in self.rows],
            "warnings": [asdict(advice) for advice in self.warnings],
        }

    def _table(self) -> Table:
        table = Table(
            title=f"{self.title}, input {written(self.input_shape)}", title_justify="left"
        )
        for heading in ("layer", "kind", "output"):
            table.add_column(heading, overflow="fold")
        for heading in ("weights", "multiply-adds", "sees"):
            table.add_column(heading, justify="right", no_wrap=True)
        for row in self.rows:
            sees = written(row.receptive_field) if row.receptive_field else ""
            output = written(row.output_shape) if row.output_shape else ""
            table.add_row(
                row.name, row.kind, output, _number(row.weights), _number(row.multiply_adds), sees
            )
        table.add_section()
        table.add_row("total", "", "", _number(self.weights), _number(self.multiply_adds), "")
        return table


def summary(network: nn.Module | Sequence[Layer], input_shape: Shape | None = None) -> Summary:
    """What every layer gives, holds, costs and sees, without running any arithmetic.

    Works on any torch module, and on layer descriptions, which are built without memory.

    Args:
        input_shape: (height, width, channels) or (features,); descriptions may declare it.
    Raises:
        ShapeError: the shape is not known, or the network refuses it.
    """
    if not isinstance(network, nn.Module):
        described = network
        input_shape = input_shape or vocabulary.declared_input_shape(described)
        with torch.device("meta"):
            network = vocabulary.build(described, input_shape)
    shape = checked_shape("summary", input_shape)
    tracer = trace(network, shape)
    return Summary(
        title=type(network).__name__,
        input_shape=shape,
        rows=_rows(tracer),
        weights=sum(weight.numel() for weight in network.parameters()),
        warnings=(*unread_pixels(tracer), *useless_biases(tracer)),
    )


def _rows(tracer: Tracer) -> tuple[Row, ...]:
    """One for each call of a module that has no children, or weights or work of its own.

    Identities, which zoo networks keep where a shortcut needs no projection, are left out.
    """
    counted: set[int] = set()
    rows = []
    for visit in tracer.visits:
        weights = 0
        for weight in visit.module.parameters(recurse=False):
            weights += weight.numel() * (id(weight) not in counted)
            counted.add(id(weight))
        is_leaf = next(visit.module.children(), None) is None
        if isinstance(visit.module, nn.Identity):
            continue
        if is_leaf or weights or visit.multiply_adds:
            rows.append(_row(tracer, visit, weights))
    return tuple(rows)


def _row(tracer: Tracer, visit: Visit, weights: int) -> Row:
    shape: Shape | None = None
    if visit.output is not None:
        sizes = tuple(visit.output.shape[1:])
        shape = (*sizes[1:], sizes[0]) if len(sizes) == 3 else sizes
    return Row(
        visit.name or "(itself)",
        type(visit.module).__name__,
        shape,
        weights,
        visit.multiply_adds,
        tracer.sight_of(visit),
    )


def _number(value: int) -> str:
    return f"{value:,}" if value else ""
