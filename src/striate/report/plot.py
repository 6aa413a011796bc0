"""The ground every chart stands on: scales, ticks, axes and the described SVG around them."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from striate.report.markup import Content, Markup, tag

Format = Callable[[float], str]


@dataclass(frozen=True)
class Scale:
    """A straight map from [low, high] in data to [start, end] in pixels."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        part = (value - self.low) / (self.high - self.low or 1.0)
        return self.start + min(max(part, 0.0), 1.0) * (self.end - self.start)

    def ticks(self, most: int = 5) -> list[float]:
        """Round numbers (1, 2, 2.5 or 5 times a power of ten) within the range."""
        step = round_step((self.high - self.low) / most)
        first = math.ceil(self.low / step - 1e-9)
        return [k * step for k in range(first, math.floor(self.high / step + 1e-9) + 1)]


def round_step(rough: float) -> float:
    """The smallest round number that is at least `rough`.

    >>> round_step(0.13), round_step(3)
    (0.2, 5.0)
    """
    if not rough > 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    fits = [m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * (1 - 1e-9)]
    return float(f"{fits[0]:.3g}")


def widened(values: Sequence[float], *, floor: float | None = None) -> tuple[float, float]:
    """Round ends of an axis that holds all values."""
    low, high = min(values), max(values)
    if floor is not None:
        low = floor
    step = round_step((high - low or abs(high) or 1.0) / 8)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return first * step, max(last, first + 1) * step


@dataclass(frozen=True)
class Plot:
    """A rectangle of paper with an x and a y axis, in pixels of the SVG."""

    width: int
    height: int
    x: Scale
    y: Scale

    @classmethod
    def of(
        cls,
        xs: tuple[float, float],
        ys: tuple[float, float],
        *,
        size: tuple[int, int] = (300, 210),
        margins: tuple[int, int, int, int] = (14, 14, 40, 46),  # top, right, bottom, left
    ) -> "Plot":
        """Room for the axes inside `size` (width, height)."""
        (width, height), (top, right, bottom, left) = size, margins
        x, y = Scale(*xs, left, width - right), Scale(*ys, height - bottom, top)
        return cls(width, height, x, y)

    def axes(self, x_title: str, y_title: str, x_format: Format, y_format: Format) -> Markup:
        """Hairlines for y, ticks for x, and what both mean."""
        left, right, bottom, top = self.x.start, self.x.end, self.y.start, self.y.end
        rows = [
            (
                tag("line", class_="grid", x1=left, x2=right, y1=self.y(v), y2=self.y(v)),
                tag("text", y_format(v), class_="tick end", x=left - 7, y=self.y(v) + 3.5),
            )
            for v in self.y.ticks()
        ]
        columns = [
            (
                tag("line", class_="axis", x1=self.x(v), x2=self.x(v), y1=bottom, y2=bottom + 4),
                tag("text", x_format(v), class_="tick middle", x=self.x(v), y=bottom + 16),
            )
            for v in self.x.ticks()
        ]
        return tag(
            "g",
            rows,
            tag("line", class_="axis", x1=left, x2=right, y1=bottom, y2=bottom),
            columns,
            tag("text", x_title, class_="name end", x=right, y=bottom + 32),
            tag("text", y_title, class_="name", x=0, y=top - 10) if y_title else None,
            aria_hidden="true",
        )

    def path(self, xs: Sequence[float], ys: Sequence[float]) -> str:
        """The points joined by straight lines, as path data; runs of one place are merged."""
        places = [f"{self.x(x):.1f} {self.y(y):.1f}" for x, y in zip(xs, ys, strict=True)]
        kept = [p for i, p in enumerate(places) if i == 0 or p != places[i - 1]]
        return "M" + "L".join(kept)

    def drawn(self, key: str, title: str, description: str, *marks: Content) -> Markup:
        """The whole picture with its name and description for those who do not see it."""
        return drawing(key, (self.width, self.height), title, description, *marks)


def drawing(
    key: str, size: tuple[float, float], title: str, description: str, *marks: Content
) -> Markup:
    """An SVG with title and description; `key` must be unique in the page."""
    return tag(
        "svg",
        tag("title", title, id=f"{key}-title"),
        tag("desc", description, id=f"{key}-desc"),
        *marks,
        class_="chart",
        viewBox=f"0 0 {size[0]:g} {size[1]:g}",
        width=float(size[0]),
        height=float(size[1]),
        role="img",
        aria_labelledby=f"{key}-title",
        aria_describedby=f"{key}-desc",
    )


def spread(places: Sequence[float], gap: float, most: float) -> list[float]:
    """Move labels apart, order kept, so that none is closer than `gap` to the next or past `most`.

    >>> spread([10, 12, 40], gap=8, most=44)
    [10, 18, 40]
    >>> spread([39, 40], gap=8, most=44)
    [36, 44]
    """
    order = sorted(range(len(places)), key=lambda i: places[i])
    moved = list(places)
    for before, after in pairwise(order):
        moved[after] = max(moved[after], moved[before] + gap)
    for after in reversed(order):
        moved[after] = min(moved[after], most)
        most = moved[after] - gap
    return moved
