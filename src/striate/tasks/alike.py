"""The images of a set that a network finds most like given photographs."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from striate.data import CanvasStore, Dataset
from striate.explain import nearest
from striate.files import write_atomic
from striate.model import Model
from striate.tasks.gallery import features_of, shown_picture
from striate.tasks.gallery_data import pixels_of
from striate.tasks.loading import store_for

FORMAT = 1
MOST_DRAWN = 50  # photographs in the picture; neighbours.json has all
SHOT, GAP, AFTER_FIRST = 112, 6, 24  # pixels
PAPER = (252, 252, 250)


@dataclass(frozen=True)
class Neighbour:
    """An image of the set; the distance is 1 − cos of the angle between features, 0..2."""

    path: str
    label: str
    distance: float


@dataclass(frozen=True)
class Alike:
    """A photograph, and the images that are most like it, nearest first."""

    image: str
    neighbours: tuple[Neighbour, ...]


def find_alike(
    model: Model,
    layer: str | None,
    asked: Dataset,
    known: Dataset,
    vectors: NDArray[np.float32],
    top: int,
    folder: Path,
) -> tuple[Alike, ...]:
    """Find them; write neighbours.json, and neighbours.png, a row a photograph.

    Args:
        layer: whose features the vectors are; None: what the last layer is given.
        vectors: of the known images, [N, D].
    """
    store, own = store_for(known, model), store_for(asked, model)
    features = features_of(model, own, np.arange(len(asked)), layer=layer)
    near = nearest(features, vectors, top)  # all compared: a graph pays from thousands of questions
    found = tuple(
        Alike(
            name,
            tuple(
                Neighbour(known.ids[row], known.label_text(row), round(distance, 6))
                for row, distance in zip(rows.tolist(), distances.tolist(), strict=True)
            ),
        )
        for name, rows, distances in zip(asked.ids, *near, strict=True)
    )
    content = {"format": FORMAT, "images": [asdict(each) for each in found]}
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    write_atomic(folder / "neighbours.json", text + "\n")
    lines = [
        [_shot(model, own, row), *(_shot(model, store, place) for place in places.tolist())]
        for row, places in enumerate(near.indices[:MOST_DRAWN])
    ]
    write_atomic(folder / "neighbours.png", _drawn(lines))
    return found


def _shot(model: Model, store: CanvasStore, row: int) -> Image.Image:
    """What the network sees of an image, on a square of its own."""
    pixels = shown_picture(pixels_of(model, store, np.array([row]))[0])
    return ImageOps.pad(Image.fromarray(pixels), (SHOT, SHOT), color=PAPER)


def _drawn(lines: Sequence[Sequence[Image.Image]]) -> bytes:
    """PNG: the photograph at the left of its row, a wider gap, its neighbours."""
    step = SHOT + GAP
    size = (GAP + len(lines[0]) * step + AFTER_FIRST, GAP + len(lines) * step)
    page = Image.new("RGB", size, PAPER)
    for row, line in enumerate(lines):
        for column, shot in enumerate(line):
            left = GAP + column * step + (AFTER_FIRST if column else 0)
            page.paste(shot, (left, GAP + row * step))
    file = BytesIO()
    page.save(file, "PNG", optimize=True)
    return file.getvalue()
