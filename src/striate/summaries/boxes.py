"""How large the box of a layer is drawn, and what is written beneath it."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log2, sqrt

from striate.shapes import written
from striate.summaries.graph import Node

LINE = 13.0  # of text
LETTER = 6.0  # width of one
JOIN = 20.0  # diameter


@dataclass(eq=False)
class Box:
    """A cuboid seen from the front left, in pixels of the drawing; `x` and `y` are its middle.

    Args:
        height, thickness: of the front face: rows of the map, and channels.
        depth: by which the back is moved right and up: columns of the map.
        label_width: of the text beneath.
    """

    node: Node
    height: float
    thickness: float
    depth: float
    label_width: float
    x: float = 0.0
    y: float = 0.0

    @property
    def width(self) -> float:
        return max(self.thickness + self.depth, self.label_width)

    @property
    def left(self) -> float:
        return self.x - (self.thickness + self.depth) / 2

    @property
    def right(self) -> float:
        return self.x + (self.thickness + self.depth) / 2

    @property
    def top(self) -> float:
        return self.y - self.height / 2 - self.depth / 2

    @property
    def foot(self) -> float:
        """The lower end of the text."""
        return self.y + self.height / 2 + LINE * (len(self.text) + 0.4)

    @property
    def text(self) -> tuple[str, ...]:
        return label(self.node)


def label(node: Node) -> tuple[str, ...]:
    """The lines beneath a box: what it does, and the shape of what it gives."""
    if node.kind == "join" and node.label != "concat":
        return ()
    return node.label, written(node.shape)


def boxes_for(nodes: Sequence[Node]) -> dict[Node, Box]:
    """A box for every node, to the scale of the largest map; smaller where there are many."""
    largest = max([max(node.shape[:2]) for node in nodes if node.is_map], default=1)
    branched = 0.62 if len(nodes) > 20 else 1.0
    return {node: _box(node, largest, branched) for node in nodes}


def _box(node: Node, largest: int, scale: float) -> Box:
    width = max((len(line) for line in label(node)), default=0) * LETTER
    if node.kind == "join" and node.label != "concat":
        return Box(node, JOIN, JOIN, 0, 0)
    if node.is_map:
        rows, columns, channels = node.shape
        height, depth = (14 + 96 * scale * sqrt(size / largest) for size in (rows, columns))
        thickness = 3 + 2.4 * log2(1 + channels)
        return Box(node, height, thickness, depth * 0.36, width)
    height = (14 + 6.5 * log2(1 + node.shape[-1])) * max(scale, 0.75)
    return Box(node, height, 7, 4, width)
