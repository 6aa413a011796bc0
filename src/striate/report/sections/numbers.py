"""The opening with its strokes, and the key numbers with their intervals."""

import math
import re

from striate.report.charts import ruler, ruler_scale, strokes
from striate.report.markup import Content, Markup, tag
from striate.report.measures import Measure, estimates, measure
from striate.report.parts import Report, Section
from striate.report.plot import Scale
from striate.report.words import count, sentences

MOST_STROKES = 360


def opening(report: Report) -> Markup:
    """The verdict as the headline, the rest of it as the lead, and the field of strokes."""
    verdict = str(report.get("verdict") or "No verdict yet.").replace(" %", "\u00a0%")
    parts = sentences(verdict) or [""]
    size = "long" if len(parts[0]) > 90 else None
    lead = tag("p", " ".join(parts[1:]), class_="lead") if parts[1:] else None
    return Markup(tag("h1", _headline(parts[0]), class_=size) + Markup(lead or "") + _field(report))


def _headline(sentence: str) -> Content:
    """The sentence with what stands in brackets at its end set small."""
    found = re.fullmatch(r"(.+?) (\([^()]*\)[.!?])", sentence)
    if found is None:
        return sentence
    return [found[1], " ", tag("small", found[2])]


def _field(report: Report) -> Markup:
    """One stroke per test image, or per so many when there are more than fit."""
    known = estimates(report.get("metrics"))
    estimate = known.get("accuracy") or known.get("exact_match")
    n = int((estimate or {}).get("n") or 0)
    if not estimate or not n:
        return Markup()
    wrong = round((1 - estimate["value"]) * n)
    each = max(1, math.ceil(n / MOST_STROKES))
    tilted = math.ceil(wrong / each)
    upright = math.ceil(n / each) - tilted
    unit = "One stroke is one test image" if each == 1 else f"One stroke is {each} test images"
    said = f"{unit}: {count(n - wrong)} upright were answered right, {count(wrong)} tilted wrong."
    return tag("figure", strokes(upright, tilted, said), tag("figcaption", said), class_="field")


def numbers(report: Report) -> Section | None:
    """Every metric with its interval drawn, its n, and what it says in plain language."""
    known = estimates(report.get("metrics"))
    if not known:
        return None
    shared = [e for key, e in known.items() if _on_shared_axis(measure(key))]
    axis = ruler_scale(shared, 240, unit=True)
    items = []
    for key, estimate in known.items():
        row = measure(key)
        scale = axis if _on_shared_axis(row) else ruler_scale([estimate], 240, unit=False)
        items.append(_card(row, estimate, scale))
    note = tag(
        "p",
        "The thick bar is the 95 % interval: with other test images of the same kind, the number "
        "would most likely fall inside it. A short bar means a sure number.",
    )
    return Section("numbers", "The numbers", tag("dl", items, class_="numbers"), note, wide=True)


def _on_shared_axis(row: Measure) -> bool:
    return row.better == "high" and row.unit in ("fraction", "score")


def _card(row: Measure, estimate: dict[str, float], scale: Scale) -> Markup:
    value, between = row.show(estimate["value"]), row.interval(estimate)
    n = int(estimate.get("n") or 0)
    said: list[str] = []
    if between:
        said.append(f"95 % interval {between}")
    if n:
        said.append(f"n = {count(n)}")
    lower = "Lower is better. " if row.better == "low" else ""
    alt = f"{row.title} {value}, {', '.join(said)}, on an axis from {row.show(scale.low)} to "
    return tag(
        "div",
        tag("dt", row.title),
        tag("dd", value, class_="figure"),
        tag("dd", ruler(estimate, scale, alt + row.show(scale.high), row.end)),
        tag("dd", " · ".join(said), class_="between"),
        tag("dd", lower + row.plain, class_="plain") if row.plain else None,
    )
