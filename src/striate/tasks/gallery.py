"""The pictures of a report: mistakes and hard images, each with a heat map and its neighbours."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from striate.data import CanvasStore, Dataset
from striate.errors import ExplainError
from striate.explain import class_score, embeddings, grad_cam, nearest, overlay
from striate.inference import BATCH_SIZE, device_of
from striate.model import Model

MISTAKES, HARDEST = 24, 12
NEIGHBOURS = 3
BANK = 5_000  # training images among which neighbours are looked for
LEAST_SIDE = 112  # pixels; smaller pictures are enlarged for the page
QUICK = 3  # of zlib: five times as quick as the best, and 3 % larger


@dataclass(frozen=True)
class Part:
    """Images with the answers they got.

    Args:
        values: probabilities [n, classes], or predicted numbers [n].
    """

    dataset: Dataset
    store: CanvasStore
    values: NDArray[np.float64]


@dataclass
class Gallery:
    """Entries for report.json, and the PNG pictures that they name."""

    mistakes: list[dict[str, Any]] = field(default_factory=list)
    hardest: list[dict[str, Any]] = field(default_factory=list)
    pictures: dict[str, bytes] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def make_gallery(model: Model, test: Part, train: Dataset, train_store: CanvasStore) -> Gallery:
    """The most confident mistakes, and the hardest of the other images."""
    gallery = Gallery()
    if not len(test.dataset):
        return gallery
    trouble = _trouble(test)
    wrong = _wrong(test)
    order = np.argsort(-trouble, kind="stable")
    mistakes = _most_confident(test, order, wrong)
    hardest = [row for row in order.tolist() if row not in set(mistakes)][:HARDEST]
    rows = np.array([*mistakes, *hardest], dtype=np.int64)
    entries = _entries(model, test, rows, gallery)
    _add_neighbours(model, test, rows, entries, train, train_store, gallery)
    gallery.mistakes, gallery.hardest = entries[: len(mistakes)], entries[len(mistakes) :]
    return gallery


def _trouble(test: Part) -> NDArray[np.float64]:
    """How far the answer is from the truth, one number per image: a loss."""
    labels = test.dataset.labels
    if test.dataset.task == "regression":
        return np.abs(test.values - labels)
    tiny = np.finfo(np.float64).tiny
    if test.dataset.task == "multi_label":
        right = np.where(labels > 0.5, test.values, 1 - test.values)
        loss: NDArray[np.float64] = -np.log(right.clip(tiny)).mean(axis=1)
        return loss
    return -np.log(test.values[np.arange(len(labels)), labels].clip(tiny))


def _wrong(test: Part) -> NDArray[np.bool_]:
    """Which answers are wrong; a number is never exactly right, so none counts as wrong."""
    labels = test.dataset.labels
    if test.dataset.task == "regression":
        return np.zeros(len(labels), dtype=bool)
    if test.dataset.task == "multi_label":
        differs: NDArray[np.bool_] = ((test.values >= 0.5) != (labels > 0.5)).any(axis=1)
        return differs
    return np.asarray(test.values.argmax(axis=1) != labels)


def _most_confident(test: Part, order: NDArray[np.int64], wrong: NDArray[np.bool_]) -> list[int]:
    rows = [row for row in order.tolist() if wrong[row]]
    if test.dataset.task == "single_label":
        rows.sort(key=lambda row: -float(test.values[row].max()))
    return rows[:MISTAKES]


def _entries(
    model: Model, test: Part, rows: NDArray[np.int64], gallery: Gallery
) -> list[dict[str, Any]]:
    """Truth, answer, picture and overlay of these images."""
    preprocessing = _preprocessing(model)
    entries = []
    for start in range(0, len(rows), BATCH_SIZE):
        chosen = rows[start : start + BATCH_SIZE]
        pixels = preprocessing.centre(test.store.gather(chosen))
        maps = _maps(model, pixels, test, chosen, gallery)
        for i, row in enumerate(chosen.tolist()):
            key = f"test/{test.dataset.ids[row]}"
            shown = shown_picture(pixels[i])
            gallery.pictures[key] = as_png(shown)
            entry = {**_answer(test, row), "picture": key, "overlay": None, "neighbours": []}
            if maps is not None:
                entry["overlay"] = f"map/{test.dataset.ids[row]}"
                gallery.pictures[entry["overlay"]] = as_png(
                    overlay(enlarged_picture(shown), maps[i].numpy())
                )
            entries.append(entry)
    return entries


def _answer(test: Part, row: int) -> dict[str, Any]:
    dataset = test.dataset
    answer: dict[str, Any] = {"id": dataset.ids[row], "true": dataset.label_text(row)}
    if dataset.task == "regression":
        return answer | {"predicted": f"{test.values[row]:.4g}", "probability": None}
    if dataset.task == "multi_label":
        named = np.flatnonzero(test.values[row] >= 0.5)
        text = "|".join(dataset.classes[k] for k in named) or "none"
        return answer | {"true": answer["true"] or "none", "predicted": text, "probability": None}
    best = int(test.values[row].argmax())
    return answer | {
        "predicted": dataset.classes[best],
        "probability": float(test.values[row, best]),
        "true_probability": float(test.values[row, dataset.labels[row]]),
    }


def _maps(
    model: Model, pixels: Tensor, test: Part, rows: NDArray[np.int64], gallery: Gallery
) -> Tensor | None:
    """Grad-CAM of the answer, [n, H, W]; None, with a note, where the network allows none."""
    network = model.logits_network
    score: Callable[[Tensor], Tensor]
    if test.dataset.task == "regression":
        score = _only_output
    else:
        score = class_score(torch.from_numpy(test.values[rows].argmax(axis=1)))
    images = _preprocessing(model).normalise(pixels).to(device_of(network))
    try:
        return grad_cam(network, images, score).cpu()
    except ExplainError as error:
        if not gallery.notes:
            gallery.notes.append(f"There are no heat maps: {error}")
        return None


def _only_output(outputs: Tensor) -> Tensor:
    return outputs.reshape(len(outputs))


def _add_neighbours(
    model: Model,
    test: Part,
    rows: NDArray[np.int64],
    entries: list[dict[str, Any]],
    train: Dataset,
    train_store: CanvasStore,
    gallery: Gallery,
) -> None:
    """The training images that the network finds most alike, by its last features."""
    known = train.where("train")
    if len(known) > BANK:
        known = np.sort(np.random.default_rng(0).choice(known, BANK, replace=False))
    if not len(rows) or not len(known):
        return
    try:
        bank = features_of(model, train_store, known)
        asked = features_of(model, test.store, rows)
    except ExplainError as error:
        gallery.notes.append(f"There are no neighbours: {error}")
        return
    found = nearest(asked, bank, NEIGHBOURS)
    pixels = _preprocessing(model)
    for entry, places, distances in zip(entries, found.indices, found.distances, strict=True):
        for place, distance in zip(known[places].tolist(), distances.tolist(), strict=True):
            key = f"train/{train.ids[place]}"
            if key not in gallery.pictures:
                canvas = pixels.centre(train_store.gather(np.array([place])))
                gallery.pictures[key] = as_png(shown_picture(canvas[0]))
            entry["neighbours"].append(
                {
                    "id": train.ids[place],
                    "class": train.label_text(place),
                    "distance": distance,
                    "picture": key,
                }
            )


def features_of(
    model: Model,
    store: CanvasStore,
    rows: NDArray[np.int64],
    on_progress: Callable[[int, int], None] | None = None,
    layer: str | None = None,
) -> Tensor:
    """What the network makes of images at a layer, or before its answer, [n, D]."""
    preprocessing, network = _preprocessing(model), model.logits_network

    def batches() -> Iterable[Tensor]:
        for start in range(0, len(rows), BATCH_SIZE):
            canvases = store.gather(rows[start : start + BATCH_SIZE])
            yield preprocessing.normalise(preprocessing.centre(canvases)).to(device_of(network))
            if on_progress is not None:
                on_progress(min(start + BATCH_SIZE, len(rows)), len(rows))

    return embeddings(network, batches(), layer=layer)


def _preprocessing(model: Model) -> Any:
    return model.preprocessing


def shown_picture(pixels: Tensor) -> NDArray[np.uint8]:
    """uint8 [C, H, W] -> [H, W, 3]; of more channels than three the first three."""
    shown = pixels[:3] if len(pixels) >= 3 else pixels[:1].expand(3, -1, -1)
    return np.ascontiguousarray(shown.permute(1, 2, 0).numpy())


def enlarged_picture(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Whole-number enlargement of small pictures, so that the map on them is smooth."""
    times = -(-LEAST_SIDE // min(picture.shape[:2]))
    return picture.repeat(times, axis=0).repeat(times, axis=1)


def as_png(picture: NDArray[np.uint8]) -> bytes:
    buffer = BytesIO()
    Image.fromarray(enlarged_picture(picture)).save(buffer, "PNG", compress_level=QUICK)
    return buffer.getvalue()
