"""Folders: a class per sub-folder, below train, val and test or unsplit."""

from collections import Counter
from pathlib import Path
from typing import Literal

import numpy as np

from striate.data.dataset import SPLIT_NAMES, Dataset, FileStore, Task, column
from striate.data.formats import sniff
from striate.data.labels import encode_names
from striate.data.sources import arrays, table
from striate.data.sources.scan import Scan, printable, scan
from striate.errors import DataError

Parts = tuple[str, ...]


def open_folder(root: Path, task: Task | Literal["auto"] = "auto") -> Dataset:
    """Open a folder of class folders, of MNIST's idx files, or of one table and its images.

    Every file below a class folder, at any depth, belongs to the class. The layout is split when
    all folders at the top are named train, val (valid, validation) or test, or one is `train`.
    """
    found = scan(root)
    if arrays.is_idx(name for (name, *below) in found.files if not below):
        return arrays.open_idx(root, found)
    if (path := table.table_in(root, found)) is not None:
        return table.open_table(path, task, found)
    return _open_classes(found)


def _open_classes(found: Scan) -> Dataset:
    tops = Counter(parts[0] for parts in found.files if len(parts) > 1)
    split_tops = {name for name in tops if name.lower() in SPLIT_NAMES}
    split = bool(split_tops) and (
        split_tops == set(tops) or any(SPLIT_NAMES[name.lower()] == "train" for name in split_tops)
    )
    depth = 2 if split else 1  # folders above a file: split and class, or class
    kept: list[Parts] = []
    for parts in found.files:
        if split and (len(parts) == 1 or parts[0] not in split_tops):
            found.skip(parts, "outside-splits", "It lies outside the folders train, val and test.")
        elif len(parts) <= depth:
            found.skip(parts, "outside-classes", "It lies in no class folder.")
        else:
            kept.append(parts)
    if not kept and found.files:
        raise _no_classes(found, split)
    _refuse_empty_classes(
        found, {parts[depth - 1] for parts in kept}, split_tops if split else None
    )
    classes, labels = encode_names([printable(parts[depth - 1]) for parts in kept])
    return Dataset(
        source=str(found.root),
        root=found.root,
        task="single_label",
        classes=classes,
        ids=tuple(printable("/".join(parts)) for parts in kept),
        labels=labels,
        split=column([SPLIT_NAMES[parts[0].lower()] if split else "" for parts in kept]),
        groups=np.full(len(kept), "", dtype="<U1"),
        images=FileStore(tuple(found.root.joinpath(*parts) for parts in kept)),
        skipped=tuple(found.skipped),
    )


def _no_classes(found: Scan, split: bool) -> DataError:
    images = sum(_is_image(found.root.joinpath(*parts)) for parts in found.files[:1000])
    place = "its split folders hold" if split else "the folder holds"
    names = ", ".join(printable("/".join(parts)) for parts in found.files[:3])
    return DataError(
        "data-no-class-folders",
        f"{found.root}: {place} no class folders: {images:,} images lie directly inside "
        f"({names} …).",
        "Make one folder for each class and move its images there, or write a table "
        "`path,label` in a .csv file and give that.",
    )


def _refuse_empty_classes(found: Scan, classes: set[str], split_tops: set[str] | None) -> None:
    """A class folder without any file is a mistake that would vanish silently."""
    if split_tops is None:
        folders = {parts[0] for parts in found.folders if len(parts) == 1}
    else:
        folders = {p[1] for p in found.folders if len(p) == 2 and p[0] in split_tops}
    empty = sorted(map(printable, folders - classes))
    if classes and empty:
        raise DataError(
            "data-empty-class",
            f"{found.root}: no file lies in the class folder{'s' if len(empty) > 1 else ''} "
            f"{', '.join(map(repr, empty[:5]))}.",
            "Put images in, or delete the folder.",
        )


def _is_image(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return sniff(file.read(16)) is not None
    except OSError:
        return False
