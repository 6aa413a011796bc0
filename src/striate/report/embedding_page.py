"""A map of images as one page that stands alone: no request leaves it, only its own script runs."""

import base64
import io
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from striate.report.alone import alone
from striate.report.markup import Content, Markup, tag
from striate.report.words import counted, visible

METHODS = {"pca": "PCA", "tsne": "t-SNE", "umap": "UMAP"}
HINTS = {
    "pca": "Distances are true but for what two straight axes leave out.",
    "tsne": "Neighbours are kept together; how far groups lie apart, or how wide they are, "
    "means nothing.",
    "umap": "Neighbours are kept together; how far groups lie apart, or how wide they are, "
    "means nothing.",
}
MOST_CLASSES = 24  # rows of the table of distances

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class EmbeddingMap:
    """What the page shows of N images.

    Args:
        title: what was embedded, such as "cats-dogs by my-run".
        layer: whose features they are, as a person says it.
        dimensions: numbers in a vector.
        method: "pca", "tsne" or "umap".
        points: [N, 2], x and y upwards.
        cells: [N, 2], row and column on the square grid.
        thumbnails: uint8 [N, h, w, 3], all of one size.
        labels, predicted: texts, "" where unknown. names: of the images.
        judged: whether labels and answers are of the same classes, so that answers can be wrong.
        near_features, near_pixels: [N, k], the nearest other images, nearest first.
        silhouettes: by class, and "" for all together; see `explain.class_distances`.
        nearest_class: by class, the class whose centre is nearest, and the distance.
        left_out: images that are in the file and not on the page.
    """

    title: str
    layer: str
    dimensions: int
    method: str
    points: npt.NDArray[np.float64]
    cells: Integers
    thumbnails: npt.NDArray[np.uint8]
    labels: Sequence[str]
    predicted: Sequence[str]
    names: Sequence[str]
    near_features: Integers
    near_pixels: Integers
    silhouettes: dict[str, float]
    nearest_class: dict[str, tuple[str, float]]
    judged: bool = True
    left_out: int = 0


def embedding_page(shown: EmbeddingMap) -> str:
    """The content of `map.html`: pan and zoom, hover for an image with its neighbours."""
    title = f"{visible(shown.title)} – Striate map"
    return alone(
        title,
        _masthead(shown),
        tag("main", _stage(shown), _aside()),
        _table(shown),
        tag("script", Markup(_data(shown)), type="application/json", id="data"),
        style="embedding_page.css",
        script="embedding_page.js",
    )


def _masthead(shown: EmbeddingMap) -> Markup:
    more = f" of {len(shown.names) + shown.left_out:,}" if shown.left_out else ""
    facts = (
        f"{counted(len(shown.names), 'image')}{more} · {shown.layer}, "
        f"{counted(shown.dimensions, 'number')} · {METHODS[shown.method]}"
    )
    return tag(
        "header",
        tag("span", "Striate", class_="brand"),
        tag("h1", tag("bdi", shown.title)),
        tag("span", facts, class_="facts"),
        class_="masthead",
    )


def _stage(shown: EmbeddingMap) -> Markup:
    label = "Map of the images. Drag or arrow keys move, wheel or + and - zoom, 0 shows all."
    choices = (
        _choice("layout", ("map", METHODS[shown.method]), ("grid", "Grid")),
        _choice("paint", ("labels", "Label"), ("predicted", "Answer")),
        tag("button", "Whole map", type="button", id="whole"),
    )
    return tag(
        "div",
        tag("div", choices, class_="tools"),
        tag("canvas", id="map", tabindex=0, role="img", aria_label=label),
        tag("p", HINTS[shown.method], class_="hint"),
        class_="stage",
    )


def _choice(name: str, *options: tuple[str, str]) -> Markup:
    made = [
        tag(
            "label",
            tag("input", type="radio", name=name, value=value, checked=number == 0),
            tag("span", text),
        )
        for number, (value, text) in enumerate(options)
    ]
    return tag("fieldset", made, class_="choice")


def _aside() -> Markup:
    note = "The network's neighbours are nearest by the angle between features, the pixels' "
    return tag(
        "aside",
        tag("div", tag("p", "Point at an image; click to keep it.", class_="hint"), id="card"),
        tag("ul", id="legend", aria_label="Classes"),
        tag("p", note + "by the distance between thumbnails of 32 × 32.", class_="hint"),
    )


def _table(shown: EmbeddingMap) -> Content:
    """How well classes are parted, worst first."""
    known = [name for name in shown.silhouettes if name]
    if len(known) < 2:
        return None
    rows = []
    order = sorted(
        known, key=lambda name: (math.isnan(shown.silhouettes[name]), _worst(shown, name))
    )
    for name in order[:MOST_CLASSES]:
        near, distance = shown.nearest_class[name]
        cells = (
            tag("th", tag("bdi", name), scope="row"),
            tag("td", _number(shown.silhouettes[name]), class_="num"),
            tag("td", tag("bdi", near)),
            tag("td", _number(distance), class_="num"),
        )
        rows.append(tag("tr", cells))
    names = ("Class", "Silhouette", "Nearest class", "Distance of the centres")
    heads = tag("tr", [tag("th", name, scope="col") for name in names])
    whole = _number(shown.silhouettes.get("", math.nan))
    said = (
        f"Silhouette of all images {whole}: 1 is far apart, 0 mixed, below 0 nearer to another "
        "class. Computed from the features, not from the map."
    )
    return tag(
        "section",
        tag("h2", "How far classes lie apart"),
        tag("p", said, class_="hint"),
        tag("div", tag("table", tag("thead", heads), tag("tbody", rows)), class_="scroll"),
    )


def _worst(shown: EmbeddingMap, name: str) -> float:
    value = shown.silhouettes[name]
    return 0.0 if math.isnan(value) else value


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.2f}".replace("-", "−")


def _data(shown: EmbeddingMap) -> str:
    """JSON for the script, in which no `<` can end its element."""
    own = sorted({*shown.labels} - {""})  # first: the first colours are easiest to tell apart
    classes = own + sorted({*shown.predicted} - {"", *own})
    numbers = {name: number for number, name in enumerate(classes)}
    content = {
        "points": np.round(_unit(shown.points), 5).tolist(),
        "cells": shown.cells.tolist(),
        "classes": [visible(name) for name in classes],
        "labels": [numbers.get(name, -1) for name in shown.labels],
        "predicted": [numbers.get(name, -1) for name in shown.predicted],
        "names": [visible(name) for name in shown.names],
        "near": {"features": shown.near_features.tolist(), "pixels": shown.near_pixels.tolist()},
        "judged": shown.judged,
        "thumb": list(shown.thumbnails.shape[2:0:-1]),
        **_sprite(shown.thumbnails),
    }
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _unit(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Into 0..1, y downwards, keeping the ratio of the axes."""
    low, high = points.min(axis=0), points.max(axis=0)
    span = float((high - low).max()) or 1.0
    centred = (points - (low + high) / 2) / span
    return centred * (1, -1) + 0.5


def _sprite(thumbnails: npt.NDArray[np.uint8]) -> dict[str, Any]:
    """All thumbnails in one JPEG, row by row."""
    count, height, width, _ = thumbnails.shape
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    cells = np.zeros((rows * columns, height, width, 3), np.uint8)
    cells[:count] = thumbnails
    whole = cells.reshape(rows, columns, height, width, 3).transpose(0, 2, 1, 3, 4)
    buffer = io.BytesIO()
    image = Image.fromarray(np.ascontiguousarray(whole).reshape(rows * height, columns * width, 3))
    image.save(buffer, "JPEG", quality=85, subsampling=0, optimize=True)
    encoded = base64.b64encode(buffer.getvalue()).decode()
    return {"columns": columns, "sprite": f"data:image/jpeg;base64,{encoded}"}
