"""Backpropagation through a small computation graph, value by value, as drawn on a blackboard.

Forward, each gate computes its number; backward, each
gets df/d(its output) and passes to each of its inputs

    df/d(input) += df/d(output) * d(output)/d(input)        (upstream times local)

    >>> x, y, z = Value(-2, "x"), Value(5, "y"), Value(-4, "z")
    >>> q = (x + y).named("q")
    >>> f = (q * z).named("f")
    >>> print(backpropagation(f))
    x = -2           df/dx = -4
    y = 5            df/dy = -4
    q = x + y = 3    df/dq = -4
    z = -4           df/dz = 3
    f = q * z = -12  df/df = 1
"""

import re
from collections import Counter
from dataclasses import dataclass

from striate.byhand._text import written_number
from striate.byhand.graph import Value
from striate.errors import UsageError


@dataclass(frozen=True)
class Passed:
    """What one gate passed back to one of its inputs.

    Args:
        upstream: df/d(gate).
        local: d(gate)/d(source); `rule` says how it is found.
        passed: upstream * local.
        gradient: df/d(source) so far: the sum of what was passed until now.
    """

    output: str
    gate: str
    source: str
    upstream: float
    local: float
    rule: str
    passed: float
    gradient: float

    def __str__(self) -> str:
        f, gate, source = self.output, self.gate, self.source
        up, local, passed = map(written_number, (self.upstream, self.local, self.passed))
        found = f" = {self.rule}" if self.rule != local else ""
        return (
            f"d{gate}/d{source}{found} = {local};  "
            f"df/d{source} += df/d{gate} * d{gate}/d{source} = {up} * {local} = {passed}"
        ).replace("df/", f"d{f}/")


@dataclass(frozen=True)
class Node:
    """A value on the blackboard: its number above, its gradient below.

    Args:
        formula: how it was made, such as "q * z"; empty for inputs of the graph.
        gate: what is written into its circle, such as "*".
        gradient: df/d(this); None for constants.
        sources: the names of a gate's inputs.
        locals: d(gate)/d(source), for each source.
    """

    name: str
    formula: str
    gate: str
    forward: float
    gradient: float | None
    sources: tuple[str, ...]
    locals: tuple[float, ...]


@dataclass(frozen=True)
class Backpropagation:
    """A computation and its way back, as data; `str` gives it as a table, `steps` one by one.

    `striate.byhand.draw` makes the blackboard's picture of it.

    Args:
        nodes: every value, inputs before the gates that use them; the last one is the output.
        steps: what was passed back, from the output to the inputs.
    """

    nodes: tuple[Node, ...]
    steps: tuple[Passed, ...]

    @property
    def gradients(self) -> dict[str, float]:
        """df/d(value) by name, without the constants."""
        return {node.name: node.gradient for node in self.nodes if node.gradient is not None}

    def __str__(self) -> str:
        output = self.nodes[-1].name
        shown = [node for node in self.nodes if node.gradient is not None]
        left = [
            " = ".join(filter(None, (node.name, node.formula, written_number(node.forward))))
            for node in shown
        ]
        width = max(map(len, left))
        return "\n".join(
            f"{text:<{width}}  d{output}/d{node.name} = {written_number(node.gradient or 0.0)}"
            for text, node in zip(left, shown, strict=True)
        )


def backpropagation(output: Value) -> Backpropagation:
    """df/d(value) for every value that the output f was made of, each step kept.

    Raises:
        UsageError: two values have the same name.
    """
    order = _sources_first(output)
    names = _names(order, output)
    gradients = {id(value): 0.0 for value in order} | {id(output): 1.0}
    steps = []
    for gate in reversed(order):
        parts = _parts(gate, names)
        for edge in gate.edges:
            upstream, source = gradients[id(gate)], edge.source
            passed = upstream * edge.local
            gradients[id(source)] += passed
            if not source.constant:
                rule = edge.rule.format(**parts)
                ends = (names[id(output)], names[id(gate)], names[id(source)])
                steps.append(
                    Passed(*ends, upstream, edge.local, rule, passed, gradients[id(source)])
                )
    nodes = tuple(
        Node(
            names[id(value)],
            value.pattern.format(**_parts(value, names)),
            re.sub(r"\{[ab]\}|[(), ]", "", value.pattern),
            value.data,
            None if value.constant else gradients[id(value)],
            tuple(names[id(edge.source)] for edge in value.edges),
            tuple(edge.local for edge in value.edges),
        )
        for value in order
    )
    return Backpropagation(nodes, tuple(steps))


def _sources_first(output: Value) -> list[Value]:
    """Every value once, after all that it was made of."""
    order: list[Value] = []
    done: set[int] = set()
    waiting = [(output, False)]
    while waiting:
        value, ready = waiting.pop()
        if id(value) in done:
            continue
        if ready:
            done.add(id(value))
            order.append(value)
        else:
            waiting.append((value, True))
            waiting.extend((edge.source, False) for edge in reversed(value.edges))
    return order


def _names(order: list[Value], output: Value) -> dict[int, str]:
    """Given names, and for the rest f for the output and v1, v2, … for inner values."""
    given = Counter(value.name for value in order if value.name and not value.constant)
    if twice := [name for name, times in given.items() if times > 1]:
        raise UsageError(
            "usage-byhand-name",
            f"backpropagation: two values are named {twice[0]!r}.",
            "Give each its own name.",
        )
    free = (
        name
        for number in range(1, len(order) + len(given) + 1)
        if (name := f"v{number}") not in given
    )
    last = "f" if "f" not in given else None
    return {
        id(value): value.name or (last if value is output and last else next(free))
        for value in order
    }


def _parts(gate: Value, names: dict[int, str]) -> dict[str, str]:
    """The names that a pattern or rule speaks of."""
    sources = zip("ab", (names[id(edge.source)] for edge in gate.edges), strict=False)
    return {"out": names[id(gate)], **dict(sources)}
