"""Charts of a comparison of trainings: every seed a dot, and a probe at every stage."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from striate.report.markup import Content, Markup, tag
from striate.report.plot import Format, Plot, Scale, drawing, widened
from striate.report.words import count, finite, percent, shorten

WIDE = 340  # pixels of a chart before it is brought to the width of the page
WAY, STAGE = 46, 22  # pixels of a row
Facts = Mapping[str, Any]


def seed_dots(key: str, ways: Sequence[Facts]) -> Markup:
    """A row a way: a ring for every seed, the mean as a stroke, its interval as a bar."""
    shares = [run["accuracy"] for way in ways for run in way["runs"]]
    ends = [v for way in ways for end in ("low", "high") if (v := finite(way["accuracy"][end]))]
    x = Scale(*_shares_axis([*shares, *ends]), 18, WIDE - 18)
    bottom = 12 + WAY * len(ways)
    marks: list[Content] = [_columns(x, 12, bottom, "test accuracy")]
    said = []
    for row, way in enumerate(ways):
        marks.append(_way(way, x, 12 + WAY * row))
        runs = ", ".join(percent(run["accuracy"]) for run in way["runs"])
        said.append(f"{way['name']}: mean {percent(way['accuracy']['value'])} of {runs}")
    title = "Test accuracy of every training"
    return drawing(key, (WIDE, bottom + 40), title, "; ".join(said) + ".", *marks)


def _way(way: Facts, x: Scale, top: float) -> Markup:
    """Name and mean above, bar, stroke and rings below them."""
    mean, middle = way["accuracy"], top + 28
    low, high = finite(mean["low"]), finite(mean["high"])
    bar = None
    if low is not None and high is not None:
        size = {"x": x(low), "y": middle - 5, "width": max(x(high) - x(low), 1.5), "height": 10}
        bar = tag("rect", class_="interval", rx=1, **size)
    place = x(mean["value"])
    rings = [
        tag(
            "circle",
            tag("title", f"seed {run['seed']}: {percent(run['accuracy'])}"),
            class_="ring",
            cx=x(run["accuracy"]),
            cy=middle + lift,
            r=4,
        )
        for run, lift in zip(way["runs"], _apart(way["runs"], x), strict=True)
    ]
    return tag(
        "g",
        tag("text", shorten(str(way["name"]), 34), class_="label clear", x=x.start, y=top + 14),
        tag("text", percent(mean["value"]), class_="label end clear", x=x.end, y=top + 14),
        bar,
        tag("line", class_="value", x1=place, x2=place, y1=middle - 9, y2=middle + 9),
        rings,
    )


def _apart(runs: Sequence[Facts], x: Scale) -> list[float]:
    """How far each ring is moved up or down so that equal accuracies can all be seen."""
    taken: dict[int, int] = {}
    lifts = []
    for run in runs:
        cell = round(x(run["accuracy"]) / 6)
        number = taken.get(cell, 0)
        taken[cell] = number + 1
        lifts.append((-1) ** number * 5.0 * math.ceil(number / 2))
    return [max(-10.0, min(10.0, lift)) for lift in lifts]


def differences(key: str, reference: str, rows: Sequence[Facts]) -> Markup:
    """How far the other ways lie from `reference`, in percentage points, with the line of none."""
    ends = [100 * (finite(row[end]) or 0.0) for row in rows for end in ("low", "value", "high")]
    x = Scale(*widened([*ends, 0.0]), 18, WIDE - 18)
    bottom = 12 + WAY * len(rows)
    marks: list[Content] = [_columns(x, 12, bottom, f"points against {reference}", _tick)]
    said = []
    for number, row in enumerate(rows):
        top, value = 12 + WAY * number, 100 * row["value"]
        verdict = "shown" if row["shown"] else "may be chance"
        low, high = (100 * (finite(row[end]) or 0.0) for end in ("low", "high"))
        bar = {"x": x(low), "y": top + 23, "width": max(x(high) - x(low), 1.5), "height": 10}
        place = {"x1": x(value), "x2": x(value), "y1": top + 19, "y2": top + 37}
        marks.append(
            tag("text", shorten(str(row["name"]), 30), class_="label clear", x=18, y=top + 14)
        )
        words = f"{points(value)}, {verdict}"
        marks.append(tag("text", words, class_="label end clear", x=x.end, y=top + 14))
        marks.append(tag("line", class_="axis", x1=x(0), x2=x(0), y1=top + 18, y2=top + 40))
        marks.append(tag("rect", class_="interval", rx=1, **bar))
        marks.append(tag("line", class_="value", **place))
        said.append(f"{row['name']}: {points(value)} ({points(low)} to {points(high)}), {verdict}")
    title = f"Difference in test accuracy against {reference}"
    return drawing(key, (WIDE, bottom + 40), title, "; ".join(said) + ".", *marks)


def stage_probe(key: str, probe: Facts) -> Markup:
    """A row a stage from the image to the answer: learnt weights solid, random ones dashed."""
    stages = list(probe["stages"])
    names = [shorten(str(stage["stage"]), 14) for stage in stages]
    left = 12 + 6.2 * max(map(len, names))
    kinds = ("pretrained", "random")
    shares = [stage[kind][end] for stage in stages for kind in kinds for end in ("low", "high")]
    x = Scale(*_shares_axis([*shares, probe["chance"]]), left, WIDE - 16)
    bottom = 26 + STAGE * len(stages)
    places = [26 + STAGE * (row + 0.5) for row in range(len(stages))]
    chance = x(probe["chance"])
    marks: list[Content] = [
        _columns(x, 26, bottom, "validation accuracy of a linear probe"),
        tag("line", class_="guide", x1=chance, x2=chance, y1=22, y2=bottom),
        tag("text", "chance", class_="tick middle", x=max(chance, left + 18), y=16),
    ]
    for name, y in zip(names, places, strict=True):
        marks.append(tag("text", name, class_="label end", x=left - 10, y=y + 4))
    for kind, style, shift in (("random", "s2", 3), ("pretrained", "s1", -3)):
        points = [
            (x(stage[kind]["value"]), y + shift) for stage, y in zip(stages, places, strict=True)
        ]
        path = "M" + "L".join(f"{across:.1f} {down:.1f}" for across, down in points)
        marks.append(tag("path", class_=f"line {style}", d=path))
        for stage, (across, down) in zip(stages, points, strict=True):
            marks.append(_spread(stage, kind, style, x, across, down))
    said = "; ".join(
        f"{stage['stage']} {percent(stage['pretrained']['value'])} against "
        f"{percent(stage['random']['value'])}"
        for stage in stages
    )
    title = "Accuracy of a linear probe at every stage, learnt weights against random ones"
    return drawing(key, (WIDE, bottom + 40), title, f"{said}.", *marks)


def _spread(stage: Facts, kind: str, style: str, x: Scale, across: float, down: float) -> Markup:
    found = stage[kind]
    words = "learnt" if kind == "pretrained" else "random"
    told = f"{stage['stage']}, {words}: {percent(found['value'])}"
    ends = f"{percent(found['low'])}–{percent(found['high'])}"
    d = f"M{x(found['low']):.1f} {down:.1f}H{x(found['high']):.1f}"
    return tag(
        "g",
        tag("title", f"{told} ({ends})"),
        tag("path", class_=f"thin {style}", d=d),
        tag("circle", class_=style, cx=across, cy=down, r=3.2),
    )


def courses(key: str, way: Facts, top: tuple[float, float]) -> Markup | None:
    """Validation accuracy over epochs, one line a seed; `top` are the ends of the common axis."""
    lines = [run["history"] for run in way["runs"] if len(run["history"]) > 1]
    if not lines:
        return None
    last = max(row["epoch"] for line in lines for row in line)
    plot = Plot.of((min(1, last - 1), last), top, size=(300, 190), margins=(26, 14, 40, 46))
    marks: list[Content] = [plot.axes("epoch", "validation accuracy", _whole, _percent)]
    for line in lines:
        epochs, values = [row["epoch"] for row in line], [row["val_accuracy"] for row in line]
        marks.append(tag("path", class_="line s1", d=plot.path(epochs, values)))
    ends = ", ".join(percent(line[-1]["val_accuracy"]) for line in lines)
    said = f"{len(lines)} trainings end at {ends}."
    return plot.drawn(key, f"Validation accuracy by epoch: {way['name']}", said, *marks)


def common_axis(ways: Sequence[Facts]) -> tuple[float, float]:
    """One axis of validation accuracy for all ways."""
    shares = [row["val_accuracy"] for way in ways for run in way["runs"] for row in run["history"]]
    return _shares_axis(shares) if shares else (0.0, 1.0)


def points(value: float) -> str:
    """Percentage points with a sign, and 0.0 without one: `+0.3`, `−0.9`."""
    text = f"{abs(value):.1f}"
    return text if float(text) == 0 else f"{'+' if value > 0 else '−'}{text}"


def _percent(value: float) -> str:
    return percent(value, 0)


def _tick(value: float) -> str:
    return points(value).removesuffix(".0")


def _columns(x: Scale, top: float, bottom: float, name: str, show: Format = _percent) -> Markup:
    """Upright hairlines with their values beneath."""
    lines = [
        (
            tag("line", class_="grid", x1=x(v), x2=x(v), y1=top, y2=bottom),
            tag("text", show(v), class_="tick middle", x=x(v), y=bottom + 16),
        )
        for v in x.ticks()
    ]
    title = tag("text", name, class_="name end", x=x.end, y=bottom + 34)
    return tag("g", lines, title, aria_hidden="true")


def _shares_axis(shares: Sequence[float]) -> tuple[float, float]:
    low, high = widened(shares)
    return max(low, 0.0), min(high, 1.0)


def _whole(value: float) -> str:
    return count(value) if value == int(value) else ""
