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

MOST_CLASSES = 20


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
    def labels(self) -> NDArray[np.int64]:
        """Of the rows."""
        return self.dataset.labels[self.rows]


def judged_data(data: str, run: str, model: Model, on_event: OnEvent) -> Judged:
    """Open the data and let the model answer.

    Raises:
        DataError: they cannot be opened, or have classes that the model does not know.
    """
    opened = open_dataset(data, task="single_label", least_classes=1)
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


def shown_classes(
    judged: Judged, model: Model, wanted: tuple[str, ...] | None
) -> tuple[list[int], list[str]]:
    """The classes to show, in their order, and the names of those that are left out.

    Where there are too many, those with the smallest share of right answers are shown.
    """
    labels = judged.labels
    right = judged.values.argmax(axis=1) == labels
    present = np.unique(labels).tolist()
    if wanted is not None:
        chosen = [model.classes.index(name) for name in wanted]
        shown = [number for number in chosen if number in present]
        if not shown:
            raise DataError(
                "explain-gallery-empty",
                f"The data have no image of {', '.join(wanted)}.",
                f"They have {', '.join(model.classes[k] for k in present[:10])}.",
            )
        return shown, []
    worst = sorted(present, key=lambda number: float(right[labels == number].mean()))
    shown = sorted(worst[:MOST_CLASSES])
    return shown, [model.classes[number] for number in present if number not in shown]
