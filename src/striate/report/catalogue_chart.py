"""The zoo as a picture: accuracy over work."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from striate.files import write_atomic
from striate.report.catalogue import Entry, magnitude

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.transforms import Bbox

COLOURS = ("#3567b0", "#c0571b", "#2f8a5b", "#8a4fb0", "#a8862a", "#b03a5b", "#2c8a9a", "#5b6770")
MARKERS = "osD^vPX*"
PLACES = (  # of a label beside its dot: offset in points and alignment
    (3, 0, "left", "center"),
    (-3, 0, "right", "center"),
    (0, 2, "center", "bottom"),
    (0, -2, "center", "top"),
    (5, 5, "left", "bottom"),
    (5, -5, "left", "top"),
    (-5, 5, "right", "bottom"),
    (-5, -5, "right", "top"),
    (12, 12, "left", "bottom"),
    (12, -12, "left", "top"),
    (-12, 12, "right", "bottom"),
    (-12, -12, "right", "top"),
)


def draw_catalogue(entries: Sequence[Entry], path: Path) -> None:
    """A dot for every architecture with published weights: accuracy over multiply-adds.

    The area of a dot is the number of weights; the dashed line joins those that no other beats
    with the same work or less. PNG, SVG or PDF, by the ending of `path`.

    Raises:
        FileError: the folder cannot be written.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure  # here, since it takes half a second

    known = [entry for entry in entries if entry.accuracy is not None]
    with rc_context({"font.family": "sans-serif", "svg.hashsalt": "striate"}):
        figure = Figure(figsize=(11.5, 7.4), dpi=130, layout="constrained")
        axes = figure.add_subplot()
        axes.set_xscale("log")
        axes.margins(x=0.1, y=0.06)
        axes.set_xlabel("multiply-adds for one image", fontsize=11)
        axes.set_ylabel("top-1 accuracy of the published weights", fontsize=11)
        axes.xaxis.set_major_formatter(lambda value, _: magnitude(round(value)).replace(".0", ""))
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0f} %")
        axes.grid(visible=True, which="major", color="#e3e7ea", linewidth=0.8)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_axisbelow(True)
        axes.set_title(
            "ILSVRC 2012: accuracy over work. Area: number of weights. "
            "Dashed: nobody is better with less work.",
            loc="left",
            fontsize=11,
        )
        _best(axes, known)
        styles = _styles(known)
        for entry in known:
            _dot(axes, entry, *styles[entry.family])
        figure.draw_without_rendering()  # so that places in data and on paper are known
        taken = [_around(axes, entry) for entry in known]
        for entry in sorted(known, key=lambda each: -(each.accuracy or 0.0)):
            _label(axes, entry, styles[entry.family][0], taken)
        content = BytesIO()
        figure.savefig(content, format=path.suffix.lstrip(".").lower())
    write_atomic(path, content.getvalue())


def _styles(known: Sequence[Entry]) -> dict[str, tuple[str, str]]:
    """Colour and marker of every family."""
    families = [*dict.fromkeys(entry.family for entry in known)]
    return {
        family: (COLOURS[n % len(COLOURS)], MARKERS[n // len(COLOURS) % len(MARKERS)])
        for n, family in enumerate(families)
    }


def _area(entry: Entry) -> float:
    """Of its dot, in square points."""
    return entry.weights / 3e5 + 16


def _dot(axes: "Axes", entry: Entry, colour: str, marker: str) -> None:
    axes.scatter(
        entry.multiply_adds,
        entry.accuracy or 0.0,
        s=_area(entry),
        color=colour,
        marker=marker,
        alpha=0.65,
        linewidths=0.6,
        edgecolors="white",
        zorder=3,
    )


def _around(axes: "Axes", entry: Entry) -> "Bbox":
    """The place on paper that its dot takes, in pixels."""
    from matplotlib.transforms import Bbox

    x, y = axes.transData.transform((entry.multiply_adds, entry.accuracy or 0.0))
    half = _area(entry) ** 0.5 / 2 * axes.figure.dpi / 72
    return Bbox.from_extents(x - half, y - half, x + half, y + half)


def _label(axes: "Axes", entry: Entry, colour: str, taken: list["Bbox"]) -> None:
    """Write the name at the first place beside the dot that is free; leave it out where none is."""
    from matplotlib.patheffects import withStroke

    rim = _area(entry) ** 0.5 / 2  # points from the middle of the dot
    for right, up, horizontal, vertical in PLACES:
        reach = rim / (right**2 + up**2) ** 0.5
        label = axes.annotate(
            entry.name,
            (entry.multiply_adds, entry.accuracy or 0.0),
            xytext=(right * (1 + reach), up * (1 + reach)),
            textcoords="offset points",
            ha=horizontal,
            va=vertical,
            fontsize=7.5,
            color=colour,
            path_effects=[withStroke(linewidth=2.5, foreground="white")],
            zorder=4,
        )
        place = label.get_window_extent()
        if not any(place.overlaps(other) for other in taken):
            taken.append(place)
            return
        label.remove()


def _best(axes: "Axes", known: Sequence[Entry]) -> None:
    """The steps through those that nobody beats with the same work or less."""
    front: list[Entry] = []
    for entry in sorted(known, key=lambda each: (each.multiply_adds, -(each.accuracy or 0.0))):
        if not front or (entry.accuracy or 0.0) > (front[-1].accuracy or 0.0):
            front.append(entry)
    axes.step(
        [entry.multiply_adds for entry in front],
        [entry.accuracy or 0.0 for entry in front],
        where="post",
        color="#9aa5b1",
        linewidth=1.2,
        linestyle="--",
    )
