"""An architecture as an SVG picture: cuboids for layers, lanes for branches, arcs for skips.

Height and depth of a cuboid tell the height and width of the feature map, by their square roots;
its thickness tells the channels, by their logarithm. Light and dark follow the reader's setting.
"""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from torch import nn

from striate.files import write_atomic
from striate.layers import Layer
from striate.shapes import written
from striate.summaries.boxes import LINE, Box, label
from striate.summaries.graph import Node, Repeat, graph_of
from striate.summaries.layout import MARGIN, Layout, Stretch, lay_out
from striate.summaries.table import Shapes, Summary, summary

BEND = 22.0  # width of a change of lanes
HEAD = 74.0  # of title and key
KINDS = ("convolution", "pooling", "dense", "join", "other")
SIGNS = {"add": "+", "multiply": "×", "subtract": "−"}
STYLE = """
text { font: 11px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2933;
  paint-order: stroke; stroke: #ffffff; stroke-width: 3px; stroke-opacity: .8 }
.name { font-size: 17px; font-weight: 600 } .quiet { fill: #5b6770 }
.middle { text-anchor: middle } .sign { stroke: none; font-size: 15px; font-weight: 600 }
.times { font-size: 12px; font-weight: 600 }
.page { fill: #ffffff }
.wire { fill: none; stroke: #5b6770; stroke-width: 1.2 } .tip { fill: #5b6770 }
.frame { fill: #8a97a3; fill-opacity: .1; stroke: #7b8794; stroke-dasharray: 4 3 }
.box { stroke: #1f2933; stroke-width: .7; stroke-linejoin: round }
.light { fill: #ffffff; fill-opacity: .38 } .dark { fill: #000000; fill-opacity: .22 }
.image { fill: #9aa5b1 } .convolution { fill: #4a86d8 } .pooling { fill: #e0912f }
.dense { fill: #3f9d6b } .join { fill: #c9d2da } .other { fill: #a07cc5 }
@media (prefers-color-scheme: dark) {
text { fill: #e4e8ec; stroke: #15191d } .quiet { fill: #a3aeb8 } .page { fill: #15191d }
.wire { stroke: #a3aeb8 } .tip { fill: #a3aeb8 } .box { stroke: #0b0d0f }
.join { fill: #52606d } .image { fill: #7b8794 }
}
"""


def draw(
    network: nn.Module | Sequence[Layer],
    input_shape: Shapes | None = None,
    path: str | Path | None = None,
    *,
    title: str | None = None,
) -> str:
    """The architecture of a network as an SVG document, which is also written to `path`.

    Args:
        input_shape: as for `summary`.
        title: what to call it; the network's class when not given.
    Raises:
        ShapeError: the shape is not known, or the network refuses it.
        FileError: the file cannot be written.

    >>> draw(nn.Sequential(nn.Conv2d(1, 4, 3)), (8, 8, 1))[:4]
    '<svg'
    """
    picture = drawing_of(summary(network, input_shape), title)
    if path is not None:
        write_atomic(Path(path), picture)
    return picture


def drawing_of(table: Summary, title: str | None = None) -> str:
    """The network of a summary as an SVG document that needs nothing else."""
    layout = lay_out(graph_of(table.trace), top=HEAD)
    width, height = max(layout.width, 560.0), layout.height
    name = title or table.title
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" role="img" aria-labelledby="title">',
        f'<title id="title">{escape(f"{name}: {_said(table)}")}</title>',
        f"<style>{STYLE}</style>",
        '<defs><marker id="tip" viewBox="0 0 6 6" refX="5.4" refY="3" markerWidth="6" '
        'markerHeight="6" orient="auto"><path class="tip" d="M0 0L6 3L0 6z"/></marker></defs>',
        '<rect class="page" width="100%" height="100%"/>',
        *_heading(name, table, layout),
        *_frames(layout),
        *_wires(layout),
        *(_box(box) for box in layout.boxes.values()),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _said(summary: Summary) -> str:
    inputs = " and ".join(map(written, summary.input_shapes))
    work = summary.multiply_adds
    amount = f"{work:,}"
    if work >= 1e6:
        amount = f"{work / 1e9:.2f} billion" if work >= 1e9 else f"{work / 1e6:.1f} million"
    return f"input {inputs}, {summary.weights:,} weights, {amount} multiply-adds"


def _heading(name: str, summary: Summary, layout: Layout) -> list[str]:
    parts = [
        _text(MARGIN, 28, name, "name"),
        _text(MARGIN, 46, _said(summary), "quiet"),
    ]
    x = MARGIN
    used = {box.node.kind for box in layout.boxes.values()}
    for kind in KINDS:
        if kind in used:
            parts.append(f'<rect class="box {kind}" x="{x:.1f}" y="56" width="10" height="10"/>')
            parts.append(_text(x + 15, 65, kind, "quiet"))
            x += 15 + 6.4 * len(kind) + 16
    return parts


def _text(x: float, y: float, words: str, style: str) -> str:
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>'


def _box(box: Box) -> str:
    names = ", ".join(box.node.names)
    said = escape(": ".join(filter(None, [names, box.node.label])))
    parts = [f"<g><title>{said}, {written(box.node.shape)}</title>"]
    if box.node.label in SIGNS and box.node.kind == "join":
        parts.append(
            f'<circle class="box join" cx="{box.x:.1f}" cy="{box.y:.1f}" r="{box.height / 2:.1f}"/>'
        )
        parts.append(_text(box.x, box.y + 5, SIGNS[box.node.label], "middle sign"))
    else:
        parts += _cuboid(box)
    for number, line in enumerate(label(box.node), start=1):
        y = box.y + box.height / 2 + LINE * number
        parts.append(_text(box.x, y, line, "middle" if number == 1 else "middle quiet"))
    return "".join([*parts, "</g>"])


def _cuboid(box: Box) -> list[str]:
    x, right = box.left, box.left + box.thickness
    top, foot = box.y - box.height / 2, box.y + box.height / 2
    over, up = box.depth, box.depth / 2
    style = box.node.kind
    lid = _points((x, top), (x + over, top - up), (right + over, top - up), (right, top))
    side = _points((right, top), (right + over, top - up), (right + over, foot - up), (right, foot))
    return [
        f'<rect class="box {style}" x="{x:.1f}" y="{top:.1f}" width="{box.thickness:.1f}" '
        f'height="{box.height:.1f}"/>',
        f'<polygon class="box {style}" points="{lid}"/><polygon class="light" points="{lid}"/>',
        f'<polygon class="box {style}" points="{side}"/><polygon class="dark" points="{side}"/>',
    ]


def _points(*points: tuple[float, float]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _frames(layout: Layout) -> list[str]:
    parts = []
    for repeat in layout.repeats:
        own = [layout.boxes[node] for node in repeat.nodes]
        touched = [s for s in layout.stretches if set(s.members) & set(repeat.nodes)]
        arcs = [
            y
            for stretch in touched
            for (_, reader), y in stretch.arcs.items()
            if reader in repeat.nodes
        ]
        left = min(box.x - box.width / 2 for box in own) - 9
        right = max(box.x + box.width / 2 for box in own) + 9
        top = min([*(box.top for box in own), *arcs]) - 8
        foot = max(box.foot for box in own) + 4
        parts.append(
            f'<rect class="frame" x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" '
            f'height="{foot - top:.1f}" rx="6"/>'
        )
        parts.append(_text(left + 2, foot + 13, _times(repeat), "times"))
    return parts


def _times(repeat: Repeat) -> str:
    how = "each reads all before it" if repeat.dense else "channels vary" if repeat.varied else ""
    return f"×{repeat.times}" + (f", {how}" if how else "")


def _wires(layout: Layout) -> list[str]:
    parts = []
    for stretch in layout.stretches:
        for node in stretch.members:
            for source in node.inputs:
                parts.append(_wire(_path(layout, stretch, source, node)))
    for before, after, y in layout.wraps:
        parts.append(_wire(_turn(layout, before, after, y), tip=False))
    return parts


def _wire(path: str, tip: bool = True) -> str:
    end = ' marker-end="url(#tip)"' if tip else ""
    return f'<path class="wire" d="{path}"{end}/>'


def _path(layout: Layout, stretch: Stretch, source: Node, node: Node) -> str:
    start = stretch.port
    inside = source in stretch.column
    if inside:
        box = layout.boxes[source]
        start = (box.right, box.y)
    target = layout.boxes[node]
    end = (target.left, target.y)
    height = stretch.arcs.get((source, node))
    if height is not None:
        return _arc(start, target, height)
    if abs(start[1] - end[1]) < 1:
        return f"M{start[0]:.1f} {start[1]:.1f}H{end[0]:.1f}"
    if inside:  # along its own lane, then over to the reader's, before its text begins
        last = min(end[0], target.x - target.width / 2)
        return f"M{_at(start)}H{last - BEND:.1f}{_bend(last - BEND, start[1], end[1])}H{end[0]:.1f}"
    first = max(start[0], stretch.clear)
    return f"M{_at(start)}H{first:.1f}{_bend(first, start[1], end[1])}H{end[0]:.1f}"


def _at(point: tuple[float, float]) -> str:
    return f"{point[0]:.1f} {point[1]:.1f}"


def _bend(x: float, y: float, to: float) -> str:
    """From one lane into another."""
    middle = x + BEND / 2
    return f"C{middle:.1f} {y:.1f} {middle:.1f} {to:.1f} {x + BEND:.1f} {to:.1f}"


def _arc(start: tuple[float, float], target: Box, height: float) -> str:
    """Up, over the boxes between, and down on the reader."""
    x, y = start
    over = target.x if target.depth == 0 else target.left + target.thickness / 2 + target.depth / 2
    return (
        f"M{x:.1f} {y:.1f}h4Q{x + 12:.1f} {y:.1f} {x + 12:.1f} {y - 8:.1f}V{height + 8:.1f}"
        f"q0 -8 8 -8H{over - 8:.1f}q8 0 8 8V{target.top:.1f}"
    )


def _turn(layout: Layout, before: Stretch, after: Stretch, between: float) -> str:
    """From the end of a row to the beginning of the next, through the gap between them."""
    box = layout.boxes[before.exit]
    x, y = after.port
    side = max(box.right + 8, box.x + box.width / 2) + 16
    return (
        f"M{box.right:.1f} {box.y:.1f}H{side - 6:.1f}Q{side:.1f} {box.y:.1f} {side:.1f} "
        f"{box.y + 6:.1f}V{between - 6:.1f}q0 6 -6 6H{x - 2:.1f}q-8 0 -8 8V{y - 8:.1f}q0 8 8 8"
        f"H{x:.1f}"
    )
