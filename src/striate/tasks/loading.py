"""From a dataset to batches: where images come from, in what order, with which targets."""

import os
from dataclasses import dataclass

import numpy as np
import torch

from striate.data import (
    CanvasStore,
    Dataset,
    EvalBatches,
    TrainBatches,
    canvas_store,
    default_cache,
)
from striate.errors import UsageError
from striate.inference import BATCH_SIZE
from striate.model import Model
from striate.predictions import Task
from striate.tasks.plan import Plan
from striate.tasks.preparing import Prepared
from striate.training import OnEvent, StageProgress, sampling_weights


@dataclass(frozen=True)
class TrainingData:
    """The training and validation parts as the loop wants them.

    Args:
        dataset: train and validation records; record numbers of batches count in it.
        target_scale: mean and deviation of the numbers to predict; the network learns them scaled.
    """

    dataset: Dataset
    store: CanvasStore
    train: TrainBatches
    val: EvalBatches | None
    target_scale: tuple[float, float]

    @property
    def task(self) -> Task:
        return self.dataset.task

    @property
    def ids(self) -> tuple[str, ...]:
        return self.dataset.ids

    def scaled_labels(self, part: str) -> np.ndarray:
        """The labels as the network learns them."""
        return scaled(self.labels(part), self.target_scale)

    def labels(self, part: str) -> np.ndarray:
        """The labels of one part, in record order."""
        return self.dataset.labels[self.dataset.where(part)]


def training_data(
    prepared: Prepared, plan: Plan, device: torch.device, on_event: OnEvent
) -> TrainingData:
    """Make the training and validation parts ready; the test part stays shut."""
    dataset, recipe = prepared.training_part(), plan.request
    store = canvas_store(
        dataset,
        plan.preprocessing,
        workers=recipe.workers or 0,
        cache=default_cache(),
        epochs=recipe.epochs or 1,
        hashes=prepared.hashes(),
        on_progress=lambda done, total: on_event(StageProgress("Resizing the images", done, total)),
    )
    targets = torch.from_numpy(scaled(dataset.labels, plan.target_scale))
    rows, val_rows = dataset.where("train"), dataset.where("val")
    train = TrainBatches(
        store,
        targets,
        rows,
        batch_size=recipe.batch_size or 1,
        seed=recipe.seed,
        preprocessing=plan.preprocessing,
        augmentation=plan.augmentation,
        classes=len(dataset.classes) if dataset.task == "single_label" else None,
        sample_weights=_draws(plan, dataset, rows),
        workers=recipe.workers or 0,
        device=device,
    )
    val = EvalBatches(
        store,
        targets,
        val_rows,
        batch_size=BATCH_SIZE,
        preprocessing=plan.preprocessing,
        device=device,
    )
    return TrainingData(dataset, store, train, val if len(val_rows) else None, plan.target_scale)


def _draws(plan: Plan, dataset: Dataset, rows: np.ndarray) -> np.ndarray | None:
    """How often each training image is drawn, where rare classes are drawn more often."""
    if plan.request.imbalance != "sampler":
        return None
    if dataset.task != "single_label":
        raise UsageError(
            "usage-imbalance",
            f"--imbalance sampler needs one label per image; the task is {dataset.task}.",
            "Use weights or focal.",
        )
    return sampling_weights(dataset.labels[rows])


def scaled(labels: np.ndarray, scale: tuple[float, float]) -> np.ndarray:
    """Numbers to predict, brought to mean 0 and deviation 1; class numbers as they are."""
    mean, deviation = scale
    return labels if scale == (0.0, 1.0) else ((labels - mean) / deviation).astype(np.float32)


def store_for(dataset: Dataset, model: Model) -> CanvasStore:
    """A store for images that are read once."""
    assert model.preprocessing is not None  # noqa: S101  every run's model has one
    return canvas_store(dataset, model.preprocessing, workers=os.cpu_count() or 1)
