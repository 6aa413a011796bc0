"""Embed: what a network makes of images, as vectors in a table and as a map to look at."""

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from striate.data import Dataset, open_dataset, open_files, usable
from striate.data.decode import PIXEL_CAP
from striate.engines import EngineName
from striate.errors import DataError
from striate.explain.projection import project
from striate.files import write_atomic
from striate.model import Model
from striate.reading import needed_preprocessing
from striate.report.words import counted
from striate.tasks.alike import Alike, find_alike
from striate.tasks.embedding_map import MOST_SHOWN, Shown, write_map
from striate.tasks.explain_request import EmbedRequest
from striate.tasks.fields import ask
from striate.tasks.loading import store_for
from striate.tasks.predict import model_of
from striate.tasks.preparing import check_data
from striate.tasks.vectors import Vectors
from striate.training import Notice, OnEvent, StageProgress, choose_device, ignore

CLASSIFIED = "what the last layer is given"
ENDS = ("json", "png")  # of the files of neighbours


@dataclass(frozen=True)
class Embedded:
    """What was embedded, and the files that hold it.

    Args:
        images: of how many; `total` were asked for.
        places: the files by what they are.
        silhouette: how well the classes are parted in the features, -1..1; None without classes.
        alike: for every photograph that was asked about, the images most like it.
    """

    images: int
    total: int
    dimensions: int
    layer: str
    method: str
    places: dict[str, Path]
    interrupted: bool = False
    silhouette: float | None = None
    alike: tuple[Alike, ...] = ()

    @property
    def sentence(self) -> str:
        size = f"{counted(self.images, 'image')}, {counted(self.dimensions, 'number')} each"
        if self.interrupted:
            return f"Interrupted: {size}, of {self.total:,}; kept in embeddings.parquet."
        parted = (
            "" if self.silhouette is None else f" Silhouette of the classes {self.silhouette:.2f}."
        )
        return f"{size}, from {self.layer}.{parted}"

    def to_json(self) -> dict[str, Any]:
        return {
            "images": self.images,
            "of": self.total,
            "dimensions": self.dimensions,
            "layer": self.layer,
            "method": self.method,
            "interrupted": self.interrupted,
            "silhouette": self.silhouette,
            "files": {name: str(place) for name, place in self.places.items()},
            "alike": [asdict(each) for each in self.alike],
        }


@dataclass
class _Read:
    """What was computed so far, a batch an entry."""

    vectors: list[Tensor] = field(default_factory=list)
    outputs: list[Tensor] = field(default_factory=list)
    pictures: list[NDArray[np.uint8]] = field(default_factory=list)


def embed(run: str | Path, data: str | Path, *, progress: bool = True, **options: Any) -> Embedded:
    """Draw a map of images by a network's features.

    Args:
        run: a run folder, its name under runs/, or a model file.
        data: as for `train`; or a folder of images without classes.
        progress: show how far it is.
        options: the fields of `EmbedRequest`.
    """
    from striate.report.live import watcher

    request = ask(EmbedRequest, {"run": str(run), "data": str(data), **options})
    if not progress:
        return carry_out(request)
    with watcher() as watch:
        return carry_out(request, on_event=watch)


def carry_out(request: EmbedRequest, *, on_event: OnEvent = ignore) -> Embedded:
    """Embed the images, write the table, lay out the map and write the page and the grid.

    Where photographs are named, the images most like each are found before the map is laid out.
    An interruption while images are embedded, or while the map is laid out, ends with the table
    of what is done; then `interrupted` is true.

    Raises:
        RunError: there is no such run.
        DataError: there are no images, or the model cannot read pictures.
        UnknownName: the network has no such layer.
    """
    model = model_of(request.run)
    needed_preprocessing(model.preprocessing)
    model.network.to(choose_device(request.device))
    layer = _layer(model, request.layer)
    dataset = _images(request.data, on_event)
    photographs = _photographs(request.like, on_event) if request.like else None
    read = _Read()
    interrupted = False
    try:
        _read(model, dataset, layer, request.batch_size, request.engine, read, on_event)
    except KeyboardInterrupt:
        interrupted = True
    if not read.vectors:
        raise KeyboardInterrupt
    count = sum(map(len, read.vectors))
    known = dataset.select(np.arange(count))
    vectors = torch.cat(read.vectors).numpy()
    values = model.answers(torch.cat(read.outputs).numpy())
    table = request.output_dir / "embeddings.parquet"
    predicted = [_answer(model, value) for value in values]
    columns = _columns(known, predicted, vectors)
    about = {"layer": layer or CLASSIFIED, "method": request.method, "run": request.run}
    _write_table(table, columns, None, about)
    found = Embedded(
        count, len(dataset), vectors.shape[1], layer or CLASSIFIED, request.method,
        {"embeddings": table}, interrupted,
    )  # fmt: skip
    if interrupted:
        return found
    try:
        if photographs is not None:
            alike = find_alike(
                model, layer, photographs, known, vectors, request.top, request.output_dir
            )
            near = {f"alike {end}": request.output_dir / f"neighbours.{end}" for end in ENDS}
            found = replace(found, places={**found.places, **near}, alike=alike)
        laying = f"Laying out the map ({request.method})"
        on_event(StageProgress(laying, 0, 1))
        points = project(vectors, request.method, seed=request.seed)
        on_event(StageProgress(laying, 1, 1))
        _write_table(table, columns, points, about)
        on_event(StageProgress("Drawing the map", 0, 1))
        pictures = np.concatenate(read.pictures)
        title = f"{Path(request.data).name or request.data} by {Path(request.run).name}"
        judged = model.task != "regression" and set(known.classes) <= set(model.classes)
        shown = Shown(title, layer or CLASSIFIED, request.method, known, values, predicted, judged)
        silhouette = write_map(request.output_dir, shown, vectors, points, pictures, request.seed)
        on_event(StageProgress("Drawing the map", 1, 1))
    except KeyboardInterrupt:
        return replace(found, interrupted=True)
    drawn = {"map": request.output_dir / "map.html", "grid": request.output_dir / "grid.png"}
    return replace(found, places={**found.places, **drawn}, silhouette=silhouette)


def _layer(model: Model, asked: str | None) -> str | None:
    """The dotted name of a layer that a person named; networks of the zoo have short names."""
    tap = getattr(model.network, "tap", None)
    return asked if asked is None or tap is None else str(tap(asked))


def _images(data: str, on_event: OnEvent) -> Dataset:
    """Labelled data, or images without labels; those that cannot be read are told and left out."""
    try:
        dataset = open_dataset(data, least_classes=1)
    except DataError:
        if not Path(data).is_dir():
            raise
        dataset = open_files(data)
        on_event(Notice("info", "data-unlabelled", f"{data} has no classes: the map has answers."))
    return _readable(dataset, data, on_event)


def _photographs(like: Path, on_event: OnEvent) -> Dataset:
    """An image, a folder or a glob of them, whatever classes they may have."""
    return _readable(open_files(like), str(like), on_event)


def _readable(dataset: Dataset, data: str, on_event: OnEvent) -> Dataset:
    if not len(dataset):
        raise DataError("data-no-images", f"There is no image in {data}.", "Name a folder of them.")
    report = check_data(dataset, PIXEL_CAP, on_event)
    kept = usable(dataset, report) if dataset.classes else dataset.select(report.kept)
    if (left := len(dataset) - len(kept)) > 0:
        sentence = f"{counted(left, 'image')} left out: not readable."
        on_event(Notice("warning", "data-left-out", sentence))
    if not len(kept):
        raise DataError("data-no-images", f"No image in {data} can be read.")
    return kept


def _read(
    model: Model,
    dataset: Dataset,
    layer: str | None,
    batch_size: int,
    engine: EngineName,
    read: _Read,
    on_event: OnEvent,
) -> None:
    """Vectors, answers and small pictures of all images, in one pass of the network."""
    preprocessing, store = needed_preprocessing(model.preprocessing), store_for(dataset, model)
    asked = Vectors(model.logits_network, layer, len(dataset), engine)
    side = 64 if len(dataset) <= 2_500 else 48 if len(dataset) <= 6_000 else 32
    total = len(dataset)
    for start in range(0, total, batch_size):
        rows = np.arange(start, min(start + batch_size, total))
        pixels = preprocessing.centre(store.gather(rows))
        vectors, outputs = asked.of(preprocessing.normalise(pixels))
        read.vectors.append(vectors)
        read.outputs.append(outputs)
        read.pictures.append(_small(pixels, side))
        on_event(StageProgress("Embedding the images", int(rows[-1]) + 1, total))


def _small(pixels: Tensor, side: int) -> NDArray[np.uint8]:
    """uint8 [N, C, H, W] -> [N, side, side, 3]; of more channels than three the first three."""
    shown = pixels[:, :3] if pixels.shape[1] >= 3 else pixels[:, :1].expand(-1, 3, -1, -1)
    smaller = F.interpolate(shown.float(), size=(side, side), mode="bilinear", antialias=True)
    rounded = smaller.round().clamp(0, 255).to(torch.uint8)
    return np.ascontiguousarray(rounded.permute(0, 2, 3, 1).numpy())


def _answer(model: Model, value: NDArray[np.float64]) -> str:
    """The model's answer as a table writes it."""
    if model.task == "regression":
        return f"{float(value):.6g}"
    names = model.classes or tuple(f"class {number}" for number in range(len(value)))
    if model.task == "multi_label":
        return "|".join(names[number] for number in np.flatnonzero(value >= 0.5))
    return names[int(value.argmax())]


def _columns(
    known: Dataset, predicted: list[str], vectors: NDArray[np.float32]
) -> dict[str, pa.Array]:
    flat = pa.array(vectors.reshape(-1), type=pa.float32())
    return {
        "path": pa.array(list(known.ids)),
        "label": pa.array([known.label_text(row) for row in range(len(known))]),
        "predicted": pa.array(predicted),
        "vector": pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1]),
    }


def _write_table(
    path: Path,
    columns: dict[str, pa.Array],
    points: NDArray[np.float64] | None,
    about: dict[str, str],
) -> None:
    """One row an image; x and y are null before the map is laid out."""
    count = len(columns["path"])
    axes = [pa.nulls(count, pa.float64())] * 2 if points is None else list(points.T)
    table = pa.table({**columns, "x": axes[0], "y": axes[1]}).replace_schema_metadata(about)
    path.parent.mkdir(parents=True, exist_ok=True)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    write_atomic(path, sink.getvalue().to_pybytes())


__all__ = ["MOST_SHOWN", "Embedded", "carry_out", "embed"]
