"""Where the boxes of a drawing stand.

The graph is cut at the nodes that every path goes through. What lies between two of them is a
stretch: its nodes stand in columns, the branches in lanes below one another. Stretches follow one
another from left to right and are broken into rows like words; a repeated block is never broken.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from striate.summaries.boxes import LINE, Box, boxes_for
from striate.summaries.graph import Graph, Node, Repeat

WIDTH = 1180.0
MARGIN = 28.0
GAP = 24.0  # between columns, for the arrows
ARC = 11.0  # between skip connections


@dataclass(eq=False)
class Stretch:
    """Nodes between two that every path goes through, with the second of these.

    Args:
        column: 1 for what reads the entry, and so on.
        lane: 0 for the first path.
    """

    nodes: list[Node]
    exit: Node
    entry: Node | None
    column: dict[Node, int] = field(default_factory=dict)
    lane: dict[Node, int] = field(default_factory=dict)
    port: tuple[float, float] = (0.0, 0.0)  # where its input arrives
    clear: float = 0.0  # the x from which a line may leave the middle
    arcs: dict[tuple[Node, Node], float] = field(default_factory=dict)  # skip -> its height y
    top: float = 0.0
    left: float = 0.0
    right: float = 0.0
    foot: float = 0.0

    @property
    def members(self) -> list[Node]:
        return [*self.nodes, self.exit]


@dataclass(eq=False)
class Layout:
    """Everything placed; `wraps` are the rows but the first: what ended the row before, what begins
    this one, and the height y at which the line between them runs."""

    boxes: dict[Node, Box]
    stretches: list[Stretch]
    wraps: list[tuple[Stretch, Stretch, float]]
    repeats: list[Repeat]
    width: float
    height: float


def lay_out(graph: Graph, top: float) -> Layout:
    """Places for every node, beginning `top` pixels below the upper edge."""
    boxes = boxes_for(graph.nodes)
    stretches = _stretches(graph.nodes)
    for stretch in stretches:
        _columns(stretch)
    groups = _groups(stretches, graph.repeats)
    rows = _rows(groups, [sum(_stretch_width(s, boxes) for s in group) for group in groups])
    y, right, tops = top, 0.0, []
    framed = {node for repeat in graph.repeats for node in repeat.nodes}
    for row in rows:
        tops.append(y)
        y = _place_row(row, boxes, y, any(node in framed for s in row for node in s.members))
        right = max(right, row[-1].right + 14)
    bottom = y
    wraps = [
        (before[-1], after[0], y)
        for before, after, y in zip(rows, rows[1:], tops[1:], strict=False)
    ]
    return Layout(boxes, stretches, wraps, graph.repeats, right + MARGIN, bottom)


def _stretches(nodes: Sequence[Node]) -> list[Stretch]:
    order = {node: number for number, node in enumerate(nodes)}
    reach = 0  # the furthest reader of anything before the current node
    readers: dict[Node, int] = {}
    for node in nodes:
        for source in node.inputs:
            readers[source] = max(readers.get(source, 0), order[node])
    stretches: list[Stretch] = []
    inner: list[Node] = []
    entry: Node | None = None
    for number, node in enumerate(nodes):
        if reach <= number:  # nothing before reaches past it
            stretches.append(Stretch(inner, node, entry))
            inner, entry = [], node
        else:
            inner.append(node)
        reach = max(reach, readers.get(node, 0))
    if inner:
        stretches.append(Stretch(inner[:-1], inner[-1], entry))
    return stretches


def _columns(stretch: Stretch) -> None:
    taken: set[Node] = set()
    lanes = 0
    for node in stretch.nodes:
        sources = [each for each in node.inputs if each in stretch.column]
        stretch.column[node] = 1 + max((stretch.column[each] for each in sources), default=0)
        heir = next((each for each in sources if each not in taken), None)
        if heir is None:
            stretch.lane[node] = lanes
            lanes += 1
        else:
            stretch.lane[node] = stretch.lane[heir]
            taken.add(heir)
    stretch.column[stretch.exit] = 1 + max(stretch.column.values(), default=0)
    stretch.lane[stretch.exit] = 0


def _groups(stretches: Sequence[Stretch], repeats: Sequence[Repeat]) -> list[list[Stretch]]:
    """Stretches that must stay in one row."""
    home = {node: number for number, each in enumerate(stretches) for node in each.members}
    glued = set()
    for repeat in repeats:
        numbers = [home[node] for node in repeat.nodes]
        glued |= set(range(min(numbers) + 1, max(numbers) + 1))
    groups: list[list[Stretch]] = []
    for number, stretch in enumerate(stretches):
        if number in glued and groups:
            groups[-1].append(stretch)
        else:
            groups.append([stretch])
    return groups


def _rows(groups: Sequence[list[Stretch]], widths: Sequence[float]) -> list[list[Stretch]]:
    """As few rows as the page allows, of about one width: none ends with a lonely layer."""
    narrow = max(widths)
    wide = max(WIDTH - 2 * MARGIN, narrow)
    least = len(_filled(widths, wide))
    while wide - narrow > 1:
        middle = (narrow + wide) / 2
        if len(_filled(widths, middle)) > least:
            narrow = middle
        else:
            wide = middle
    return [[s for group in groups[row] for s in group] for row in _filled(widths, wide)]


def _filled(widths: Sequence[float], limit: float) -> list[slice]:
    """Which go into each row when every row takes what fits."""
    starts, x = [0], 0.0
    for number, width in enumerate(widths):
        if x + width > limit and x > 0:
            starts.append(number)
            x = 0.0
        x += width
    return [slice(*ends) for ends in pairwise([*starts, len(widths)])]


def _column_widths(stretch: Stretch, boxes: dict[Node, Box]) -> list[float]:
    last = stretch.column[stretch.exit]
    return [
        max(boxes[node].width for node, at in stretch.column.items() if at == column)
        for column in range(1, last + 1)
    ]


def _stretch_width(stretch: Stretch, boxes: dict[Node, Box]) -> float:
    branching = GAP * 0.7 if stretch.nodes else 0.0
    return sum(_column_widths(stretch, boxes)) + GAP * stretch.column[stretch.exit] + branching


def _place_row(row: Sequence[Stretch], boxes: dict[Node, Box], top: float, framed: bool) -> float:
    """Place a row with its middle at 0, then move it below `top`; the lower edge comes back."""
    x = MARGIN
    port, clear = (MARGIN - 8, 0.0), 0.0
    for stretch in row:
        stretch.port, stretch.clear = port, clear
        x = _place_stretch(stretch, boxes, x)
        box = boxes[stretch.exit]
        port, clear = (box.right, 0.0), box.x + box.width / 2
    up = min(stretch.top for stretch in row) - (22 if framed else 6)
    for stretch in row:
        _move(stretch, boxes, top - up)
    return max(stretch.foot for stretch in row) + (28 if framed else 20)


def _place_stretch(stretch: Stretch, boxes: dict[Node, Box], x: float) -> float:
    stretch.left = x
    offsets = _lane_offsets(stretch, boxes)
    branching = GAP * 0.35 if stretch.nodes else 0.0
    x += branching
    for column, width in enumerate(_column_widths(stretch, boxes), start=1):
        x += branching if column == stretch.column[stretch.exit] else 0
        x += GAP + width / 2
        for node, at in stretch.column.items():
            if at == column:
                boxes[node].x = x
                boxes[node].y = 0.0 if node is stretch.exit else offsets[stretch.lane[node]]
        x += width / 2
    stretch.right = x
    placed = [boxes[node] for node in stretch.members]
    high = min([box.top for box in placed])
    for number, skip in enumerate(_skips(stretch)):
        stretch.arcs[skip] = high - 7 - ARC * (number + 1)
    stretch.top = min([high, *stretch.arcs.values()])
    stretch.foot = max(box.foot for box in placed)
    return x


def _lane_offsets(stretch: Stretch, boxes: dict[Node, Box]) -> list[float]:
    """The middle of each lane; several are spread around the line of entry and exit."""
    lanes = max(stretch.lane[node] for node in stretch.nodes) + 1 if stretch.nodes else 1
    extents = []
    for lane in range(lanes):
        own = [boxes[node] for node in stretch.nodes if stretch.lane[node] == lane]
        above = max([box.height / 2 + box.depth / 2 for box in own], default=0.0)
        below = max([box.height / 2 + LINE * (len(box.text) + 0.4) for box in own], default=0.0)
        extents.append((above, below))
    middles = [0.0]
    for (_, below), (above, _) in pairwise(extents):
        middles.append(middles[-1] + below + above + 8)
    shift = middles[-1] / 2 if lanes > 2 else 0.0
    return [middle - shift for middle in middles]


def _skips(stretch: Stretch) -> list[tuple[Node, Node]]:
    """Connections over the heads of other boxes, the shortest first."""
    found = []
    for node in stretch.members:
        for source in node.inputs:
            start = stretch.column.get(source, 0)
            crowd = [
                other
                for other in stretch.members
                if start < stretch.column[other] < stretch.column[node]
                and (source not in stretch.lane or stretch.lane[other] == stretch.lane[source])
            ]
            ends = source not in stretch.lane or stretch.lane[node] == stretch.lane[source]
            if crowd and ends and (source in stretch.lane or node is stretch.exit):
                found.append((source, node))
    return sorted(found, key=lambda pair: stretch.column[pair[1]] - stretch.column.get(pair[0], 0))


def _move(stretch: Stretch, boxes: dict[Node, Box], down: float) -> None:
    for node in stretch.members:
        boxes[node].y += down
    stretch.arcs = {pair: y + down for pair, y in stretch.arcs.items()}
    stretch.port = (stretch.port[0], stretch.port[1] + down)
    stretch.top += down
    stretch.foot += down
