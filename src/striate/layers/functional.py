"""Layers called on symbols, as a graph of nodes: traced, and written as JSON.

x = layers.Input((32, 32, 3))
y = layers.Conv2D(16, 3, padding="same")(x)
y = layers.Add()([y, layers.Conv2D(16, 1)(x)])
network = layers.graph(x, y).build()
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from striate.errors import FileError, StriateError, UsageError
from striate.layers._assembly import Builder, Node
from striate.layers._layer import Layer
from striate.layers._symbol import Symbol, Symbolic, is_symbolic
from striate.layers.core import Input
from striate.layers.stack import names
from striate.nn.graph import GraphNetwork


@dataclass(frozen=True)
class Graph:
    """Nodes in an order in which every input comes first, and the names of both ends."""

    nodes: tuple[Node, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def __getitem__(self, name: str) -> Node:
        return next(node for node in self.nodes if node.name == name)

    def build(self) -> GraphNetwork:
        """The layers as plain torch modules, named as the layers are.

        An activation that is an option of its layer is a child of its own, as in a list of layers.

        Raises:
            ShapeError: a layer that is called twice would need other weights the second time.
        """
        builder = Builder()
        shapes = {node.name: node.shape for node in self.nodes}
        for node in self.nodes:
            builder.add(node, [shapes[name] for name in node.inputs])
        values = [builder.values[name] for name in self.outputs]
        network = GraphNetwork(builder.children, builder.steps, self.inputs, values)
        network.described = self.to_json()
        network.input_shapes = tuple(self[name].shape for name in self.inputs)
        ends = [self[name] for name in self.outputs]
        network.output_shapes = tuple((node.shape[-1], *node.shape[:-1]) for node in ends)
        network.output_names = self.outputs
        network.final_activations = tuple(node.layer.final_activation for node in ends)
        network.logits = tuple(map(builder.before_activation, ends))
        return network

    def chain(self, name: str) -> list[tuple[str, Layer]]:
        """The layers that lead to a node one after the other, back to where branches meet."""
        found: list[tuple[str, Layer]] = []
        node = self[name]
        while True:
            found.insert(0, (node.name, node.layer))
            if len(node.inputs) != 1:
                return found
            node = self[node.inputs[0]]

    def to_json(self) -> dict[str, Any]:
        """Plain values, which `graph_from_json` takes back."""
        return {
            "nodes": [
                {
                    "name": node.name,
                    "inputs": list(node.inputs),
                    "layer": node.shares or node.layer.to_json(),
                }
                for node in self.nodes
            ],
            "inputs": list(self.inputs),
            "outputs": list(self.outputs),
        }


def graph(inputs: Symbolic | Sequence[Symbolic], outputs: Symbolic | Sequence[Symbolic]) -> Graph:
    """Everything between symbolic inputs and outputs.

    Raises:
        UsageError: an end is not symbolic, an input is not an `Input`, is not used or is missing,
            or two layers have one name.
    """
    ends = [_several("inputs", inputs), _several("outputs", outputs)]
    if stray := next((one for one in ends[0] if isinstance(one, Symbol)), None):
        raise UsageError(
            "graph-input-not-input",
            f"Model: inputs are layers.Input(…), got {stray!r}.",
            "Name the Input it was made from.",
        )
    order = _ordered([*ends[0], *ends[1]])
    _check_inputs(ends[0], order, used=_ordered(ends[1]))
    layers = list({id(layer): layer for layer in map(_layer_of, order)}.values())
    named = dict(zip(map(id, layers), names(layers), strict=True))
    found: dict[int, Node] = {}
    for symbol in order:
        found[id(symbol)] = _node(symbol, named, found)
    first, last = (tuple(found[id(one)].name for one in end) for end in ends)
    return Graph(tuple(found.values()), first, last)


def graph_from_json(data: Mapping[str, Any]) -> Graph:
    """The graph that `Graph.to_json` wrote.

    Raises:
        FileError: a node names what does not come before it (so nothing runs in a circle), has
            inputs that its layer cannot take, or is no node at all.
    """
    try:
        return _from_json(data)
    except FileError:
        raise
    except (StriateError, KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        reason = str(error) if isinstance(error, StriateError) else repr(error)
        raise FileError(
            "model-bad-graph", f"The network's description is wrong: {reason}"
        ) from error


def _from_json(data: Mapping[str, Any]) -> Graph:
    from striate.layers import from_json  # here, since the table of layers holds what joins graphs

    symbols: dict[str, Symbolic] = {}
    for entry in data["nodes"]:
        name, described = entry["name"], entry["layer"]
        inputs = [_known(symbols, one, name) for one in entry["inputs"]]
        if not isinstance(name, str) or name in symbols:
            raise _bad(f"the node {name!r} comes twice or has no name")
        if isinstance(described, str):
            layer = _layer_of(_known(symbols, described, name))
        else:
            layer = from_json(described)
        if isinstance(layer, Input) and not inputs and not isinstance(described, str):
            symbols[name] = layer
        else:
            symbols[name] = layer(inputs)
    ends = [[_known(symbols, one, key) for one in data[key]] for key in ("inputs", "outputs")]
    rebuilt = graph(*ends)
    wiring = [(entry["name"], tuple(entry["inputs"])) for entry in data["nodes"]]
    if wiring != [(node.name, node.inputs) for node in rebuilt.nodes]:
        raise _bad("its nodes are not in the order and under the names that Striate gives them")
    return rebuilt


def _several(end: str, given: Any) -> list[Any]:
    symbols = list(given) if isinstance(given, list | tuple) else [given]
    if symbols and all(map(is_symbolic, symbols)):
        return symbols
    kinds = ", ".join(type(one).__name__ for one in symbols) or "nothing"
    raise UsageError(
        "graph-not-symbolic",
        f"Model: {end} must be layers.Input(…) or what layers gave, got {kinds}.",
        "For example x = layers.Input((28, 28, 1)); y = layers.Flatten()(x); "
        "st.Model(inputs=x, outputs=y).",
    )


def _ordered(ends: Sequence[Symbolic]) -> list[Symbolic]:
    """All that the ends depend on, each after its inputs; a loop, since networks may be deep."""
    order: dict[int, Symbolic] = {}
    waiting = [(end, False) for end in reversed(ends)]
    while waiting:
        symbol, ready = waiting.pop()
        if id(symbol) in order:
            continue
        if ready:
            order[id(symbol)] = symbol
            continue
        waiting.append((symbol, True))
        waiting += [(one, False) for one in reversed(_inputs_of(symbol))]
    return list(order.values())


def _inputs_of(symbol: Symbolic) -> tuple[Symbolic, ...]:
    return symbol.inputs if isinstance(symbol, Symbol) else ()


def _layer_of(symbol: Symbolic) -> Layer:
    return symbol.layer if isinstance(symbol, Symbol) else symbol


def _check_inputs(
    declared: Sequence[Symbolic], order: Sequence[Symbolic], used: Sequence[Symbolic]
) -> None:
    known, needed = set(map(id, declared)), set(map(id, used))
    for symbol in order:
        if isinstance(symbol, Input) and id(symbol) not in known:
            raise UsageError(
                "graph-input-missing",
                f"Model: the outputs depend on {symbol!r}, which is not among the inputs.",
                "Add it to inputs=[…].",
            )
    for symbol in declared:
        if id(symbol) not in needed:
            raise UsageError(
                "graph-input-unused",
                f"Model: no output depends on {symbol!r}.",
                "Leave it out of inputs=[…], or join it with Concatenate().",
            )


def _node(symbol: Symbolic, named: Mapping[int, str], found: Mapping[int, Node]) -> Node:
    layer = _layer_of(symbol)
    name = named[id(layer)]
    calls = sum(node.layer is layer for node in found.values())
    inputs = tuple(found[id(one)].name for one in _inputs_of(symbol))
    if not calls:
        return Node(name, layer, inputs, symbol.shape)
    return Node(f"{name}_call{calls + 1}", layer, inputs, symbol.shape, shares=name)


def _known(symbols: Mapping[str, Symbolic], name: Any, asking: Any) -> Symbolic:
    if not isinstance(name, str) or name not in symbols:
        raise _bad(f"{asking!r} takes {name!r}, and no node before it is named so")
    return symbols[name]


def _bad(what: str) -> FileError:
    return FileError("model-bad-graph", f"The network's description is wrong: {what}.")
