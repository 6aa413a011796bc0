"""How each class fares, and the ROC and precision–recall curves."""

from collections.abc import Mapping
from typing import Any

from striate.report.charts import Line, legend, ruler, ruler_scale, unit_square
from striate.report.markup import Content, Markup, tag
from striate.report.measures import MEASURES
from striate.report.parts import (
    Report,
    Section,
    folded,
    listing,
    more,
    name,
    section_of,
    table,
)
from striate.report.plot import Scale
from striate.report.words import count, finite, percent, shorten

UNFOLDED, MOST_ROWS = 20, 60
NAMED_CURVES, FAINT_CURVES, POINTS = 3, 24, 120


def per_class(report: Report) -> Section | None:
    """Precision, recall and F1 of every class with intervals, the weakest class first."""
    rows = listing(report, "per_class")
    if not rows:
        return None
    rows = sorted(rows, key=lambda r: (_value(r, "f1"), str(r.get("class"))))
    ranked = "average_precision" if any(_known(r, "average_precision") for r in rows) else "auc"
    keys = [k for k in ("precision", "recall", "f1", ranked) if any(_known(r, k) for r in rows)]
    shown = rows[:MOST_ROWS]
    scale = ruler_scale([r[k] for r in shown for k in keys if _known(r, k)], 76, unit=True)
    cells = [_row(row, keys, scale) for row in shown]
    ends = f"{percent(scale.low, 0)} to {percent(scale.high, 0)}"
    heads = ("Class", "n", *(MEASURES[key].title for key in keys))
    terse = all(len(str(r.get("class"))) <= 4 for r in shown)
    style = "classes terse" if terse else "classes"
    caption = f"Each class, the weakest F1 first. Bars are 95 % intervals on an axis from {ends}."
    body = table(caption, heads, cells[:UNFOLDED], numeric=(1,), class_=style)
    if rest := cells[UNFOLDED:]:
        listed = table(caption, heads, rest, numeric=(1,), class_=style)
        body = Markup(body + folded(f"The next {len(rest)} classes", listed))
    body = Markup(body + more(len(rows) - len(shown)))
    note = [tag("p", tag("b", MEASURES[k].title), ": ", MEASURES[k].plain) for k in keys]
    return Section("classes", "Class by class", body, note)


def _known(row: Mapping[str, Any], key: str) -> bool:
    estimate = row.get(key)
    return isinstance(estimate, Mapping) and finite(estimate.get("value")) is not None


def _value(row: Mapping[str, Any], key: str) -> float:
    return float(row[key]["value"]) if _known(row, key) else 2.0


def _row(row: Mapping[str, Any], keys: list[str], scale: Scale) -> list[Content]:
    label = str(row.get("class"))
    cells: list[Content] = [name(shorten(label, 80)), count(row.get("support") or 0)]
    for key in keys:
        if not _known(row, key):
            cells.append(tag("span", "–", title="not defined for this class"))
            continue
        told = MEASURES[key]
        value = told.show(row[key]["value"])
        said = f"{told.title} {value}, 95 % interval {told.interval(row[key]) or 'unknown'}"
        drawn = ruler(row[key], scale, said, told.show, ends=False)
        cells.append(tag("span", tag("span", value), drawn, class_="measured", title=said))
    return cells


def curves(report: Report) -> Section | None:
    """ROC and precision–recall curves, the weakest classes drawn strong and named."""
    known = section_of(report, "curves")
    charts = [
        _chart("roc", "ROC curve", "auc", "AUC", section_of(known, "roc")),
        _chart(
            "pr", "Precision and recall", "average_precision", "AP",
            section_of(known, "precision_recall"),
        ),
    ]  # fmt: skip
    if not any(charts):
        return None
    note = [
        tag("p", tag("b", "ROC"), ": as the line between yes and no moves, how many images of the "
            "class are found (up) against how many others are let in (right). The corner at the "
            "top left is perfect; the dashed diagonal is guessing."),
        tag("p", tag("b", "Precision and recall"), ": how pure the finds stay while more of the "
            "class is found. Top right is perfect. AP is the average precision."),
    ]  # fmt: skip
    return Section("curves", "Where to draw the line", tag("div", charts, class_="pair"), note)


def _chart(key: str, title: str, area: str, short: str, known: Mapping[str, Any]) -> Markup:
    lines = {c: v for c, v in known.items() if isinstance(v, Mapping) and v.get("x")}
    if not lines:
        return Markup()
    weakest = sorted(lines, key=lambda c: (finite(lines[c].get(area)) or 0.0, c))
    named = weakest if len(lines) <= NAMED_CURVES else weakest[:NAMED_CURVES]
    strong = [
        Line(_label(c, short, area, lines[c]), *_points(lines[c]), f"s{i + 1}")
        for i, c in enumerate(named)
    ]
    others = [c for c in weakest if c not in named]
    faint = [
        Line(_label(c, short, area, lines[c]), *_points(lines[c]), "faint")
        for c in others[:FAINT_CURVES]
    ]
    axes = ("others let in", "found") if key == "roc" else ("found (recall)", "pure (precision)")
    drawn = unit_square(key, title, axes, [*faint, *strong[::-1]], diagonal=key == "roc")
    rest = [Line(_others(len(others), len(faint)), (), (), "faint")] if others else []
    return tag("figure", tag("figcaption", title), drawn, legend([*strong, *rest]))


def _label(label: str, short: str, area: str, curve: Mapping[str, Any]) -> str:
    return f"{shorten(label, 28)}, {short} {MEASURES[area].show(finite(curve.get(area)))}"


def _others(others: int, drawn: int) -> str:
    said = f"{count(others)} stronger {'class' if others == 1 else 'classes'}"
    return said if drawn == others else f"{said}, {drawn} of them drawn"


def _points(curve: Mapping[str, Any]) -> tuple[list[float], list[float]]:
    """At most `POINTS` points, the first and the last among them."""
    pairs = [(x, y) for x, y in zip(curve["x"], curve["y"], strict=False) if _both(x, y)]
    step = max(1, -(-len(pairs) // POINTS))
    kept = pairs[::step]
    if pairs and kept[-1] != pairs[-1]:
        kept.append(pairs[-1])
    return [x for x, _ in kept], [y for _, y in kept]


def _both(x: object, y: object) -> bool:
    return finite(x) is not None and finite(y) is not None
