"""Networks whose parts are joined in any way that does not run in a circle."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Step:
    """One call of one child: `value` is the name of what it gives, `inputs` of what it takes."""

    value: str
    child: str
    inputs: tuple[str, ...]


class GraphNetwork(nn.Module):
    """Children called in a fixed order, each on values that are named.

    `described` is the JSON that gives such a network, where it was built from layers; then
    `input_shapes` and `output_shapes` are known (those as people write them, these channels first),
    and for each output its layer's name, the function it went through last, and in `logits` the
    value before a last softmax or sigmoid.

    Shape: one tensor for each input -> one tensor, or a tuple where there are several outputs.
    Args:
        children: by name.
        steps: in an order in which every input is known when it is needed.
        inputs, outputs: names of values.
    """

    described: dict[str, Any] | None = None
    input_shapes: tuple[tuple[int, ...], ...] = ()
    output_shapes: tuple[tuple[int, ...], ...] = ()
    output_names: tuple[str, ...] = ()
    final_activations: tuple[str, ...] = ()
    logits: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    last_needed: tuple[tuple[str, ...], ...] = ()
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()

    def __init__(
        self,
        children: Mapping[str, nn.Module],
        steps: Sequence[Step],
        inputs: Sequence[str],
        outputs: Sequence[str],
    ) -> None:
        super().__init__()
        self.inputs, self.outputs = tuple(inputs), tuple(outputs)
        self.steps = _needed(steps, outputs)
        self.last_needed = _last_needed(self.steps, self.outputs)
        used = {step.child for step in self.steps}
        for name, child in children.items():
            if name in used:
                self.add_module(name, child)

    def forward(self, *inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
        values = dict(zip(self.inputs, inputs, strict=True))
        for step, spent in zip(self.steps, self.last_needed, strict=True):
            child = self.get_submodule(step.child)
            values[step.value] = child(*(values[name] for name in step.inputs))
            for name in spent:
                del values[name]
        found = tuple(values[name] for name in self.outputs)
        return found[0] if len(found) == 1 else found

    def until(self, outputs: Sequence[str]) -> "GraphNetwork":
        """The network up to other values; it shares its children with this one."""
        part = GraphNetwork(dict(self.named_children()), self.steps, self.inputs, outputs)
        part.training = self.training  # not train(): the children keep their own modes
        return part


class Concatenate(nn.Module):
    """Channels one after the other. Shape: [N, C1, …], [N, C2, …], … -> [N, C1 + C2 + …, …]."""

    def forward(self, *inputs: Tensor) -> Tensor:
        return torch.cat(inputs, dim=1)


class Add(nn.Module):
    """The sum of inputs of one shape."""

    def forward(self, *inputs: Tensor) -> Tensor:
        return reduce(torch.add, inputs)


class Multiply(nn.Module):
    """The product of inputs of one shape, value by value."""

    def forward(self, *inputs: Tensor) -> Tensor:
        return reduce(torch.mul, inputs)


class Average(nn.Module):
    """The mean of inputs of one shape, value by value."""

    def forward(self, *inputs: Tensor) -> Tensor:
        return reduce(torch.add, inputs) / len(inputs)


class Maximum(nn.Module):
    """The largest of inputs of one shape, value by value."""

    def forward(self, *inputs: Tensor) -> Tensor:
        return reduce(torch.maximum, inputs)


def _needed(steps: Sequence[Step], outputs: Sequence[str]) -> tuple[Step, ...]:
    """The steps that some output depends on, in their order."""
    wanted = set(outputs)
    kept = []
    for step in reversed(steps):
        if step.value in wanted:
            wanted.update(step.inputs)
            kept.append(step)
    return tuple(reversed(kept))


def _last_needed(steps: Sequence[Step], outputs: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """For each step the values that nothing needs after it, so that memory is given back."""
    last = {name: number for number, step in enumerate(steps) for name in step.inputs}
    return tuple(
        tuple(n for n in dict.fromkeys(step.inputs) if last[n] == number and n not in outputs)
        for number, step in enumerate(steps)
    )
