"""Opening data: whatever a person points at becomes a `Dataset`."""

from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from striate.data.dataset import Dataset, Task
from striate.data.sources import arrays, digits, folder, huggingface, table
from striate.data.sources.files import open_files as open_files
from striate.errors import DataError, UsageError

BUILT_IN = {"digits": digits.open_digits}


def open_dataset(
    source: Any, *, task: Task | Literal["auto"] = "auto", least_classes: int = 2
) -> Dataset:
    """Open a dataset; nothing is decoded yet.

    Args:
        source: a folder with a class per sub-folder (below train, val and test, or unsplit), with
            MNIST's idx files, or with one table; a CSV or Parquet table `path,label[,split,group]`;
            an `.npz` file; `"digits"`; `(images, labels)` or `{"train": (images, labels), …}` of
            NumPy arrays [N, H, W] or [N, H, W, C] or of torch tensors [N, C, H, W]; a Hugging
            Face Dataset or DatasetDict.
        task: force the kind of task where labels can be read in two ways (see `infer_task`).
        least_classes: refuse fewer; 1 is enough to judge a model.
    Raises:
        DataError: the source is missing, empty or laid out in a way that cannot be meant.
    """
    dataset = _open(source, task)
    if task not in ("auto", dataset.task):
        raise DataError(
            "data-task", f"{dataset.source}: the labels are {dataset.task}, {task} was asked for."
        )
    if not len(dataset):
        raise _nothing(dataset)
    if dataset.task == "single_label" and len(dataset.classes) < least_classes:
        raise _too_few_classes(dataset, least_classes)
    return dataset


def _open(source: Any, task: Task | Literal["auto"]) -> Dataset:
    if huggingface.is_huggingface(source):
        return huggingface.open_huggingface(source, task)
    if isinstance(source, (tuple, list, dict)):
        return arrays.open_arrays(source, task)
    if not isinstance(source, (str, Path)):
        raise UsageError(
            "usage-data",
            "data: a path, a built-in name, (images, labels) or a Hugging Face dataset is needed, "
            f"got {type(source).__name__}.",
        )
    path = Path(source).expanduser()
    if not path.exists():
        if str(source) in BUILT_IN:
            return BUILT_IN[str(source)]()
        raise missing(path)
    if path.is_dir():
        return folder.open_folder(path, task)
    if path.suffix.lower() in (".csv", ".tsv", ".parquet"):
        return table.open_table(path, task)
    if path.suffix.lower() == ".npz":
        return arrays.open_npz(path, task)
    raise _wrong_file(path)


def missing(path: Path) -> DataError:
    """The error for a path that does not exist, with similar names that do."""
    folder = path.parent
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    try:
        there = [entry.name for entry in folder.iterdir() if not entry.name.startswith(".")]
    except OSError:
        there = []
    wanted = path.relative_to(folder).parts[0] if path != folder else path.name
    close = get_close_matches(wanted.lower(), [name.lower() for name in there], n=3, cutoff=0.5)
    near = [str(folder / name) for name in there if name.lower() in close]
    near += get_close_matches(str(path), BUILT_IN, n=1)
    fix = f"Did you mean {' or '.join(near[:3])}?" if near else f"Looked in {folder.absolute()}."
    if not near and len(path.parts) == 1:
        fix += f" Built in: {', '.join(BUILT_IN)}."
    return DataError("data-not-found", f"{path} does not exist.", fix)


def _wrong_file(path: Path) -> DataError:
    if arrays.is_idx([path.name]):
        return DataError(
            "data-not-a-dataset",
            f"{path} is one of MNIST's four files.",
            f"Give the folder they lie in: {path.parent}.",
        )
    archives = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z", ".rar")
    if path.suffix.lower() in archives:
        return DataError(
            "data-archive",
            f"{path} is an archive.",
            "Unpack it first and give the folder that holds the class folders.",
        )
    return DataError(
        "data-not-a-dataset",
        f"{path} is a single file, and neither .csv, .parquet nor .npz.",
        "Give the folder that holds a folder for each class.",
    )


def _nothing(dataset: Dataset) -> DataError:
    if not dataset.skipped:
        return DataError("data-empty", f"{dataset.source} is empty: no files were found.")
    reasons = sorted({verdict.reason for verdict in dataset.skipped})
    return DataError(
        "data-no-images",
        f"{dataset.source}: none of the {len(dataset.skipped):,} files found can be used "
        f"({', '.join(reasons)}). First: {dataset.skipped[0].path}: {dataset.skipped[0].detail}",
    )


def _too_few_classes(dataset: Dataset, least: int) -> DataError:
    only = dataset.classes[0] if dataset.classes else ""
    what = f"{dataset.source}: only one class was found, {only!r}; at least {least} are needed."
    if dataset.root is None:
        return DataError("data-one-class", what)
    below = sorted(
        {tail.split("/", 1)[0] for i in dataset.ids if "/" in (tail := i.split(f"{only}/", 1)[-1])}
    )
    if len(below) > 1:
        return DataError(
            "data-one-class",
            what,
            f"The folder {only!r} holds {', '.join(below[:5])}: if these are the classes, "
            f"give {dataset.root / only}.",
        )
    return DataError("data-one-class", what, "Put the images of each class in a folder of its own.")
