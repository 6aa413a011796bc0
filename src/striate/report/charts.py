"""The charts of the page. Each says in its title and description what it shows, and no meaning
rests on colour alone: lines are dashed differently and named where they end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from striate.report.markup import Content, Markup, tag
from striate.report.plot import Format, Plot, Scale, drawing, round_step, spread, widened
from striate.report.words import count, finite, number, percent


@dataclass(frozen=True)
class Line:
    """One series; `style` is its class: it sets colour, dash and weight."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    style: str


def series(key: str, title: str, lines: Sequence[Line], best: float | None, show: Format) -> Markup:
    """Lines over epochs with their names and last values at the right, the best epoch marked."""
    values = [y for line in lines for y in line.y]
    epochs = [x for line in lines for x in line.x]
    low, high = widened(values)
    plot = Plot.of((min(epochs), max(epochs)), (low, high), margins=(26, 68, 40, 46))
    ends = spread([plot.y(line.y[-1]) for line in lines], 28, plot.y.start - 17)
    marks: list[Content] = [plot.axes("epoch", title, _whole, show)]
    if best is not None and len(set(epochs)) > 1:
        x = plot.x(best)
        marks.append(tag("line", class_="best", x1=x, x2=x, y1=plot.y.start, y2=plot.y.end))
        marks.append(tag("text", "best", class_="tick middle", x=x, y=plot.y.end - 4))
    for line, end in zip(lines, ends, strict=True):
        marks.append(tag("path", class_=f"line {line.style}", d=plot.path(line.x, line.y)))
        if len(line.x) == 1:
            place = {"cx": plot.x(line.x[0]), "cy": plot.y(line.y[0])}
            marks.append(tag("circle", class_=f"dot {line.style}", r=3, **place))
        said = [line.name, show(line.y[-1])] if line.name else [show(line.y[-1])]
        for row, words in enumerate(said):
            place = {"x": plot.x.end + 7, "y": end + 4 + 13 * row}
            marks.append(tag("text", words, class_=f"label {line.style}", **place))
    trend = "; ".join(f"{line.name} from {show(line.y[0])} to {show(line.y[-1])}" for line in lines)
    return plot.drawn(key, f"{title} by epoch", f"{trend}.", *marks)


def _whole(value: float) -> str:
    return count(value) if value == int(value) else ""


def unit_square(
    key: str, title: str, axes: tuple[str, str], lines: Sequence[Line], *, diagonal: bool = False
) -> Markup:
    """Curves on the unit square; the labels of highlighted lines stand in a legend beneath."""
    plot = Plot.of((0, 1), (0, 1), size=(300, 276), margins=(26, 14, 40, 46))
    marks: list[Content] = [plot.axes(axes[0], axes[1], _whole_percent, _whole_percent)]
    if diagonal:
        marks.append(tag("path", class_="guide", d=plot.path((0, 1), (0, 1))))
    marks += [
        tag(
            "path",
            tag("title", line.name),
            class_=f"line {line.style}",
            d=plot.path(line.x, line.y),
        )
        for line in lines
    ]
    said = "; ".join(line.name for line in lines if line.style != "faint")
    return plot.drawn(key, title, f"{said}.", *marks)


def _whole_percent(value: float) -> str:
    return percent(value, 0)


def legend(lines: Sequence[Line]) -> Markup:
    """A sample of each line's stroke beside its name."""
    items = [
        tag(
            "li",
            tag(
                "svg",
                tag("path", class_=f"line {line.style}", d="M0 6H28"),
                class_="sample",
                viewBox="0 0 28 12",
                aria_hidden="true",
            ),
            line.name,
        )
        for line in lines
    ]
    return tag("ul", items, class_="legend")


def reliability(key: str, title: str, bins: Sequence[Mapping[str, Any]]) -> Markup:
    """Share right by stated confidence with its interval; below, how many images per bin."""
    plot = Plot.of((0, 1), (0, 1), size=(300, 276), margins=(26, 14, 40, 46))
    filled = [b for b in bins if b.get("n") and finite(b.get("accuracy")) is not None]
    marks: list[Content] = [
        plot.axes("stated confidence", "share right", _whole_percent, _whole_percent),
        tag("path", class_="guide", d=plot.path((0, 1), (0, 1))),
        [_bin(plot, each) for each in filled],
    ]
    said = "; ".join(
        f"{percent(b['confidence'], 0)} sure, {percent(b['accuracy'], 0)} right, n {b['n']}"
        for b in filled
    )
    square = plot.drawn(key, title, f"{said}.", *marks)
    return Markup(square + _histogram(f"{key}-n", filled))


def _bin(plot: Plot, each: Mapping[str, Any]) -> Markup:
    x, y = plot.x(each["confidence"]), plot.y(each["accuracy"])
    low, high = finite(each.get("low")), finite(each.get("high"))
    said = (
        f"{percent(each['confidence'])} sure, {percent(each['accuracy'])} right "
        f"({count(each['n'])} images)"
    )
    whisker = None
    if low is not None and high is not None:
        whisker = tag("line", class_="whisker", x1=x, x2=x, y1=plot.y(low), y2=plot.y(high))
    return tag("g", tag("title", said), whisker, tag("circle", class_="dot", cx=x, cy=y, r=3.5))


def _histogram(key: str, bins: Sequence[Mapping[str, Any]]) -> Markup:
    plot = Plot.of((0, 1), (0, 1), size=(300, 72), margins=(24, 14, 6, 46))
    most = max((b["n"] for b in bins), default=1)
    bars = []
    for each in bins:
        x, top = plot.x(each["confidence"]), plot.y(each["n"] / most)
        size = {"x": x - 5, "y": top, "width": 10, "height": max(plot.y.start - top, 1.0)}
        said = f"{count(each['n'])} images at {percent(each['confidence'])}"
        bars.append(tag("rect", tag("title", said), class_="bar", **size))
    left, right, bottom = plot.x.start, plot.x.end, plot.y.start
    return drawing(
        key,
        (plot.width, plot.height),
        "Images by stated confidence",
        "; ".join(f"{percent(b['confidence'], 0)}: {b['n']}" for b in bins) + ".",
        tag("line", class_="axis", x1=left, x2=right, y1=bottom, y2=bottom),
        tag("text", count(most), class_="tick end", x=left - 7, y=plot.y.end + 4),
        tag("text", "images", class_="name", x=0, y=plot.y.end - 14),
        *bars,
    )


def ruler(
    estimate: Mapping[str, Any], scale: Scale, said: str, show: Format, *, ends: bool = True
) -> Markup:
    """An interval as a thick bar on a thin axis, the value as a tall tick."""
    value = scale(estimate["value"])
    low, high = finite(estimate.get("low")), finite(estimate.get("high"))
    bar = None
    if low is not None and high is not None:
        width = max(scale(high) - scale(low), 1.5)
        bar = tag("rect", class_="interval", x=scale(low), y=7, width=width, height=6, rx=1)
    marks: list[Content] = [
        tag("line", class_="axis", x1=scale.start, x2=scale.end, y1=10, y2=10),
        bar,
        tag("line", class_="value", x1=value, x2=value, y1=3, y2=17),
    ]
    if ends:
        marks.append(tag("text", show(scale.low), class_="tick", x=scale.start, y=29))
        marks.append(tag("text", show(scale.high), class_="tick end", x=scale.end, y=29))
    width, height = scale.end + scale.start, 32 if ends else 20
    return tag(
        "svg",
        *marks,
        class_="ruler",
        viewBox=f"0 0 {width:g} {height}",
        width=width,
        height=height,
        role="img",
        aria_label=said,
    )


def ruler_scale(estimates: Sequence[Mapping[str, Any]], width: float, *, unit: bool) -> Scale:
    """One axis for all estimates: up to 1 for shares and scores, from 0 for errors."""
    values = [v for e in estimates for k in ("value", "low", "high") if (v := finite(e.get(k)))]
    if not unit:
        return Scale(min(0.0, *widened([*values, 0.0])), widened([*values, 0.0])[1], 2, width - 2)
    low = min(values, default=0.0)
    step = round_step((1 - low) / 2) if low < 1 else 0.1
    start = 1 - 2 * step if low >= 0 else -1.0
    return Scale(0.0 if low >= 0 and start < 0.3 else start, 1.0, 2, width - 2)


def strokes(right: int, wrong: int, said: str) -> Markup:
    """Test images as strokes: upright where the answer was right, tilted where it was wrong."""
    rows = max(1, -(-(right + wrong) // 90))
    columns = max(1, -(-(right + wrong) // rows))
    gap, row = min(720 // columns, 16), 24
    upright, tilted = [], []
    for i in range(right + wrong):
        x, y = gap * (i % columns) + 4, row * (i // columns) + 3
        if i < right:
            upright.append(f"M{x} {y}v16")
        else:
            tilted.append(f"M{x - 3} {y + 14}l6 -12")
    return tag(
        "svg",
        tag("path", class_="upright", d="".join(upright)) if upright else None,
        tag("path", class_="tilted", d="".join(tilted)) if tilted else None,
        class_="strokes",
        viewBox=f"0 0 720 {rows * row}",
        role="img",
        aria_label=said,
    )


def scatter(key: str, title: str, xs: Sequence[float], ys: Sequence[float]) -> Markup:
    """Predicted against true values on one common scale, with the line of perfect answers."""
    ends = widened([*xs, *ys])
    plot = Plot.of(ends, ends, size=(380, 380), margins=(26, 14, 40, 56))
    dots = [
        tag("circle", class_="speck", cx=plot.x(x), cy=plot.y(y), r=2.5)
        for x, y in zip(xs, ys, strict=False)
    ]
    return plot.drawn(
        key,
        title,
        f"{len(xs)} images from {number(min(xs))} to {number(max(xs))}.",
        plot.axes("true", "predicted", number, number),
        tag("path", class_="guide", d=plot.path(ends, ends)),
        *dots,
    )
