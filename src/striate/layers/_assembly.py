"""From nodes to plain torch modules: which children a network has, and in what order they run."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from striate.errors import ShapeError, UsageError
from striate.layers._layer import Layer
from striate.layers.core import Input
from striate.nn.graph import GraphNetwork, Step
from striate.nn.outline import outline
from striate.shapes import Shape, written


@dataclass(frozen=True)
class Node:
    """One call of one layer.

    Args:
        name: the layer's name; of a later call of the same layer `name_call2` and so on.
        inputs: names of nodes that come before.
        shares: the node whose weights this one uses, where a layer is called again.
    """

    name: str
    layer: Layer
    inputs: tuple[str, ...]
    shape: Shape
    shares: str | None = None


@dataclass(frozen=True, eq=False)
class _Built:
    """The children a layer was built as, for an input of this shape."""

    shape: Shape
    children: tuple[str, ...]
    weights: list[torch.Size]


class Builder:
    """Collects the children and steps of a network, node by node."""

    def __init__(self) -> None:
        self.children: dict[str, nn.Module] = {}
        self.steps: list[Step] = []
        self.values: dict[str, str] = {}  # node -> the value it gives
        self._built: dict[str, _Built] = {}
        self._called: set[str] = set()  # inputs and children that have given a value

    def add(self, node: Node, shapes: Sequence[Shape]) -> None:
        """The steps of a node; its inputs have been added before."""
        taken = tuple(self.values[name] for name in node.inputs)
        if isinstance(node.layer, Input):
            self.values[node.name] = node.name
            self._called.add(node.name)
            return
        built = self._again(node, shapes[0]) or self._fresh(node, shapes[0])
        for number, child in enumerate(built.children):
            value = f"{node.name}/{number}" if child in self._called else child
            self._called.add(child)
            self.steps.append(Step(value, child, taken))
            taken = (value,)
        self.values[node.name] = taken[0]

    def before_activation(self, node: Node) -> str:
        """The name of what goes into a node's last softmax or sigmoid; of its value without one."""
        value = self.values[node.name]
        if node.layer.final_activation not in ("softmax", "sigmoid"):
            return value
        return next(step for step in self.steps if step.value == value).inputs[0]

    def _fresh(self, node: Node, shape: Shape) -> _Built:
        modules = node.layer.modules(shape)
        children = tuple(f"{node.name}_{key}" if key else node.name for key in modules)
        for child, module in zip(children, modules.values(), strict=True):
            if child in self.children or child in self._called or hasattr(GraphNetwork, child):
                raise UsageError(
                    "model-layer-repeated",
                    f"Two layers are named {child!r}, or torch keeps that name for itself.",
                    "Give one of them another name=.",
                )
            self.children[child] = module
        self._built[node.name] = built = _Built(shape, children, _weights(modules.values()))
        return built

    def _again(self, node: Node, shape: Shape) -> _Built | None:
        """What the layer's first call was built as, where this call can use the same weights."""
        first = self._built.get(node.shares or "")
        if first is None or first.shape == shape:
            return first
        if not first.weights:
            return None  # built anew: what it does may depend on the shape
        with outline():
            modules = node.layer.modules(shape)
        if len(shape) != len(first.shape) or _weights(modules.values()) != first.weights:
            raise ShapeError(
                "graph-shared-weights",
                f"{node.shares}: it is called on {written(first.shape)} and again on "
                f"{written(shape)}, which needs weights of other shapes.",
                "Make a layer of its own for the second call.",
            )
        return first


def _weights(modules: Iterable[nn.Module]) -> list[torch.Size]:
    return [tensor.shape for module in modules for tensor in module.state_dict().values()]
