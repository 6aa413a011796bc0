"""The record table: every image with its label, split and group, whatever it came from."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from striate.errors import DataError

Task = Literal["single_label", "multi_label", "regression"]
SPLITS = ("train", "val", "test")
SPLIT_NAMES = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}


class ImageStore(Protocol):
    """Where the images of a dataset are read from, by record number. Can be pickled."""

    def __len__(self) -> int: ...

    def read(self, index: int) -> bytes | np.ndarray:
        """A file's content, or an array [H, W, C] of uint8, uint16 or float32 in 0..1."""

    def path(self, index: int) -> Path | None:
        """The image's file, where it has one of its own."""

    def select(self, indices: np.ndarray) -> "ImageStore":
        """The same images in another choice and order."""


@dataclass(frozen=True)
class FileStore:
    """Images in files."""

    paths: tuple[Path, ...]

    def __len__(self) -> int:
        return len(self.paths)

    def read(self, index: int) -> bytes:
        return self.paths[index].read_bytes()

    def path(self, index: int) -> Path | None:
        return self.paths[index]

    def select(self, indices: np.ndarray) -> "FileStore":
        return FileStore(tuple(self.paths[i] for i in indices.tolist()))


@dataclass(frozen=True, eq=False)
class ArrayStore:
    """Images of one size in memory: rows `index` of `array`.

    Shape: array [N, H, W, C] of uint8, uint16 or float32 in 0..1; index int64 [n].
    """

    array: np.ndarray
    index: np.ndarray

    def __len__(self) -> int:
        return len(self.index)

    def read(self, index: int) -> np.ndarray:
        return self.array[self.index[index]]

    def gather(self, indices: np.ndarray) -> np.ndarray:
        """Several images at once: [n, H, W, C]."""
        return self.array[self.index[indices]]

    def path(self, index: int) -> Path | None:  # noqa: ARG002  no image has a file of its own
        return None

    def select(self, indices: np.ndarray) -> "ArrayStore":
        return ArrayStore(self.array, self.index[indices])


@dataclass(frozen=True)
class FileVerdict:
    """What became of one file or record.

    Args:
        path: the record's id, or the path relative to the dataset's root.
        sha256: of the content, empty where it was not read.
        reason: stable word, such as `truncated`; empty for a used file.
        detail: the reason as a sentence.
    """

    path: str
    sha256: str = ""
    status: Literal["used", "excluded"] = "used"
    reason: str = ""
    detail: str = ""


@dataclass(frozen=True, eq=False)
class Dataset:
    """All records of a dataset, column by column; n records.

    Args:
        source: what the person gave, for messages.
        root: the folder that ids are relative to; None for arrays.
        classes: names in the order of the labels' numbers; for regression the target's name.
        ids: unique, such as `train/cats/1.jpg` or `train/00017`.
        labels: single_label int64 [n], -1 where unknown; multi_label float32 [n, classes] of
            0 and 1; regression float32 [n].
        split: `train`, `val`, `test` or `""` (not assigned) [n].
        groups: records of one group stay in one split; `""` is no group [n].
        skipped: files found that are no records, with the reason.
    """

    source: str
    root: Path | None
    task: Task
    classes: tuple[str, ...]
    ids: tuple[str, ...]
    labels: np.ndarray
    split: np.ndarray
    groups: np.ndarray
    images: ImageStore
    skipped: tuple[FileVerdict, ...] = ()

    def __post_init__(self) -> None:
        lengths = {
            name: len(getattr(self, name))
            for name in ("ids", "labels", "split", "groups", "images")
        }
        if len(set(lengths.values())) > 1:
            raise DataError("data-lengths", f"{self.source}: columns differ in length, {lengths}.")
        if len(set(self.ids)) < len(self.ids):
            twice = [name for name, count in Counter(self.ids).most_common(3) if count > 1]
            raise DataError("data-ids", f"{self.source}: ids must be unique, repeated: {twice}.")
        strange = sorted(set(self.split.tolist()) - {"", *SPLITS})
        if strange:
            raise DataError(
                "data-split-name",
                f"{self.source}: splits are train, val and test, got {', '.join(strange[:5])}.",
            )

    def __len__(self) -> int:
        return len(self.ids)

    def where(self, split: str) -> np.ndarray:
        """Record numbers of a split, ascending."""
        return np.flatnonzero(self.split == split)

    def select(self, indices: Sequence[int] | np.ndarray) -> "Dataset":
        """The dataset of these records, in this order; classes stay."""
        rows = np.asarray(indices, dtype=np.int64)
        return replace(
            self,
            ids=tuple(self.ids[i] for i in rows.tolist()),
            labels=self.labels[rows],
            split=self.split[rows],
            groups=self.groups[rows],
            images=self.images.select(rows),
        )

    def label_text(self, index: int) -> str:
        """A record's label as a table writes it: `cats`, `cats|indoors`, `3.5`; none is empty."""
        if self.task == "multi_label":
            return "|".join(self.classes[k] for k in np.flatnonzero(self.labels[index]))
        if self.task == "regression":
            return str(self.labels[index])
        number = int(self.labels[index])
        return self.classes[number] if number >= 0 else ""


def column(values: Sequence[str]) -> np.ndarray:
    """Texts as a NumPy column."""
    return np.array(values, dtype=np.str_) if len(values) else np.empty(0, dtype="<U1")
