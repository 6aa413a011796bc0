"""From labels as people write them to classes and numbers."""

import math
from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np

from striate.data.dataset import Task
from striate.errors import DataError

MOST_NUMBERED_CLASSES = 50


def sorted_classes(names: Iterable[str]) -> tuple[str, ...]:
    """Class names in order: as numbers where all are whole numbers, else by name.

    >>> sorted_classes(["10", "9"]), sorted_classes(["b", "a", "b"])
    (('9', '10'), ('a', 'b'))
    """
    unique = set(names)
    if all(name.isdecimal() for name in unique):
        return tuple(sorted(unique, key=lambda name: (int(name), name)))
    return tuple(sorted(unique))


def infer_task(texts: Sequence[str]) -> Task:
    """Guess the kind of task from labels in a table; empty texts do not count.

    A `|` anywhere means several labels per image. Numbers with a fraction mean regression. Whole
    numbers are class names when there are at most 50 different ones and at most half as many
    as images; otherwise they mean regression. Anything else is a class name.
    """
    if any("|" in text for text in texts):
        return "multi_label"
    numbers = [number(text) for text in texts if text]
    if not numbers or any(value is None for value in numbers):
        return "single_label"
    values = {value for value in numbers if value is not None}
    few = len(values) <= MOST_NUMBERED_CLASSES and 2 * len(values) <= len(numbers)
    whole = all(value.is_integer() for value in values)
    return "single_label" if whole and few else "regression"


def number(text: str) -> float | None:
    """The finite number a text stands for, if it is one."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def encode(
    texts: Sequence[str], task: Task, column: str, where: str
) -> tuple[tuple[str, ...], np.ndarray]:
    """Classes and label numbers of a table's labels; `texts` has no empty ones but in multi-label.

    Raises:
        DataError: a label that should be a number is none.
    """
    if task == "regression":
        values = [number(text) for text in texts]
        bad = [text for text, value in zip(texts, values, strict=True) if value is None]
        if bad:
            raise DataError(
                "data-label-number",
                f"{where}: regression needs numbers, got {bad[0]!r} in {len(bad)} of "
                f"{len(texts)} labels.",
            )
        return (column,), np.array(values, dtype=np.float32)
    if task == "single_label":
        return encode_names(texts)
    parts = [[part.strip() for part in text.split("|") if part.strip()] for text in texts]
    classes = sorted_classes(part for some in parts for part in some)
    position = {name: k for k, name in enumerate(classes)}
    labels = np.zeros((len(texts), len(classes)), dtype=np.float32)
    for row, some in enumerate(parts):
        labels[row, [position[name] for name in some]] = 1
    return classes, labels


def encode_names(names: Sequence[str]) -> tuple[tuple[str, ...], np.ndarray]:
    """Sorted classes and every name's number in them, int64."""
    classes = sorted_classes(names)
    position = {name: k for k, name in enumerate(classes)}
    return classes, np.array([position[name] for name in names], dtype=np.int64)


def encode_array(
    labels: np.ndarray, task: Task | Literal["auto"], where: str, names: Sequence[str] | None = None
) -> tuple[Task, tuple[str, ...], np.ndarray]:
    """Task, classes and label numbers of an array of labels.

    Whole numbers and texts [n] are classes, floats [n] regression; zeros and ones [n, K] are
    one-hot where every row has exactly one, else several labels per image.

    Args:
        names: the classes' names where labels are numbers 0..K-1 or [n, K]; else the numbers.
    """
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim == 2:
        return _encode_rows(labels, task, where, names)
    if labels.ndim != 1:
        raise DataError("data-labels", f"{where}: labels are [n] or [n, K], got {labels.shape}.")
    numeric = np.issubdtype(labels.dtype, np.number) or labels.dtype == np.bool_
    if task == "regression" or (task == "auto" and np.issubdtype(labels.dtype, np.floating)):
        if not numeric or not np.isfinite(labels).all():
            raise DataError("data-label-number", f"{where}: regression needs finite numbers.")
        return "regression", ("target",), labels.astype(np.float32)
    if task == "multi_label":
        raise DataError("data-labels", f"{where}: multi-label needs labels [n, K] of 0 and 1.")
    if not numeric:
        return "single_label", *encode_names([str(label) for label in labels.tolist()])
    whole = labels.astype(np.int64)
    if (whole != labels).any():
        raise DataError("data-labels", f"{where}: class numbers must be whole.")
    if names is None:
        return "single_label", *encode_names([str(value) for value in whole.tolist()])
    _check_names(names, int(whole.min(initial=0)), int(whole.max(initial=-1)) + 1, where)
    return "single_label", tuple(names), whole


def _encode_rows(
    labels: np.ndarray, task: Task | Literal["auto"], where: str, names: Sequence[str] | None
) -> tuple[Task, tuple[str, ...], np.ndarray]:
    if task == "regression" or not np.isin(labels, (0, 1)).all():
        raise DataError(
            "data-labels", f"{where}: labels {list(labels.shape)} must be zeros and ones."
        )
    classes = tuple(names or map(str, range(labels.shape[1])))
    _check_names(classes, 0, labels.shape[1], where)
    one_hot = bool((labels.sum(axis=1) == 1).all())
    if task == "single_label" and not one_hot:
        raise DataError("data-labels", f"{where}: rows of one-hot labels must have exactly one 1.")
    if task == "multi_label" or not one_hot:
        return "multi_label", classes, labels.astype(np.float32)
    return "single_label", classes, labels.argmax(axis=1).astype(np.int64)


def _check_names(names: Sequence[str], low: int, count: int, where: str) -> None:
    if low < 0 or count > len(names) or len(set(names)) < len(names):
        raise DataError(
            "data-class-names",
            f"{where}: {len(names)} class names for labels {low} to {count - 1}; names are "
            "unique and labels count from 0.",
        )
