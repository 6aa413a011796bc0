"""The data of a gallery: opened, checked, answered by the model, and the classes to show."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from striate.data import CanvasStore, Dataset, open_dataset, usable
from striate.data.decode import PIXEL_CAP
from striate.errors import DataError, RunError
from striate.inference import BATCH_SIZE, network_outputs
from striate.model import Model
from striate.reading import needed_preprocessing
from striate.report.words import counted
from striate.tasks.evaluate import bound_by_name
from striate.tasks.gallery import BANK
from striate.tasks.loading import store_for
from striate.tasks.preparing import check_data
from striate.tasks.run_folder import find_run
from striate.training import OnEvent, StageProgress

NAMED_FROM = 0.5  # probability from which one of several labels counts as an answer


@dataclass(frozen=True)
class Judged:
    """The data of a gallery, and what the model says of them.

    Args:
        rows: the images that are shown: the test part where the data have one, else all.
        values: probabilities of those, [n, classes].
        bank: the images among which neighbours are looked for: the training part, else all.
    """

    dataset: Dataset
    store: CanvasStore
    rows: NDArray[np.int64]
    values: NDArray[np.float64]
    bank: NDArray[np.int64]
    notes: tuple[str, ...]

    @property
    def several(self) -> bool:
        """Whether an image can have several labels, or none."""
        return self.dataset.task == "multi_label"

    @property
    def labels(self) -> NDArray[np.int64]:
        """Of the rows: class numbers [n]; where there are several, 0 and 1 [n, classes]."""
        return self.dataset.labels[self.rows]

    @property
    def named(self) -> NDArray[np.bool_]:
        """Of several labels, those that the model names, [n, classes]."""
        return self.values >= NAMED_FROM

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether the whole answer is right, all labels of an image, [n]."""
        if self.several:
            return np.asarray((self.named == (self.labels > 0.5)).all(axis=1))
        return np.asarray(self.values.argmax(axis=1) == self.labels)


def judged_data(data: str, run: str, model: Model, on_event: OnEvent) -> Judged:
    """Open the data and let the model answer.

    Raises:
        DataError: they cannot be opened, or have classes that the model does not know.
    """
    opened = open_dataset(data, task=model.task, least_classes=1)
    report = check_data(opened, PIXEL_CAP, on_event)
    if not len(report.kept):
        raise DataError(
            "data-no-images",
            f"No image of {data} can be used.",
            f"striate data check {data} says why.",
        )
    dataset = bound_by_name(usable(opened, report), model)
    notes = []
    if excluded := report.counts["found"] - report.counts["used"]:
        left_out = counted(excluded, "file was", "files were")
        notes.append(f"{left_out} left out; striate data check {data} says why.")
    hashes = {file.path: file.sha256 for file in report.files}
    test, train = dataset.where("test"), dataset.where("train")
    rows = test if len(test) else np.arange(len(dataset))
    learnt = _learnt(run)
    if again := sum(hashes.get(dataset.ids[row]) in learnt for row in rows.tolist()):
        notes.append(
            f"{again:,} of the {len(rows):,} images were trained or validated on: the network "
            "knows them."
        )
    bank = train if len(train) else rows
    if len(bank) > BANK:
        bank = np.sort(np.random.default_rng(0).choice(bank, BANK, replace=False))
    store = store_for(dataset, model)
    return Judged(dataset, store, rows, _values(model, store, rows, on_event), bank, tuple(notes))


def _learnt(run: str) -> set[str]:
    """SHA-256 of the images that a run learnt from; none for a model file by itself."""
    try:
        return find_run(run).trained_hashes()
    except (RunError, OSError):
        return set()


def _values(
    model: Model, store: CanvasStore, rows: NDArray[np.int64], on_event: OnEvent
) -> NDArray[np.float64]:
    def batches() -> Iterator[Tensor]:
        for start in range(0, len(rows), BATCH_SIZE):
            yield inputs_of(model, store, rows[start : start + BATCH_SIZE])
            done = min(start + BATCH_SIZE, len(rows))
            on_event(StageProgress("Looking at the images", done, len(rows)))

    return model.answers(network_outputs(model.logits_network, batches()))


def inputs_of(model: Model, store: CanvasStore, rows: NDArray[np.int64]) -> Tensor:
    """What the network sees of these images, [n, C, H, W]."""
    return needed_preprocessing(model.preprocessing).normalise(pixels_of(model, store, rows))


def pixels_of(model: Model, store: CanvasStore, rows: NDArray[np.int64]) -> Tensor:
    """The same before it is made normal, uint8 [n, C, H, W]."""
    return needed_preprocessing(model.preprocessing).centre(store.gather(rows))
