"""Both ends of a network: how several inputs or outputs travel as the rows of one tensor.

The training loop, batches and the forward pass know one tensor in and one out. Networks with more
ends are wrapped, so that none of those need to know.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from striate.arrays import input_tensor, picture_arrays
from striate.data import Preprocessing
from striate.errors import DataError
from striate.nn import GraphNetwork
from striate.predictions import Task
from striate.shapes import Shape

ENDED_BY: dict[str, Task] = {"softmax": "single_label", "sigmoid": "multi_label"}


@dataclass(frozen=True)
class Packing:
    """How tensors [N, …] lie side by side in the rows of one; `shapes` are without N."""

    shapes: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, tensors: Sequence[Tensor]) -> "Packing":
        """The packing of tensors of these shapes."""
        return cls(tuple(tuple(tensor.shape[1:]) for tensor in tensors))

    def pack(self, tensors: Sequence[Tensor]) -> Tensor:
        """One tensor as it is; several as [N, all their values]."""
        if len(tensors) == 1:
            return tensors[0]
        return torch.cat([tensor.reshape(len(tensor), -1).float() for tensor in tensors], dim=1)

    def unpack(self, packed: Tensor) -> list[Tensor]:
        """What was packed; of several tensors, all are float32."""
        if len(self.shapes) < 2:
            return [packed]
        parts = torch.split(packed, [prod(shape) for shape in self.shapes], dim=1)
        return [
            part.reshape(len(part), *shape) for part, shape in zip(parts, self.shapes, strict=True)
        ]


class Packed(nn.Module):
    """A network of several inputs or outputs as one of packed rows.

    Shape: [N, values of all inputs] -> [N, values of all outputs].
    """

    def __init__(self, network: nn.Module, inputs: Packing) -> None:
        super().__init__()
        self.network, self.inputs = network, inputs

    def forward(self, rows: Tensor) -> Tensor:
        found = self.network(*self.inputs.unpack(rows))
        outputs = [found] if isinstance(found, Tensor) else list(found)
        return Packing.of(outputs).pack(outputs)


@dataclass(frozen=True)
class Ends:
    """What goes into a network and what comes out.

    Args:
        inputs: shapes as people write them; none where only the data will tell.
        outputs: names; one, "", for a network with one output.
        output_shapes: channels first, where there are several.
        final_activations: what each output went through last, where that is known.
    """

    inputs: tuple[Shape, ...] = ()
    outputs: tuple[str, ...] = ("",)
    output_shapes: tuple[tuple[int, ...], ...] = ()
    final_activations: tuple[str, ...] = ()

    @classmethod
    def of(cls, network: nn.Module, input_shape: Shape | None) -> "Ends":
        """The ends of a graph of layers; of another network, which has one input of this shape."""
        if not isinstance(network, GraphNetwork):
            return cls(() if input_shape is None else (input_shape,))
        last = network.final_activations
        if len(network.outputs) == 1:
            return cls(network.input_shapes, final_activations=last)
        return cls(network.input_shapes, network.output_names, network.output_shapes, last)

    @property
    def tasks(self) -> tuple[Task, ...]:
        """What each output is, as far as its last activation tells; else logits if it is alone."""
        unknown: Task = "single_label" if len(self.outputs) == 1 else "regression"
        finals = self.final_activations or ("",) * len(self.outputs)
        return tuple(ENDED_BY.get(final, unknown) for final in finals)

    @property
    def several(self) -> bool:
        """Whether tensors must be packed."""
        return len(self.inputs) > 1 or len(self.outputs) > 1

    @property
    def input_packing(self) -> Packing:
        return Packing(tuple((shape[-1], *shape[:-1]) for shape in self.inputs))

    def wrapped(self, network: nn.Module) -> nn.Module:
        """The network as the loop wants it: one tensor in, one out."""
        return Packed(network, self.input_packing) if self.several else network

    def images(self, x: Any, preprocessing: Preprocessing | None = None) -> Tensor:
        """What people hand in for all inputs, as one tensor.

        Args:
            preprocessing: of pictures, for a network with one input; tensors of floats have
                been through it.
        Raises:
            DataError: not one array for each input, or the arrays differ in length.
            ShapeError: an array does not fit its input.
        """
        if len(self.inputs) < 2:
            if preprocessing is not None and not (isinstance(x, Tensor) and x.is_floating_point()):
                return preprocessing(picture_arrays(x, preprocessing.channels))
            return input_tensor(x, input_shape=self.inputs[0] if self.inputs else None)
        given = _each(x, len(self.inputs), "x", "input")
        tensors = [
            input_tensor(one, input_shape=shape)
            for one, shape in zip(given, self.inputs, strict=True)
        ]
        if len({len(tensor) for tensor in tensors}) > 1:
            raise DataError(
                "data-lengths",
                f"The inputs have {' and '.join(str(len(t)) for t in tensors)} rows.",
                "Give every input one row for each sample.",
            )
        return self.input_packing.pack(tensors)

    def targets(self, y: Any) -> list[Any]:
        """What people hand in as targets, one for each output."""
        return [y] if len(self.outputs) == 1 else _each(y, len(self.outputs), "y", "output")

    def split(self, outputs: Tensor) -> list[Tensor]:
        """The network's output as one tensor for each output."""
        return Packing(self.output_shapes or ((),)).unpack(outputs)


def _each(given: Any, number: int, argument: str, end: str) -> list[Any]:
    if isinstance(given, list | tuple) and len(given) == number:
        return list(given)
    got = f"{len(given)}" if isinstance(given, list | tuple) else type(given).__name__
    raise DataError(
        "data-ends",
        f"The network has {number} {end}s; {argument} must be a list of {number} arrays, "
        f"got {got}.",
        f"{argument}=[{', '.join(f'{end}_{i + 1}' for i in range(number))}]",
    )
