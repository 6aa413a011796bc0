"""What every judge asks of the numbers it is given."""

from typing import Any

import numpy as np
import numpy.typing as npt

from striate.errors import DataError, ShapeError, UsageError
from striate.metrics.intervals import Floats

Ints = npt.NDArray[np.int64]
ROW_SUM_TOLERANCE = 1e-3  # bfloat16 softmax is this far from 1


def check_finite(where: str, **named: Floats) -> None:
    """Raise if a number is NaN or infinite, naming the first image."""
    for name, values in named.items():
        bad = ~np.isfinite(values).all(axis=tuple(range(1, values.ndim)))
        if bad.any():
            raise DataError(
                "metrics-not-finite",
                f"{where}: {name} must be finite, got NaN or infinity for {int(bad.sum())} of "
                f"{len(values)} images, the first at position {int(bad.argmax())}.",
                "Look at the image and at the weights: training may have diverged.",
            )


def check_same_length(where: str, **named: npt.NDArray[Any]) -> int:
    """The number of images, the same for all arrays and at least one."""
    lengths = {name: len(values) for name, values in named.items()}
    if len(set(lengths.values())) > 1 or not min(lengths.values()):
        said = " and ".join(f"{length} {name}" for name, length in lengths.items())
        raise ShapeError(
            "metrics-length",
            f"{where}: one row per image is needed and at least one image, got {said}.",
            "Pass outputs and targets of the same images in the same order.",
        )
    return min(lengths.values())


def check_probabilities(where: str, values: npt.ArrayLike, classes: int) -> Floats:
    """Probabilities [n, classes] as float64, each in 0..1."""
    found = np.asarray(values, dtype=np.float64)
    if found.ndim != 2 or found.shape[1] != classes:
        raise ShapeError(
            "metrics-shape",
            f"{where}: outputs must be [images, {classes}], one column per class, "
            f"got {list(found.shape)}.",
            "Check that the classes are those of the model.",
        )
    check_finite(where, outputs=found)
    if found.size and (found.min() < -1e-6 or found.max() > 1 + 1e-6):
        raise not_probabilities(where, f"values from {found.min():.4g} to {found.max():.4g}")
    return found.clip(0, 1)


def check_distribution(where: str, values: npt.ArrayLike, classes: int) -> Floats:
    """Probabilities [n, classes] as float64 whose rows sum to 1 exactly (to rounding)."""
    found = check_probabilities(where, values, classes)
    sums = found.sum(axis=1, keepdims=True)
    worst = float(np.abs(sums - 1).max(initial=0))
    if worst > ROW_SUM_TOLERANCE:
        raise not_probabilities(where, f"a row whose sum is off by {worst:.4g}")
    return found / sums


def not_probabilities(where: str, got: str) -> UsageError:
    return UsageError(
        "metrics-not-probabilities",
        f"{where}: outputs must be probabilities in 0..1 (one class per image: rows sum to 1), "
        f"got {got}.",
        "Pass logits through `probabilities` first.",
    )


def check_labels(where: str, values: npt.ArrayLike, classes: int) -> Ints:
    """Class numbers [n] as int64, each in 0..classes-1."""
    found = np.asarray(values)
    if found.ndim != 1 or not np.issubdtype(found.dtype, np.integer):
        raise ShapeError(
            "metrics-labels",
            f"{where}: targets must be whole class numbers, [images], "
            f"got {found.dtype} {list(found.shape)}.",
            "For one-hot targets pass their argmax.",
        )
    if found.size and (found.min() < 0 or found.max() >= classes):
        raise DataError(
            "metrics-unknown-class",
            f"{where}: targets must be 0 to {classes - 1}, got {found.min()} to {found.max()}.",
            "Bind the labels to the model's classes by name.",
        )
    return found.astype(np.int64)


def check_multi_hot(where: str, values: npt.ArrayLike, classes: int) -> npt.NDArray[np.bool_]:
    """Multi-label targets [n, classes] of 0 and 1, as booleans."""
    found = np.asarray(values)
    if found.ndim != 2 or found.shape[1] != classes or not np.isin(found, (0, 1)).all():
        raise ShapeError(
            "metrics-labels",
            f"{where}: multi-label targets must be 0 or 1, [images, {classes}], "
            f"got {found.dtype} {list(found.shape)}.",
            "Give every image one 0 or 1 per class.",
        )
    return found.astype(bool)


def check_column(where: str, values: npt.ArrayLike) -> Floats:
    """One number per image, [n] or [n, 1], as float64 [n]."""
    found = np.asarray(values, dtype=np.float64)
    if found.ndim == 2 and found.shape[1] == 1:
        return found[:, 0]
    if found.ndim != 1:
        raise ShapeError(
            "metrics-shape",
            f"{where}: regression takes one number per image, [images], got {list(found.shape)}.",
            "Judge several targets one by one.",
        )
    return found


def unknown_task(where: str, task: object) -> UsageError:
    return UsageError(
        "metrics-task",
        f"{where}: task must be 'single_label', 'multi_label' or 'regression', got {task!r}.",
        "Pass the task of the data set.",
    )
