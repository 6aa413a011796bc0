"""Arrays: NumPy and torch, `.npz` files, and MNIST's idx files."""

import gzip
import struct
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from striate.data.dataset import SPLIT_NAMES, ArrayStore, Dataset, Task, column
from striate.data.labels import encode_array
from striate.data.sources.scan import Scan
from striate.errors import DataError

Part = tuple[np.ndarray, np.ndarray]  # images, labels
IDX_PARTS = {"train": "train", "t10k": "test"}  # MNIST's word for a split -> ours
IDX_TYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
IMAGE_KEYS, LABEL_KEYS = ("x", "images", "image", "data"), ("y", "labels", "label", "target")


def open_arrays(source: Any, task: Task | Literal["auto"] = "auto") -> Dataset:
    """Open `(images, labels)` or `{"train": (images, labels), "test": …}`."""
    parts = source if isinstance(source, Mapping) else {"": source}
    pairs: dict[str, Part] = {}
    for name, pair in parts.items():
        split = SPLIT_NAMES.get(str(name).lower(), "")
        if name != "" and not split:
            raise DataError(
                "data-split-name", f"arrays: splits are train, val and test, got {name!r}."
            )
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise DataError(
                "data-arrays", f"arrays: {name or 'data'} must be a pair (images, labels)."
            )
        pairs[split] = (_images(pair[0], f"arrays {name}".strip()), _numpy(pair[1]))
    return from_parts(pairs, "arrays", task)


def open_npz(path: Path, task: Task | Literal["auto"] = "auto") -> Dataset:
    """Open an `.npz` file with `x` and `y` (or `images`, `labels`), or `x_train`, `y_train`, ….

    Texts in `classes` name the classes. Pickled objects inside are refused.
    """
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            content = {name.lower(): file[name] for name in file.files}
    except (OSError, ValueError, TypeError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise DataError("data-npz", f"{path} cannot be read as .npz: {error}.") from error
    pairs: dict[str, Part] = {}
    for end, split in {"": "", **SPLIT_NAMES}.items():
        tail = f"_{end}" if end else ""
        images = [content[key + tail] for key in IMAGE_KEYS if key + tail in content]
        labels = [content[key + tail] for key in LABEL_KEYS if key + tail in content]
        if images and labels:
            pairs[split] = (_images(images[0], f"{path} {end}".strip()), labels[0])
    if not pairs:
        raise DataError(
            "data-npz",
            f"{path} holds {', '.join(sorted(content)) or 'nothing'}; images and labels are "
            "expected as x and y, or x_train, y_train, x_test, y_test.",
        )
    names = content.get("classes")
    return from_parts(pairs, str(path), task, None if names is None else [str(n) for n in names])


def is_idx(names: Iterable[str]) -> bool:
    """Whether the files are MNIST's: `train-images-idx3-ubyte`, with or without `.gz`."""
    return any("-images-idx3-ubyte" in name for name in names)


def open_idx(root: Path, found: Scan) -> Dataset:
    """Open MNIST's four files, or the two of one part."""
    names = {parts[0] for parts in found.files if len(parts) == 1}
    pairs: dict[str, Part] = {}
    used: set[str] = set()
    for word, split in IDX_PARTS.items():
        files = [
            _idx_name(names, f"{word}-{kind}-ubyte") for kind in ("images-idx3", "labels-idx1")
        ]
        if files[0] is None and files[1] is None:
            continue
        if files[0] is None or files[1] is None:
            raise DataError("data-idx", f"{root}: of {word}, images or labels are missing.")
        used.update(name for name in files if name)
        pairs[split] = (_images(read_idx(root / files[0]), files[0]), read_idx(root / files[1]))
    for parts in found.files:
        if parts[0] not in used:
            found.skip(parts, "not-idx", "It is none of MNIST's idx files.")
    return from_parts(pairs, str(root), "single_label", skipped=found)


def _idx_name(names: set[str], stem: str) -> str | None:
    return next((name for name in (stem, f"{stem}.gz") if name in names), None)


def read_idx(path: Path) -> np.ndarray:
    """Read one idx file: two zero bytes, type, number of axes, the axes' sizes, the values.

    Source: LeCun, Cortes, Burges, "The MNIST database", file format at the end of the page.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            zeros, kind, axes = struct.unpack(">HBB", file.read(4))
            if zeros or kind not in IDX_TYPES:
                raise ValueError("its first bytes are not those of an idx file")
            shape = struct.unpack(f">{axes}I", file.read(4 * axes))
            dtype = np.dtype(IDX_TYPES[kind])
            expected = int(np.prod(shape, dtype=object)) * dtype.itemsize
            data = file.read(expected + 1)  # one more: trailing bytes mean a wrong header
    except (OSError, EOFError, zlib.error, struct.error, ValueError, OverflowError) as error:
        raise DataError("data-idx", f"{path} cannot be read as idx: {error}.") from error
    if len(data) != expected:
        raise DataError(
            "data-idx", f"{path}: {expected:,} bytes of values were announced, {len(data):,} came."
        )
    return np.frombuffer(data, dtype).reshape(shape)


def from_parts(
    parts: Mapping[str, Part],
    source: str,
    task: Task | Literal["auto"] = "auto",
    names: list[str] | None = None,
    skipped: Scan | None = None,
) -> Dataset:
    """A dataset of images [N, H, W, C] and labels by split; ids are `train/00017`."""
    ids: list[str] = []
    for split, (images, labels) in parts.items():
        if len(images) != len(labels):
            raise DataError(
                "data-lengths",
                f"{source}: {len(images):,} images and {len(labels):,} labels"
                f"{f' in {split}' if split else ''}.",
            )
        ids += [f"{split}/{i:05d}" if split else f"{i:05d}" for i in range(len(images))]
    shapes = {images.shape[1:] for images, _ in parts.values()}
    if len(shapes) > 1:
        raise DataError("data-shape", f"{source}: images differ in shape: {sorted(shapes)}.")
    kinds = {"rows" if labels.ndim > 1 else "column" for _, labels in parts.values()}
    if len(kinds) > 1:
        raise DataError("data-labels", f"{source}: labels differ in shape between the splits.")
    images = _scaled(_joined([images for images, _ in parts.values()]), source)
    kind, classes, labels = encode_array(
        _joined([labels for _, labels in parts.values()]), task, source, names
    )
    return Dataset(
        source=source,
        root=skipped.root if skipped else None,
        task=kind,
        classes=classes,
        ids=tuple(ids),
        labels=labels,
        split=column([name for name, (rows, _) in parts.items() for _ in range(len(rows))]),
        groups=np.full(len(ids), "", dtype="<U1"),
        images=ArrayStore(images, np.arange(len(images))),
        skipped=tuple(skipped.skipped) if skipped else (),
    )


def _joined(arrays: list[np.ndarray]) -> np.ndarray:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _numpy(values: Any) -> np.ndarray:
    if hasattr(values, "detach"):  # a torch tensor
        return values.detach().cpu().numpy()
    return np.asarray(values)


def _images(values: Any, where: str) -> np.ndarray:
    """Images as [N, H, W, C]; torch's [N, C, H, W] is turned."""
    array = _numpy(values)
    if array.ndim == 3:
        array = array[..., None]
    elif array.ndim == 4 and hasattr(values, "detach"):
        array = array.transpose(0, 2, 3, 1)
    if array.ndim != 4 or 0 in array.shape[1:]:
        raise DataError(
            "data-shape",
            f"{where}: images are [N, H, W] or [N, H, W, C] (torch: [N, C, H, W]), "
            f"got {list(array.shape)}.",
        )
    channels, first = array.shape[3], array.shape[1]
    if not hasattr(values, "detach") and first in (1, 3, 4) and channels > 4:
        raise DataError(
            "data-channels-first",
            f"{where}: shape {list(array.shape)} looks like [N, C, H, W].",
            "Give NumPy images as [N, H, W, C]: images.transpose(0, 2, 3, 1).",
        )
    return array


def _scaled(images: np.ndarray, source: str) -> np.ndarray:
    """Images as uint8, uint16, or float32 in 0..1.

    Whole numbers up to 255, whatever their type, are 8-bit and up to 65,535 16-bit; other
    floats must lie in 0..1. Floats that are only zeros and ones are taken as 0..1.
    """
    if images.dtype in (np.uint8, np.uint16) or not images.size:
        return images
    if images.dtype == np.bool_:
        return images.astype(np.uint8) * np.uint8(255)
    if not np.issubdtype(images.dtype, np.number) or np.iscomplexobj(images):
        raise DataError("data-range", f"{source}: images must be numbers, got {images.dtype}.")
    floats = np.issubdtype(images.dtype, np.floating)
    good = images[np.isfinite(images).reshape(len(images), -1).all(axis=1)] if floats else images
    low, high = float(good.min(initial=0)), float(good.max(initial=0))
    if floats and low >= 0 and high <= 1:
        return images.astype(np.float32)
    if low < 0 or high > 65535 or (floats and not (good == np.rint(good)).all()):
        raise DataError(
            "data-range",
            f"{source}: images must be whole numbers 0..255 (or 0..65,535), or floats in 0..1; "
            f"got {images.dtype} from {low:g} to {high:g}.",
            "Undo any normalisation: Striate scales images itself.",
        )
    if len(good) < len(images):
        raise DataError("data-range", f"{source}: some images hold NaN or infinity.")
    return images.astype(np.uint8 if high <= 255 else np.uint16)
