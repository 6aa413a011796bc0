"""Hugging Face `datasets` objects, known by their features; the package itself is not needed."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from striate.data.dataset import SPLIT_NAMES, Dataset, Task, column
from striate.data.decode import decode
from striate.data.labels import encode, encode_array, infer_task
from striate.errors import DataError

LABELS = ("label", "labels", "target", "class")


def is_huggingface(source: Any) -> bool:
    """Whether it is a Dataset (features by column) or a DatasetDict (of such)."""
    if isinstance(source, Mapping):
        return bool(source) and all(is_huggingface(part) for part in source.values())
    return hasattr(source, "features") and hasattr(source, "column_names")


@dataclass(frozen=True, eq=False)
class HuggingFaceStore:
    """Images in one column of several parts; `rows` [n, 2] are (part, row in it)."""

    parts: tuple[Any, ...]
    column: str
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def read(self, index: int) -> bytes | np.ndarray:
        part, row = self.rows[index].tolist()
        value = self.parts[part][row][self.column]
        if value is None:
            raise DataError("data-missing-file", "The row has no image.")
        if isinstance(value, Mapping):
            return value["bytes"] or Path(value["path"]).read_bytes()
        if isinstance(value, np.ndarray):
            return value
        return decode(value, channels=None).pixels

    def path(self, index: int) -> Path | None:  # noqa: ARG002  images live in Arrow tables
        return None

    def select(self, indices: np.ndarray) -> "HuggingFaceStore":
        return HuggingFaceStore(self.parts, self.column, self.rows[indices])


def open_huggingface(source: Any, task: Task | Literal["auto"] = "auto") -> Dataset:
    """Open a Dataset or a DatasetDict with a column of images and one of labels.

    `ClassLabel` names its classes, a sequence of it means several labels per image, texts are
    class names, and numbers are read as `infer_task` says.

    Raises:
        DataError: there is no such column, or a split has an unknown name.
    """
    parts = dict(source) if isinstance(source, Mapping) else {"": source}
    for name in parts:
        if name and name.lower() not in SPLIT_NAMES:
            raise DataError(
                "data-split-name",
                f"huggingface: splits are train, validation and test, got {name!r}.",
                "Rename or drop it in the DatasetDict.",
            )
    features = next(iter(parts.values())).features
    image, label = _image_column(features), _label_column(features)
    raw = tuple(_undecoded(part, image) for part in parts.values())
    values = [value for part in parts.values() for value in part[label]]
    kind, classes, labels = _labels(features[label], values, task)
    splits = [SPLIT_NAMES.get(name.lower(), "") for name in parts]
    sizes = [len(part) for part in raw]
    return Dataset(
        source="huggingface",
        root=None,
        task=kind,
        classes=classes if kind != "regression" else (label,),
        ids=tuple(
            f"{split}/{i:05d}" if split else f"{i:05d}"
            for split, size in zip(splits, sizes, strict=True)
            for i in range(size)
        ),
        labels=labels,
        split=column([s for s, size in zip(splits, sizes, strict=True) for _ in range(size)]),
        groups=np.full(sum(sizes), "", dtype="<U1"),
        images=HuggingFaceStore(
            raw, image, np.array([(p, i) for p, size in enumerate(sizes) for i in range(size)])
        ),
    )


def _image_column(features: Mapping[str, Any]) -> str:
    images = [name for name, feature in features.items() if type(feature).__name__ == "Image"]
    if not images:
        raise DataError(
            "data-columns", f"huggingface: no column holds images, found: {', '.join(features)}."
        )
    return "image" if "image" in images else images[0]


def _label_column(features: Mapping[str, Any]) -> str:
    named = [name for name in LABELS if name in features]
    typed = [name for name, feature in features.items() if _class_names(feature) is not None]
    if not (named or typed):
        raise DataError(
            "data-columns",
            f"huggingface: no column holds labels, found: {', '.join(features)}.",
            "Name it label.",
        )
    return (named or typed)[0]


def _class_names(feature: Any) -> list[str] | None:
    """The names of a ClassLabel, or of a sequence of it."""
    inner = getattr(feature, "feature", feature)
    names = getattr(inner, "names", None)
    return None if names is None else [str(name) for name in names]


def _undecoded(part: Any, image: str) -> Any:
    """The images column as the files' bytes, so that decoding is ours."""
    return part.select_columns([image]).cast_column(image, type(part.features[image])(decode=False))


def _labels(
    feature: Any, values: list[Any], task: Task | Literal["auto"]
) -> tuple[Task, tuple[str, ...], np.ndarray]:
    names = _class_names(feature)
    if names is not None and hasattr(feature, "feature"):
        rows = np.zeros((len(values), len(names)), dtype=np.float32)
        for row, some in zip(rows, values, strict=True):
            row[list(some)] = 1
        return encode_array(rows, "multi_label", "huggingface", names)
    if names is not None:
        return encode_array(np.array(values, dtype=np.int64), "single_label", "huggingface", names)
    texts = ["|".join(map(str, v)) + "|" if isinstance(v, list) else str(v) for v in values]
    kind = infer_task(texts) if task == "auto" else task
    return kind, *encode(texts, kind, "label", "huggingface")
