"""The map of embedded images: neighbours, distances of classes, the page and the grid picture."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from striate.data import Dataset
from striate.explain import nearest
from striate.explain.class_distances import ClassDistances, class_distances
from striate.explain.grid import grid_picture, snap_to_grid
from striate.explain.neighbours import pixel_rows
from striate.files import write_atomic
from striate.report.embedding_page import EmbeddingMap, embedding_page

MOST_SHOWN = 10_000  # images on the page; of more, as many by lot
NEIGHBOURS = 5
BINS = 5  # groups of equal number that regression targets are shown as

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Shown:
    """What the map is of.

    Args:
        values: the model's answers, [N, classes], or numbers [N].
        predicted: the same as texts.
        judged: whether the labels are of the model's classes, so that answers can be wrong.
    """

    title: str
    layer: str
    method: str
    dataset: Dataset
    values: Floats
    predicted: Sequence[str]
    judged: bool


def write_map(
    folder: Path,
    shown: Shown,
    vectors: NDArray[np.float32],
    points: Floats,
    pictures: NDArray[np.uint8],
    seed: int,
) -> float | None:
    """Write map.html and grid.png; return the silhouette of the classes, where there are some."""
    rows = np.arange(len(points))
    if len(rows) > MOST_SHOWN:
        rows = np.sort(np.random.default_rng(seed).choice(rows, MOST_SHOWN, replace=False))
    labels, predicted = _texts(shown)
    cells, side = snap_to_grid(points[rows])
    thumbnails = torch.from_numpy(pictures[rows]).permute(0, 3, 1, 2)
    distances = _distances(vectors[rows], [labels[row] or predicted[row] for row in rows], seed)
    page = EmbeddingMap(
        title=shown.title,
        layer=shown.layer,
        dimensions=vectors.shape[1],
        method=shown.method,
        points=points[rows],
        cells=cells,
        thumbnails=pictures[rows],
        labels=[labels[row] for row in rows],
        predicted=[predicted[row] for row in rows],
        names=[shown.dataset.ids[row] for row in rows],
        near_features=_others(vectors[rows]),
        near_pixels=_others(pixel_rows(thumbnails), "euclidean"),
        silhouettes=_silhouettes(distances),
        nearest_class=_nearest_classes(distances),
        judged=shown.judged,
        left_out=len(points) - len(rows),
    )
    write_atomic(folder / "map.html", embedding_page(page))
    buffer = BytesIO()
    Image.fromarray(grid_picture(pictures[rows], cells, side)).save(buffer, "PNG", optimize=True)
    write_atomic(folder / "grid.png", buffer.getvalue())
    known = distances is not None and not math.isnan(distances.silhouette)
    return distances.silhouette if distances is not None and known else None


def _texts(shown: Shown) -> tuple[list[str], list[str]]:
    """Labels and answers as they are shown: numbers as ranges."""
    dataset = shown.dataset
    if dataset.task != "regression":
        return [dataset.label_text(row) for row in range(len(dataset))], list(shown.predicted)
    edges = np.unique(np.quantile(dataset.labels, np.linspace(0, 1, BINS + 1)))
    return _ranges(dataset.labels, edges), _ranges(shown.values, edges)


def _ranges(values: NDArray[np.generic], edges: Floats) -> list[str]:
    """The range that each value lies in; those outside count to the nearest."""
    if len(edges) < 2:
        return [f"{edges[0]:.4g}"] * len(values)
    places = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    return [f"{edges[place]:.4g} to {edges[place + 1]:.4g}" for place in places.tolist()]


def _others(
    vectors: NDArray[np.float32], metric: Literal["cosine", "euclidean"] = "cosine"
) -> NDArray[np.int64]:
    """The nearest other rows of each row, [N, k]."""
    count = min(NEIGHBOURS, len(vectors) - 1)
    found = nearest(vectors, vectors, NEIGHBOURS + 1, metric=metric).indices
    own = found == np.arange(len(vectors))[:, None]
    missing = ~own.any(axis=1)  # among equal images, itself may not be the nearest
    own[missing, -1] = True
    return found[~own].reshape(len(vectors), -1)[:, :count]


def _distances(
    vectors: NDArray[np.float32], names: Sequence[str], seed: int
) -> ClassDistances | None:
    return class_distances(vectors, names, seed=seed) if len(set(names)) > 1 else None


def _silhouettes(distances: ClassDistances | None) -> dict[str, float]:
    if distances is None:
        return {}
    own = zip(distances.classes, distances.silhouettes.tolist(), strict=True)
    return {**dict(own), "": distances.silhouette}


def _nearest_classes(distances: ClassDistances | None) -> dict[str, tuple[str, float]]:
    if distances is None:
        return {}
    apart = distances.between + np.diag(np.full(len(distances.classes), np.inf))
    return {
        name: (distances.classes[int(row.argmin())], float(row.min()))
        for name, row in zip(distances.classes, apart, strict=True)
    }
