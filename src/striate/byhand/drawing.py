"""The blackboard's picture of a computation graph, as SVG.

Inputs stand on the left, gates in circles to their right. On each wire the number that goes
forward is written above, in black, and the gradient that comes back below, in red; where a wire
ends, in grey, stands the local derivative that turns the gate's gradient into the wire's.
"""

from collections.abc import Iterator
from html import escape
from itertools import pairwise

from striate.byhand.blackboard import Backpropagation, Node

COLUMN, ROW, RADIUS, MARGIN, STUB = 210, 84, 26, 60, 72  # pixels
FORWARD, BACKWARD, LOCAL = "#1a1a1a", "#c0182b", "#6b6b6b"
SYMBOLS = {"*": "×", "/": "÷", "-": "−"}
Point = tuple[float, float]


def draw(board: Backpropagation) -> str:
    """The graph of a backpropagation as an SVG document."""
    at = _places(board)
    width = max(x for x, _ in at.values()) + RADIUS + STUB + MARGIN
    height = max(y for _, y in at.values()) + MARGIN
    title = escape(f"Backpropagation of {board.nodes[-1].name}")
    wires = [wire for node in board.nodes for wire in _wires_into(node, at)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
            f'width="{width:.0f}" height="{height:.0f}" role="img" aria-label="{title}" '
            'font-family="system-ui, sans-serif">',
            f"<title>{title}</title>",
            '<rect width="100%" height="100%" fill="white"/>',
            *wires,
            *(_drawn(node, at[node.name]) for node in board.nodes),
            "</svg>\n",
        ]
    )


def _places(board: Backpropagation) -> dict[str, Point]:
    """Each value's middle: gates right of their inputs and, where there is room, amid them."""
    columns = _columns(board)
    rows: dict[str, float] = {}
    inputs = 0
    for node in board.nodes:
        if node.sources:
            row = sum(rows[source] for source in node.sources) / len(node.sources)
        else:
            row, inputs = float(inputs), inputs + 1
        beside = [rows[name] for name in rows if columns[name] == columns[node.name]]
        while any(abs(row - other) < 0.9 for other in beside):
            row += 0.5
        rows[node.name] = row
    return {
        name: (MARGIN + COLUMN * columns[name], MARGIN + ROW * row) for name, row in rows.items()
    }


def _columns(board: Backpropagation) -> dict[str, int]:
    """Gates right of all their inputs; inputs just left of the first gate that uses them."""
    columns: dict[str, int] = {}
    for node in board.nodes:
        columns[node.name] = 1 + max((columns[source] for source in node.sources), default=-1)
    for node in board.nodes:
        users = [columns[user.name] for user in board.nodes if node.name in user.sources]
        if users and not node.sources:
            columns[node.name] = min(users) - 1
    return columns


def _wires_into(gate: Node, at: dict[str, Point]) -> Iterator[str]:
    """The wires that end in a gate, one below the other, with the local derivatives."""
    x, y = at[gate.name]
    order = sorted(range(len(gate.sources)), key=lambda i: at[gate.sources[i]][1])
    for rank, i in enumerate(order):
        start, end = at[gate.sources[i]], (x, y + (rank - (len(order) - 1) / 2) * 18)
        yield f'<path d="{_curve(start, end, at)}" fill="none" stroke="#9a9a9a"/>'
        above = rank == 0
        yield _text(
            x - RADIUS - 22, end[1] + (-5 if above else 14), _short(gate.locals[i]), LOCAL, 12
        )


def _curve(start: Point, end: Point, at: dict[str, Point]) -> str:
    """From a value's right to a gate's left; over the top where other values stand between."""
    leave, arrive = start[0] + RADIUS + STUB, end[0] - RADIUS - 50
    low, high = sorted((start[1], end[1]))
    between = [y for x, y in at.values() if leave < x < arrive and low - 45 < y < high + 45]
    path = f"M{start[0] + RADIUS:.0f} {start[1]:.0f}H{leave:.0f}"
    bends = [(leave, start[1]), (arrive, end[1])]
    if between:
        top = min([*between, start[1], end[1]]) - RADIUS - 26
        bends[1:1] = [(leave + 40, top), (arrive - 40, top)]
    for (x1, y1), (x2, y2) in pairwise(bends):
        path += f"C{x2:.0f} {y1:.0f} {x1:.0f} {y2:.0f} {x2:.0f} {y2:.0f}"
    return f"{path}H{end[0]:.0f}"


def _drawn(node: Node, place: Point) -> str:
    """The circle of a gate, or the name of an input, and its numbers on the wire that leaves it."""
    x, y = place
    beside = x + RADIUS + STUB / 2
    parts = [f'<path d="M{x:.0f} {y:.0f}h{RADIUS + STUB}" stroke="#9a9a9a"/>']
    if node.gate:
        parts += [
            f'<circle cx="{x:.0f}" cy="{y:.0f}" r="{RADIUS}" fill="white" stroke="{FORWARD}"/>',
            _text(x, y - RADIUS - 7, node.name, FORWARD, 14),
        ]
    else:
        parts.append(f'<circle cx="{x:.0f}" cy="{y:.0f}" r="{RADIUS}" fill="white"/>')
    written = SYMBOLS.get(node.gate, node.gate) or node.name
    parts.append(_text(x, y + 6, written, FORWARD, 18 if len(written) < 5 else 12))
    if node.gradient is not None:
        parts.append(_text(beside, y - 7, _short(node.forward), FORWARD, 15))
        parts.append(_text(beside, y + 19, _short(node.gradient), BACKWARD, 15))
    return "".join(parts)


def _short(number: float) -> str:
    return f"{number + 0.0:.4g}"


def _text(x: float, y: float, words: str, color: str, size: int) -> str:
    return (
        f'<text x="{x:.0f}" y="{y:.0f}" fill="{color}" font-size="{size}" text-anchor="middle">'
        f"{escape(words)}</text>"
    )
