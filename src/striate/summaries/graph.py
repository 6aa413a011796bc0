"""A network as a graph of the layers worth drawing: who reads whom, and what repeats.

Activations, normalisations, dropout and changes of shape belong to the layer before them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from torch import nn

from striate.shapes import Shape, written
from striate.summaries.table import shape_of
from striate.summaries.trace import Seen, Step, Trace, Visit
from striate.summaries.windows import Enlarging, Window

Kind = Literal["image", "convolution", "pooling", "dense", "join", "other"]

MANY = 40  # nodes; beyond, blocks that repeat are drawn once

JOINS = {"add": "add", "mul": "multiply", "cat": "concat", "stack": "concat", "sub": "subtract"}
PRODUCTS = {"mm": "dense", "addmm": "dense", "bmm": "product", "baddbmm": "product"}
MEANS = {"mean": "mean", "sum": "sum", "amax": "max"}


@dataclass(eq=False)
class Node:
    """One box of the drawing.

    Args:
        label: what it does, such as "3×3 conv /2".
        shape: of its output, channels last.
        names: the modules in it; for the reader who points at it.
    """

    kind: Kind
    label: str
    shape: Shape
    visit: Visit | None = None
    names: list[str] = field(default_factory=list)
    inputs: list["Node"] = field(default_factory=list, repr=False)  # else exponential

    @property
    def is_map(self) -> bool:
        """Whether its output has a height and a width."""
        return len(self.shape) == 3


@dataclass(eq=False)
class Repeat:
    """Nodes that stand for several copies of a block, one after another.

    Args:
        dense: some copy reads more than the one before it, as in DenseNet.
        varied: the copies differ in channels; those of the first are shown.
    """

    nodes: tuple[Node, ...]
    times: int
    dense: bool
    varied: bool


@dataclass(eq=False)
class Graph:
    """Nodes in the order of execution, so that inputs come before their readers."""

    nodes: list[Node]
    repeats: list[Repeat] = field(default_factory=list)


def graph_of(trace: Trace) -> Graph:
    """What a drawing of this pass shows, with repeated blocks folded where it has many nodes."""
    nodes = _Reader(trace).nodes
    return folded(nodes) if len(nodes) > MANY else Graph(nodes)


class _Reader:
    """Goes through the operations and notes which node each tensor comes from."""

    def __init__(self, trace: Trace) -> None:
        self.nodes: list[Node] = []
        self.source: dict[int, Node] = {}
        self.by_visit: dict[int, Node] = {}
        for image in trace.images:
            shape = shape_of(image)
            self.source[id(image)] = self._new(Node("image", "image", shape))
        for step in trace.steps:
            self._read(step)

    def _new(self, node: Node) -> Node:
        self.nodes.append(node)
        return node

    def _read(self, step: Step) -> None:
        inputs = list(dict.fromkeys(self.source[id(seen)] for seen in step.inputs))
        leaf = step.visit if step.visit and _is_leaf(step.visit) else None
        node = self.by_visit.get(id(leaf)) if leaf else None
        if node is None:
            described = _described(step, len(inputs))
            if described is None and len(inputs) == 1:
                node = inputs[0]
            else:
                kind, label = described or ("other", _plain(step))
                node = self._new(Node(kind, label, (1,), step.visit))
                if leaf:
                    self.by_visit[id(leaf)] = node
                    _label_leaf(node, leaf.module)
        if node not in inputs:
            node.inputs += [each for each in inputs if each not in node.inputs]
        elif len(inputs) > 1:
            node.inputs += [each for each in inputs if each not in (node, *node.inputs)]
        self._note(node, step)

    def _note(self, node: Node, step: Step) -> None:
        if node.visit is step.visit and step.outputs and node.kind != "image":
            node.shape = shape_of(step.outputs[0])
        name = step.visit.name if step.visit else ""
        if name and name not in node.names:
            node.names.append(name)
        for seen in step.outputs:
            self.source[id(seen)] = node


def _is_leaf(visit: Visit) -> bool:
    attention = isinstance(visit.module, nn.MultiheadAttention)  # it runs its child's code itself
    return attention or next(visit.module.children(), None) is None


def _plain(step: Step) -> str:
    return step.operation.strip("_").replace("_", " ")


def _described(step: Step, sources: int) -> tuple[Kind, str] | None:
    """What an operation is called in a drawing; None for one that belongs to its input."""
    name = step.operation.strip("_")
    if name == "convolution":
        return "convolution", _windowed(step, "conv")
    if "pool" in name:
        return "pooling", _windowed(step, "max pool" if "max" in name else "mean pool")
    if name.startswith("upsample"):
        return "pooling", "enlarge"
    if name in JOINS and (sources > 1 or name == "cat"):
        return "join", JOINS[name]
    if name in PRODUCTS:
        return "dense", PRODUCTS[name]
    if name in MEANS and step.inputs[0].tensor.ndim == 4 and _pools(step.inputs[0], step):
        return "pooling", f"global {MEANS[name]}"
    return None


def _pools(seen: Seen, step: Step) -> bool:
    return bool(step.outputs) and step.outputs[0].tensor.numel() == seen.tensor.shape[1]


def _windowed(step: Step, noun: str) -> str:
    windows = step.windows or ()
    if any(isinstance(window, Enlarging) for window in windows):
        return f"{noun} up" if noun == "conv" else noun
    plain = [window for window in windows if isinstance(window, Window)]
    kernel, stride = (tuple(getattr(w, name) for w in plain) for name in ("kernel", "stride"))
    if noun != "conv" and kernel == tuple(step.inputs[0].tensor.shape[2:]):
        return f"global {noun.removesuffix(' pool')}"
    size = written(kernel) if len(kernel) > 1 else f"{kernel[0]}"
    step_size = max(stride)
    return f"{size} {noun}" + (f" /{step_size}" if step_size > 1 else "")


def _label_leaf(node: Node, module: nn.Module) -> None:
    if isinstance(module, nn.MultiheadAttention):
        node.kind, node.label = "dense", "attention"
    groups = getattr(module, "groups", 1)
    if node.kind == "convolution" and isinstance(groups, int) and groups > 1:
        depthwise = groups == getattr(module, "in_channels", 0)
        node.label = node.label.replace("conv", "depthwise" if depthwise else "grouped conv")
    elif node.kind == "other":
        node.label = type(module).__name__


def folded(nodes: Sequence[Node]) -> Graph:
    """Blocks of the same structure that follow one another, drawn once and counted."""
    order = {node: number for number, node in enumerate(nodes)}
    inside: dict[Visit, list[Node]] = {}
    for node in nodes:
        for visit in _ancestors(node.visit):
            inside.setdefault(visit, []).append(node)
    stands_for: dict[Node, Node] = {}
    repeats = []
    for run in _runs(inside, order):
        if any(node in stands_for for node in inside[run[0]]):
            continue  # within a copy that is not drawn
        for copy in run[1:]:
            stands_for.update(zip(inside[copy], inside[run[0]], strict=True))
        copies = [inside[visit] for visit in run]
        varied = any([n.shape for n in copy] != [n.shape for n in copies[0]] for copy in copies)
        repeats.append(Repeat(tuple(copies[0]), len(run), _reads_far(copies), varied))
    shown = [node for node in nodes if node not in stands_for]
    _rewire(nodes, stands_for, order)
    kept = [
        replace(each, nodes=tuple(node for node in each.nodes if node not in stands_for))
        for each in repeats
    ]
    return Graph(shown, kept)


def _ancestors(visit: Visit | None) -> Iterator[Visit]:
    while visit is not None:
        yield visit
        visit = visit.parent


def _runs(inside: dict[Visit, list[Node]], order: dict[Node, int]) -> list[list[Visit]]:
    """Siblings with the same nodes, each reading the one before it; outer ones first."""
    depth = {visit: len(list(_ancestors(visit))) for visit in inside}
    runs: list[list[Visit]] = []
    for visit in sorted(inside, key=lambda each: (depth[each], order[inside[each][0]])):
        nodes = inside[visit]
        if len(nodes) < 2 or _is_leaf(visit):
            continue
        last = runs[-1][-1] if runs else None
        follows = (
            last is not None
            and last.parent is visit.parent
            and order[inside[last][-1]] + 1 == order[nodes[0]]
            and _look(inside[last]) == _look(nodes)
            and any(source in inside[last] for node in nodes for source in node.inputs)
        )
        if follows:
            runs[-1].append(visit)
        else:
            runs.append([visit])
    return [run for run in runs if len(run) > 1]


def _look(nodes: Sequence[Node]) -> list[tuple[str, Shape]]:
    """All but the number of channels and where the block takes its input from."""
    return [(node.label, node.shape[:-1]) for node in nodes]


def _reads_far(copies: Sequence[Sequence[Node]]) -> bool:
    number = {node: place for place, copy in enumerate(copies) for node in copy}
    return any(
        number[node] - number.get(source, number[node]) > 1
        for node in number
        for source in node.inputs
    )


def _rewire(nodes: Sequence[Node], stands_for: dict[Node, Node], order: dict[Node, int]) -> None:
    def drawn(node: Node) -> Node:
        while node in stands_for:
            node = stands_for[node]
        return node

    for node in nodes:
        shown = drawn(node)
        sources = dict.fromkeys([*(drawn(each) for each in node.inputs)])
        earlier = [each for each in sources if order[each] < order[shown]]
        if shown is node:
            node.inputs = earlier
        else:
            shown.inputs += [each for each in earlier if each not in shown.inputs]
