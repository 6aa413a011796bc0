"""The zoo for a person: the table of architectures, and one's story."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from striate.shapes import Shape, written

BAR = 12  # characters of the widest stage


@dataclass(frozen=True)
class Entry:
    """One architecture in the catalogue.

    Args:
        weights: numbers that are trained, auxiliary heads included.
        multiply_adds: for one image of `image_size`.
        receptive_field: pixels; None where a unit sees the whole image.
        top5: error in its day, percent; `top5_of` says on which set and how.
        accuracy: top-1 of the published weights that `zoo pull` fetches, percent.
        sources: who published weights.
    """

    name: str
    family: str
    year: int
    task: str
    image_size: int
    smallest: int
    weights: int
    multiply_adds: int
    receptive_field: int | None
    top5: float | None
    top5_of: str
    accuracy: float | None
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Stage:
    """A part of a network, with what it gives, holds, costs and sees."""

    name: str
    output_shape: Shape | None
    weights: int
    multiply_adds: int
    receptive_field: tuple[int, ...] | None


def print_catalogue(entries: Sequence[Entry], console: Console) -> None:
    """The architectures as a table, and what its columns mean."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("name", no_wrap=True)
    for title in ("year", "image", "weights", "multiply-adds", "sees", "top-5 error", "top-1"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("published by", no_wrap=True)
    for entry in entries:
        table.add_row(
            entry.name,
            str(entry.year),
            str(entry.image_size),
            magnitude(entry.weights),
            magnitude(entry.multiply_adds),
            "all" if entry.receptive_field is None else str(entry.receptive_field),
            "" if entry.top5 is None else f"{entry.top5:.2f} %",
            "" if entry.accuracy is None else f"{entry.accuracy:.1f} %",
            ", ".join(entry.sources),
        )
    console.print(table)
    console.print(
        f"{len(entries)} architectures. sees: pixels of the image that one unit of the last map "
        "sees along an axis. top-5 error: on ILSVRC in its day. top-1: accuracy of the published "
        "weights. Next: striate zoo NAME, striate zoo pull NAME",
        style="dim",
    )


def print_story(entry: Entry, story: str, stages: Sequence[Stage], console: Console) -> None:
    """One architecture: title, story, facts, and its stages drawn as bars."""
    title = Text(f"{entry.name} ({entry.year})", style="bold")
    console.print(Group(title, Text(), Text(story), Text(), _facts(entry), Text(), _bars(stages)))
    console.print(
        "Bars: width and height of the map by their logarithm; shade: its channels. "
        f"Every layer: striate summary {entry.name}; as a picture: --svg FILE",
        style="dim",
    )


def _facts(entry: Entry) -> RenderableType:
    sees = "the whole image"
    if entry.receptive_field is not None:
        sees = f"{entry.receptive_field}×{entry.receptive_field} pixels"
    facts = {
        "images": f"{entry.image_size}×{entry.image_size}; at least {entry.smallest} a side",
        "weights": f"{entry.weights:,}",
        "multiply-adds": f"{entry.multiply_adds:,}",
        "a unit sees": sees,
    }
    if entry.top5 is not None:
        facts["ILSVRC top-5 error"] = f"{entry.top5} % ({entry.top5_of})"
    if entry.sources:
        facts["published weights"] = ", ".join(entry.sources)
    table = Table.grid(padding=(0, 2))
    for name, value in facts.items():
        table.add_row(Text(name, style="dim"), value)
    return table


def _bars(stages: Sequence[Stage]) -> RenderableType:
    """A table of the stages; each one's map is a bar that narrows as the map shrinks."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("stage", no_wrap=True)
    table.add_column("map", no_wrap=True)
    for name in ("gives", "weights", "multiply-adds", "sees"):
        table.add_column(name, justify="right", no_wrap=True)
    for stage in stages:
        field = stage.receptive_field
        table.add_row(
            stage.name.partition(".")[2] or stage.name,
            _bar(stage.output_shape),
            "" if stage.output_shape is None else written(stage.output_shape),
            magnitude(stage.weights) if stage.weights else "",
            magnitude(stage.multiply_adds) if stage.multiply_adds else "",
            "" if field is None else "×".join(map(str, dict.fromkeys(field))),
        )
    return table


def _bar(shape: Shape | None) -> str:
    if not shape:
        return ""
    side = max(shape[:-1]) if len(shape) > 1 else 1
    shade = "░▒▓█"[min(int(math.log2(max(shape[-1], 1)) / 3), 3)]
    length = max(round(BAR * math.log2(side + 1) / 9), 1)
    return (shade * min(length, BAR)).center(BAR)


def magnitude(number: int) -> str:
    """A count as people say it.

    >>> magnitude(11_689_512), magnitude(1_814_073_344), magnitude(61_706)
    ('11.7 M', '1.8 G', '61.7 k')
    """
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return str(number)
