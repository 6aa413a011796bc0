"""What was measured, kept as JSON, one file per row; and as a page that people read."""

import json
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.medians import (
    Spread,
    best,
    compared,
    equal_within_intervals,
    interval,
    ratio,
    spread,
)
from benchmarks.picture import Line, draw
from benchmarks.race import Raced
from benchmarks.row import Contestant, Figure, Row

FOLDER = Path(__file__).parent
KEPT = FOLDER / "results"
QUIET = 0.05  # the share of the machine that others may take
ABOUT = """# Side by side

Written by `python -m benchmarks`; what was tried and why is in NOTES.md. Every contestant runs in
a process of its own, in turn (A B C, A B C, …), with equal threads, passive waiting, an empty home
and empty caches. Figures are medians, in brackets the quartiles; less is better. A ratio is ours
to theirs, of pairs that ran next to each other; within 2 % of 1 it is a tie.
"""
GPU = """## On a GPU

Not measured: CIFAR-10 to 94 %, images/s of ResNet-50, latency with CUDA graphs.
"""


def keep(raced: Raced, machine: dict[str, Any]) -> None:
    KEPT.mkdir(exist_ok=True)
    record = {"machine": machine, **raced.to_json()}
    (KEPT / f"{raced.row}.json").write_text(json.dumps(record, indent=1))


def kept(row: Row) -> tuple[Raced, dict[str, Any]] | None:
    file = KEPT / f"{row.name}.json"
    if not file.is_file():
        return None
    record = json.loads(file.read_text())
    machine = record.pop("machine")
    return Raced(**record), machine


def write_page(rows: Sequence[Row], told: dict[str, str]) -> Path:
    """RESULTS.md and results.svg, from all that is kept; the page's path.

    Args:
        told: title -> text of the benchmarks that print a table of their own.
    """
    parts, lines = [ABOUT], []
    for row in rows:
        record = kept(row)
        if record is None:
            parts.append(f"## {row.title} (`{row.name}`)\n\nNot measured.\n")
            continue
        raced, machine = record
        parts.append(section(row, raced, machine))
        for figure in row.figures:
            if passes(row, raced, row.ours) and (found := ratios(row, raced, figure)):
                peer = best_peer(raced, figure, found)
                lines.append(Line(f"{row.name}: {figure.title}", found, peer, figure.target))
    if lines:
        draw(lines, FOLDER / "results.svg")
        parts.insert(1, "![ratios](results.svg)\n")
    parts.append(GPU)
    parts += [f"## {title}\n\n```\n{text}\n```\n" for title, text in told.items()]
    page = FOLDER / "RESULTS.md"
    page.write_text("\n".join(parts))
    return page


def section(row: Row, raced: Raced, machine: dict[str, Any]) -> str:
    """A row as Markdown: the conditions, a table, and a sentence about each aim."""
    names = [each for each in row.contestants if raced.runs.get(each.name)]
    figures = [each for each in row.figures if any(raced.values(n.name, each.key) for n in names)]
    heads = [f"{figure.title} ({figure.unit})" for figure in figures]
    lines = [f"## {row.title} (`{row.name}`)", "", conditions(raced, machine), ""]
    lines += [
        "| | " + " | ".join([*heads, "CPU (s)", "accuracy"]) + " |",
        "|---" * (len(figures) + 3) + "|",
    ]
    for each in names:
        cells = [cell(raced.values(each.name, one.key), one.scale) for one in figures]
        cells += [cell(raced.values(each.name, "cpu")), accuracy(row, raced, each)]
        lines.append(f"| {each.name} | " + " | ".join(cells) + " |")
    lines += ["", *(f"- {aim(row, raced, figure, machine)}" for figure in figures)]
    if row.test_images:
        lines.append(f"- {accuracies_compared(row, raced)}")
    lines += [
        f"- **{name} failed**: {why.splitlines()[-1]}" for name, why in raced.failures.items()
    ]
    return "\n".join([*lines, *([f"- {row.note}"] if row.note else []), ""])


def conditions(raced: Raced, machine: dict[str, Any]) -> str:
    ceilings = machine["ceilings"]
    said = (
        f"{machine['processor']}, {raced.threads} threads; {raced.pairs} rounds"
        f"{', quick' if raced.quick else ''}. Ceilings: products "
        f"{ceilings['product_gflops']:.0f} GFLOP/s, 3×3 convolutions "
        f"{ceilings['convolution_gflops']:.0f} GFLOP/s, memory {ceilings['memory_gbs']:.0f} GB/s. "
        f"Others took {raced.disturbance:.0%} of the machine."
    )
    return said + (" **Too busy to be believed.**" if raced.disturbance > QUIET else "")


def cell(values: Sequence[float], scale: float = 1) -> str:
    return told(spread([value * scale for value in values])) if values else ""


def told(found: Spread) -> str:
    """The median and, of several values, the quartiles."""
    if found.low == found.high:
        return number(found.median)
    return f"{number(found.median)} ({number(found.low)}–{number(found.high)})"


def number(value: float) -> str:
    """Three digits.

    >>> number(0.01234), number(1234.5), number(0.5)
    ('0.0123', '1,234', '0.5')
    """
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def accuracy(row: Row, raced: Raced, contestant: Contestant) -> str:
    values = raced.values(contestant.name, "accuracy")
    if not values:
        return ""
    said = f"{statistics.mean(values):.1%}"
    if row.test_images:
        low, high = interval(statistics.mean(values), row.test_images)
        said += f" ({low:.1%}–{high:.1%})"
    return said + ("" if passes(row, raced, contestant) else " below the gate")


def passes(row: Row, raced: Raced, contestant: Contestant) -> bool:
    values = raced.values(contestant.name, "accuracy")
    return row.gate is None or not values or statistics.median(values) >= row.gate


def ratios(row: Row, raced: Raced, figure: Figure) -> dict[str, Spread]:
    """Ours to every peer that passed the gate."""
    ours = raced.values(row.ours.name, figure.key)
    peers = {
        each.name: raced.values(each.name, figure.key)
        for each in row.contestants
        if not each.ours and passes(row, raced, each)
    }
    return {
        name: ratio(ours, theirs)
        for name, theirs in peers.items()
        if theirs and len(theirs) == len(ours)
    }


def best_peer(raced: Raced, figure: Figure, names: Iterable[str]) -> str:
    return best({name: raced.values(name, figure.key) for name in names})


def aim(row: Row, raced: Raced, figure: Figure, machine: dict[str, Any]) -> str:
    """Ours beside the best peer, in a sentence, and whether what was aimed at was reached."""
    ours = raced.values(row.ours.name, figure.key)
    if not ours:
        return f"{figure.title}: ours not measured."
    if not passes(row, raced, row.ours):
        return f"{figure.title}: **ours is below the gate**, so nothing is compared."
    found, said = ratios(row, raced, figure), [f"{figure.title}:"]
    if found:
        peer = best_peer(raced, figure, found)
        to_best = found[peer]
        said.append(f"{told(to_best)} of the best peer, {peer}: {compared(to_best.median)}.")
        if figure.target is not None:
            reached = "reached" if to_best.median <= figure.target else "**missed**"
            said.append(f"Aim ≤ {number(figure.target)}: {reached}.")
    if figure.limit is not None:
        reached = "reached" if spread(ours).median <= figure.limit else "**missed**"
        said.append(f"Aim ≤ {figure.limit:g} {figure.unit}: {reached}.")
    if figure.operations is not None:
        rate = figure.operations / spread(ours).median / 1e9
        ceilings = machine["ceilings"]
        share = rate / max(ceilings["product_gflops"], ceilings["convolution_gflops"])
        said.append(f"Ours does {rate:.0f} GFLOP/s, {share:.0%} of the ceiling.")
    return " ".join(said)


def accuracies_compared(row: Row, raced: Raced) -> str:
    means = {
        each.name: statistics.mean(values)
        for each in row.contestants
        if (values := raced.values(each.name, "accuracy"))
    }
    ours = means.pop(row.ours.name, None)
    if ours is None or row.test_images is None:
        return "Accuracy: ours not measured."
    apart = [
        name
        for name, theirs in means.items()
        if not equal_within_intervals(ours, theirs, row.test_images)
    ]
    if not apart:
        return f"Accuracies are equal within their 95 % intervals ({row.test_images} test images)."
    return f"Accuracy differs beyond the 95 % intervals from: {', '.join(apart)}."
