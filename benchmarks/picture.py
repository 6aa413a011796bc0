"""The ratios as a picture: a line for every figure, a dot for every peer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.medians import Spread

INK, QUIET, BLUE, ORANGE = "#1d2733", "#9aa5b1", "#3b6fb6", "#d9822b"


@dataclass(frozen=True)
class Line:
    """A figure: ours to each peer, the peer that did best, and what is aimed at."""

    title: str
    ratios: Mapping[str, Spread]
    best: str
    target: float | None


def draw(lines: Sequence[Line], file: Path) -> None:
    """Dots left of the line at 1: ours needs less. The best peer is blue and named."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 1.0 + 0.28 * len(lines)), layout="constrained")
    axes = figure.subplots()
    for place, line in enumerate(lines):
        best = line.ratios[line.best]
        others = [to.median for name, to in line.ratios.items() if name != line.best]
        axes.plot(others, [place] * len(others), "o", color=QUIET, markersize=4, alpha=0.7)
        axes.plot([best.low, best.high], [place, place], color=BLUE, linewidth=2)
        axes.plot(best.median, place, "o", color=BLUE, markersize=6)
        right = max([*others, best.high])
        axes.annotate(f"{best.median:.2g}  {line.best}", (right, place), (7, 0), size=7,
                      textcoords="offset points", color=BLUE, va="center")  # fmt: skip
        if line.target is not None:
            axes.plot(line.target, place, "|", color=ORANGE, markersize=12, markeredgewidth=2)
    axes.axvline(1, color=INK, linewidth=1, zorder=0)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_yticks(range(len(lines)), [line.title for line in lines], size=8, color=INK)
    axes.set_ylim(len(lines) - 0.4, -0.6)
    axes.set_xlim(right=axes.get_xlim()[1] * 8)  # room for names
    axes.set_xlabel(
        "ours ÷ theirs, left of 1 is ahead; blue: the best peer, grey: others, orange: the aim",
        size=8,
        color=INK,
    )
    axes.grid(axis="both", color="#eef1f4")
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelsize=8)
    axes.tick_params(which="minor", length=0)
    axes.spines[:].set_visible(False)
    figure.savefig(file)
