"""Dividing records into train, val and test: stratified, seeded, groups kept together."""

import csv
import hashlib
import io
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from striate.data.check import CheckReport, usable
from striate.data.dataset import SPLITS, Dataset, column
from striate.data.duplicates import joined
from striate.data.findings import LEAST_TO_SPLIT, Finding, listed
from striate.errors import DataError, UsageError
from striate.files import write_atomic

Unit = list[int]  # records that must stay together
COLUMNS = ("path", "label", "split", "group")
BINS = 10  # of a regression target, for stratifying


def split(
    dataset: Dataset, report: CheckReport, *, seed: int = 0, val: float = 0.15, test: float = 0.15
) -> Dataset:
    """The usable records, each in train, val or test.

    Given splits stay; a missing val or test part is taken from the training records, class by
    class. Records of one group, and near-duplicates of one another, stay together. A class of
    fewer than 3 such units stays in train. The result depends on the seed and the ids alone,
    not on the order of the files. Regression is stratified by tenths of the target, multi-label
    by the rarest label of an image.

    Args:
        val, test: fractions 0..1 of the records that are free to be divided; 0 makes no such part.
    Raises:
        DataError: the check found an error (its code), there is nothing to train on
            (`data-no-train`), or too little to divide (`data-too-few`).
    """
    if val < 0 or test < 0 or val + test >= 1:
        raise UsageError(
            "usage-split", f"split: val and test are fractions whose sum is < 1, got {val}, {test}."
        )
    _refuse_errors(dataset, report)
    data = usable(dataset, report)
    if data.task == "single_label" and len(data.classes) < 2:
        raise DataError("data-one-class", f"{data.source}: only one class has usable images.")
    free = np.flatnonzero(np.isin(data.split, ("", "train")))
    if not len(free):
        raise DataError("data-no-train", f"{data.source}: there is no training part.")
    wanted = {"val": val, "test": test}
    missing = {s: f for s, f in wanted.items() if f > 0 and not len(data.where(s))}
    parts = np.where(data.split == "", "train", data.split).astype("<U5")
    parts[free] = "train"
    near = report.near_duplicate_group[report.kept]
    for part, records in _carve(data, free, near, missing, seed).items():
        if not records:
            raise DataError(
                "data-too-few",
                f"{data.source}: {len(free)} training images are too few to take a {part} part "
                f"of {missing[part]:.0%} from them.",
                f"Add images ({LEAST_TO_SPLIT} of a class at least), or give a {part} part.",
            )
        parts[records] = part
    return replace(data, split=parts)


def _refuse_errors(dataset: Dataset, report: CheckReport) -> None:
    errors = [finding for finding in report.findings if finding.severity == "error"]
    if errors:
        told = " ".join(finding.sentence for finding in errors)
        raise DataError(
            f"data-{errors[0].code}",
            f"{dataset.source}: {told}",
            "See `striate data check` for all that was found.",
        )


def _carve(
    data: Dataset, free: np.ndarray, near: np.ndarray, fractions: dict[str, float], seed: int
) -> dict[str, list[int]]:
    """Which of the free records go to each missing part."""
    carved: dict[str, list[int]] = {part: [] for part in fractions}
    strata = _strata(data, free)
    by_stratum: dict[int, list[tuple[bytes, Unit]]] = defaultdict(list)
    frequency = np.bincount(strata)
    for unit in _units(data, free, near):
        rarest = min((int(strata[i]) for i in unit), key=lambda s: (frequency[s], s))
        key = min(_order(seed, data.ids[free[i]]) for i in unit)
        by_stratum[rarest].append((key, unit))
    for stratum in sorted(by_stratum):
        units = [unit for _, unit in sorted(by_stratum[stratum])]
        for part, chosen in _deal(units, fractions).items():
            carved[part] += [int(free[i]) for unit in chosen for i in unit]
    return carved


def _units(data: Dataset, free: np.ndarray, near: np.ndarray) -> list[Unit]:
    """Positions in `free` that must stay together, by group and near-duplicates."""
    together: dict[tuple[str, str], Unit] = defaultdict(list)
    for position, record in enumerate(free.tolist()):
        if data.groups[record]:
            together["group", str(data.groups[record])].append(position)
        if near[record] >= 0:
            together["near", str(near[record])].append(position)
    numbers = joined(len(free), list(together.values()))
    units: dict[int, Unit] = defaultdict(list)
    for position, number in enumerate(numbers.tolist()):
        units[number if number >= 0 else -1 - position].append(position)
    return list(units.values())


def _order(seed: int, name: str) -> bytes:
    """A random-looking key that depends on the seed and the id alone."""
    return hashlib.sha256(f"{seed}/{name}".encode()).digest()


def _strata(data: Dataset, free: np.ndarray) -> np.ndarray:
    """A number for each free record, for stratifying: int64 [free], from 0."""
    labels = data.labels[free]
    if data.task == "single_label":
        return labels
    if data.task == "regression":
        bins = max(1, min(BINS, len(free) // BINS))
        edges = np.quantile(labels, np.linspace(0, 1, bins + 1)[1:-1])
        return np.searchsorted(edges, labels, side="right")
    frequency = labels.sum(axis=0)
    rarity = np.where(labels > 0, frequency, np.inf)
    return np.where(labels.any(axis=1), rarity.argmin(axis=1), labels.shape[1])


def _deal(units: list[Unit], fractions: dict[str, float]) -> dict[str, list[Unit]]:
    """Choose units for each part, in their random order, up to its share of the records.

    Every part gets a unit where there are at least 3; what is not chosen stays in train.
    """
    chosen: dict[str, list[Unit]] = {part: [] for part in fractions}
    if len(units) < LEAST_TO_SPLIT:
        return chosen
    records = sum(map(len, units))
    left = {part: max(1, round(fraction * records)) for part, fraction in fractions.items()}
    rest: list[Unit] = []
    for unit in units:
        fits = [part for part in left if len(unit) <= left[part]]
        if fits:
            part = max(fits, key=lambda name: left[name])
            chosen[part].append(unit)
            left[part] -= len(unit)
        else:
            rest.append(unit)
    for part in chosen:  # where all units are larger than the share: the smallest of them
        if not chosen[part] and len(rest) > 1:
            smallest = min(rest, key=len)
            rest.remove(smallest)
            chosen[part].append(smallest)
    return chosen


def split_findings(dataset: Dataset) -> tuple[Finding, ...]:
    """Classes that a part of a divided dataset has no image of."""
    if dataset.task == "regression":
        return ()
    found = []
    for part in SPLITS:
        labels = dataset.labels[dataset.where(part)]
        seen = (
            labels.any(axis=0) if labels.ndim == 2 else np.isin(range(len(dataset.classes)), labels)
        )
        names = [name for name, there in zip(dataset.classes, seen, strict=True) if not there]
        if names and len(labels):
            what = f"The {part} part has no image of {listed(names)}."
            found.append(Finding("class-not-in-part", "warning", what, tuple(names[:5])))
    return tuple(found)


def write_split(dataset: Dataset, path: Path) -> None:
    """Write `path,label,split,group`, one row per record, to be read by `read_split`."""
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for i, name in enumerate(dataset.ids):
        table.writerow((name, dataset.label_text(i), dataset.split[i], dataset.groups[i]))
    write_atomic(path, text.getvalue())


def read_split(dataset: Dataset, path: Path) -> Dataset:
    """The dataset with the splits of a `split.csv`, bound by id.

    Raises:
        DataError: it is no split file, or its ids or labels are not those of the dataset.
    """
    rows = {row["path"]: row for row in _rows(path)}
    absent = [name for name in dataset.ids if name not in rows]
    unknown = sorted(set(rows) - set(dataset.ids))
    if absent or unknown:
        raise DataError(
            "data-split-ids",
            f"{path} is the split of other data: {len(absent):,} of {len(dataset):,} images are "
            f"not in it{_first(absent)}, {len(unknown):,} of its rows have no image"
            f"{_first(unknown)}.",
            "Split again, or give the data it was made from.",
        )
    relabelled = [
        name for i, name in enumerate(dataset.ids) if rows[name]["label"] != dataset.label_text(i)
    ]
    if relabelled:
        raise DataError(
            "data-split-labels",
            f"{path}: {len(relabelled):,} of {len(dataset):,} labels have changed since"
            f"{_first(relabelled)}.",
            "Split again.",
        )
    return replace(dataset, split=column([rows[name]["split"] for name in dataset.ids]))


def _rows(path: Path) -> Iterable[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            table = csv.DictReader(file, strict=True)
            rows, columns = list(table), table.fieldnames
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError("data-split-file", f"{path} cannot be read: {error}.") from error
    if set(columns or ()) != set(COLUMNS) or any(None in row for row in rows):
        raise DataError("data-split-file", f"{path}: columns are {','.join(COLUMNS)}.")
    if any(row["split"] not in SPLITS for row in rows):
        raise DataError("data-split-file", f"{path}: splits are {', '.join(SPLITS)}.")
    if len({row["path"] for row in rows}) < len(rows):
        raise DataError("data-split-file", f"{path}: a path is repeated.")
    return rows


def _first(names: list[str]) -> str:
    return f" (first: {names[0]})" if names else ""
