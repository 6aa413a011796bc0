"""Several methods on the same images, with the scores under every map."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from striate.errors import ExplainError, StriateError, unknown_name
from striate.explain._score import Score
from striate.explain.pictures import overlay
from striate.explain.quality import (
    FAILS,
    MEASURES,
    Method,
    Subject,
    changes,
    check_measures,
    judged,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

USUAL = ("deletion", "insertion", "road", "randomisation")
CELL = 2.0  # inches a picture
RED = "#c1121f"


@dataclass(frozen=True, eq=False)
class Compared:
    """The maps of one method, and what they are worth.

    Args:
        maps: [N, H, W].
        quality: by the name of the measure, [N].
        seconds: wall time of the method for all images together.
    """

    method: str
    maps: Tensor
    quality: Mapping[str, NDArray[np.float64]]
    seconds: float

    @property
    def fails(self) -> bool:
        """Whether the maps barely change when what the network has learned is destroyed."""
        return "randomisation" in self.quality and not changes(self.quality["randomisation"])


@dataclass(frozen=True, eq=False)
class Comparison:
    """What `compare` found.

    Args:
        compared: one for each method that gave maps, in the order asked for.
        refused: the reason of each method that gave none.
        measures: names of the scores.
        pictures: what the network saw, uint8 [N, H, W, 3].
    """

    compared: tuple[Compared, ...]
    refused: Mapping[str, str]
    measures: tuple[str, ...]
    pictures: NDArray[np.uint8]

    def __getitem__(self, method: str) -> Compared:
        for one in self.compared:
            if one.method == method:
                return one
        raise unknown_name("compared method", method, [one.method for one in self.compared])

    def __str__(self) -> str:
        """A table of means over the images, an arrow showing where good numbers are."""
        heads = [f"{name} {_arrow(name)}" for name in self.measures]
        rows = [["method", *heads, "seconds", ""]]
        for one in self.compared:
            numbers = [f"{one.quality[name].mean():.4g}" for name in self.measures]
            rows.append([one.method, *numbers, f"{one.seconds:.2f}", FAILS if one.fails else ""])
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines = [
            "  ".join(
                cell.ljust(width) if column in (0, len(row) - 1) else cell.rjust(width)
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        ]
        return "\n".join([*lines, *(f"{name}: {why}" for name, why in self.refused.items())])

    def to_json(self) -> dict[str, Any]:
        return {
            "measures": {
                name: "high is good" if MEASURES[name].high_is_good else "low is good"
                for name in self.measures
            },
            "methods": [
                {
                    "method": one.method,
                    "seconds": one.seconds,
                    "fails_randomisation": one.fails,
                    "quality": {name: one.quality[name].tolist() for name in self.measures},
                }
                for one in self.compared
            ],
            "refused": dict(self.refused),
        }

    def picture(self) -> "Figure":
        """One row an image, one column a method: the map over the photograph, its scores below;
        methods that fail the randomisation check in red."""
        from matplotlib.figure import Figure  # here, since it takes half a second

        height, width = self.pictures.shape[1:3]
        rows, columns = len(self.pictures), 1 + len(self.compared)
        lines = len(self.measures)
        figure = Figure(
            figsize=(CELL * columns, (CELL * height / width + 0.13 * lines + 0.1) * rows + 0.5),
            layout="constrained",
        )
        axes = figure.subplots(rows, columns, squeeze=False)
        for row, picture in enumerate(self.pictures):
            _show(axes[row, 0], picture)
            for column, one in enumerate(self.compared, start=1):
                heat = one.maps[row].detach().cpu().numpy()
                _show(axes[row, column], overlay(picture, heat), marked=one.fails)
                axes[row, column].set_xlabel(self._scores(one, row), fontsize=7)
        axes[0, 0].set_title("image", fontsize=9)
        for column, one in enumerate(self.compared, start=1):
            title = f"{one.method}\nfails randomisation" if one.fails else one.method
            axes[0, column].set_title(title, fontsize=9, color=RED if one.fails else "black")
        return figure

    def save(self, path: str | Path) -> Path:
        """The picture, as a file of the format that `path` ends in: PNG, SVG, PDF …"""
        self.picture().savefig(path, dpi=150)
        return Path(path)

    def _repr_png_(self) -> bytes:
        """How a notebook shows it."""
        buffer = BytesIO()
        self.picture().savefig(buffer, format="png", dpi=100)
        return buffer.getvalue()

    def _scores(self, one: Compared, row: int) -> str:
        return "\n".join(
            f"{name} {_arrow(name)} {one.quality[name][row]:.3g}" for name in self.measures
        )


def compare(
    network: nn.Module,
    images: Tensor,
    score: Score,
    methods: Sequence[str] | Mapping[str, Method] | None = None,
    *,
    answer: Score | None = None,
    measures: Sequence[str] = USUAL,
    pictures: NDArray[np.uint8] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Comparison:
    """Explain the same images by several methods, and judge all the maps alike.

    Shape: images [N, C, H, W].
    Args:
        score: what the maps explain, for example `class_score(5)`.
        methods: keys of `METHODS`, all by default; or methods by names of your own, with options:
            `{"coarse": partial(occlusion, window=32)}`. One that refuses is listed with its reason.
        answer: what is watched when pixels are taken away, best `class_probability(5)`; None: the
            score.
        measures: keys of `quality.MEASURES`.
        pictures: uint8 [N, H, W, 3], to show; None: the images, each with its range as black to
            white.
        on_progress: called with the number of methods done and of all.
    Raises:
        UnknownName: no method or measure is named so.
        ExplainError: there is no image.
    """
    check_measures(measures)
    chosen = _chosen(methods)
    if not len(images):
        raise ExplainError("explain-no-images", "compare: no images came.", "Pass at least one.")
    compared: list[Compared] = []
    refused: dict[str, str] = {}
    for done, (name, method) in enumerate(chosen.items()):
        if on_progress is not None:
            on_progress(done, len(chosen))
        subject = Subject(network, images, score, answer or score, method)
        try:
            compared.append(_judged(name, subject, measures))
        except StriateError as error:
            refused[name] = str(error)
    if on_progress is not None:
        on_progress(len(chosen), len(chosen))
    shown = _pictures(images) if pictures is None else pictures
    return Comparison(tuple(compared), refused, tuple(measures), shown)


def _chosen(methods: Sequence[str] | Mapping[str, Method] | None) -> Mapping[str, Method]:
    from striate.explain import METHODS  # here, since it names this module's function too

    if isinstance(methods, Mapping):
        return methods
    names = list(METHODS) if methods is None else methods
    for name in names:
        if name not in METHODS:
            raise unknown_name("method", name, METHODS)
    return {name: METHODS[name] for name in names}


def _judged(name: str, subject: Subject, measures: Sequence[str]) -> Compared:
    began = time.perf_counter()
    maps = subject.method(subject.network, subject.images, subject.score)
    seconds = time.perf_counter() - began
    found = judged(measures, subject, maps)
    quality = {measure: values.double().cpu().numpy() for measure, values in found.items()}
    return Compared(name, maps, quality, seconds)


def _pictures(images: Tensor) -> NDArray[np.uint8]:
    """Each image with its range as black to white, grey where it has not three channels."""
    low, high = images.amin(dim=(1, 2, 3), keepdim=True), images.amax(dim=(1, 2, 3), keepdim=True)
    pixels = 255 * (images - low) / (high - low).clamp_min(1e-12)
    if pixels.shape[1] != 3:
        pixels = pixels.mean(dim=1, keepdim=True).expand(-1, 3, -1, -1)
    return pixels.detach().permute(0, 2, 3, 1).round().cpu().numpy().astype(np.uint8)


def _show(axes: "Axes", picture: NDArray[np.uint8], *, marked: bool = False) -> None:
    axes.imshow(picture, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_visible(marked)
        side.set_color(RED)
        side.set_linewidth(3)


def _arrow(measure: str) -> str:
    return "↑" if MEASURES[measure].high_is_good else "↓"
