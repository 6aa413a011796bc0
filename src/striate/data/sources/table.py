"""Tables: CSV or Parquet with the columns `path,label[,split,group]`."""

import csv
from collections import defaultdict
from pathlib import Path
from typing import Any, Literal

from striate.data.dataset import SPLIT_NAMES, Dataset, FileStore, FileVerdict, Task, column
from striate.data.labels import encode, infer_task
from striate.data.sources.scan import Scan, printable
from striate.errors import DataError

COLUMNS = ("path", "label", "split", "group")
Row = dict[str, str]


def open_table(
    path: Path, task: Task | Literal["auto"] = "auto", found: Scan | None = None
) -> Dataset:
    """Open a table of images; paths are relative to its folder.

    Several labels of an image are separated by `|`, and an empty label then means none of them.
    What numbers mean is said in `infer_task`. Rows whose file is missing, without a label, or
    with two different labels for one file are skipped with the reason.

    Args:
        found: all files of the folder, where the folder was given: those not in the table are
            listed as skipped.
    """
    rows = read_rows(path)
    kind = infer_task([row["label"] for row in rows]) if task == "auto" else task
    skipped = list(found.skipped) if found else []
    kept = _usable(rows, kind, path.parent, skipped)
    if found:
        _list_others(found, path, {row["path"] for row in rows}, skipped)
    classes, labels = encode([row["label"] for row in kept.values()], kind, "label", str(path))
    return Dataset(
        source=str(path),
        root=path.parent,
        task=kind,
        classes=classes,
        ids=tuple(kept),
        labels=labels,
        split=column([_split_name(row["split"], path) for row in kept.values()]),
        groups=column([row["group"] for row in kept.values()]),
        images=FileStore(tuple(path.parent / row["path"] for row in kept.values())),
        skipped=tuple(verdict for verdict in skipped if verdict.path not in kept),
    )


def table_in(root: Path, found: Scan) -> Path | None:
    """The one table at the top of a folder that has the columns `path` and `label`, if any."""
    names = [parts[0] for parts in found.files if len(parts) == 1]
    paths = [root / name for name in names if name.lower().endswith((".csv", ".tsv", ".parquet"))]
    good = [path for path in paths if _has_columns(path)]
    if len(good) > 1:
        raise DataError(
            "data-several-tables",
            f"{root} holds {len(good)} tables: {', '.join(path.name for path in good)}.",
            "Give the one you mean.",
        )
    return good[0] if good else None


def read_rows(path: Path) -> list[Row]:
    """All rows of a table as texts, with every column of `COLUMNS` ("" where absent).

    Raises:
        DataError: a column is missing, or the file is not the table its name says.
    """
    try:
        names, records = _read_parquet(path) if _is_parquet(path) else _read_csv(path)
    except (OSError, UnicodeDecodeError, csv.Error, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError("data-table", f"{path} cannot be read as a table: {error}.") from error
    absent = [name for name in ("path", "label") if name not in names]
    if absent:
        raise DataError(
            "data-columns",
            f"{path}: the column{'s' if len(absent) > 1 else ''} {' and '.join(absent)} "
            f"{'are' if len(absent) > 1 else 'is'} missing; found: {', '.join(names) or 'none'}.",
            "A table has the columns path,label and may have split and group.",
        )
    return [{name: record.get(name, "") for name in COLUMNS} for record in records]


def _is_parquet(path: Path) -> bool:
    return path.suffix.lower() == ".parquet"


def _has_columns(path: Path) -> bool:
    try:
        read_rows(path)
    except DataError:
        return False
    return True


def _read_csv(path: Path) -> tuple[list[str], list[Row]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        header = file.readline()
        delimiter = max(",;\t", key=header.count)
        names = [
            name.strip().lower() for name in next(csv.reader([header], delimiter=delimiter), [])
        ]
        records = [
            {name: cell.strip() for name, cell in zip(names, cells, strict=False)}
            for cells in csv.reader(file, delimiter=delimiter)
            if cells
        ]
    return names, records


def _read_parquet(path: Path) -> tuple[list[str], list[Row]]:
    import pyarrow.parquet

    content = pyarrow.parquet.ParquetFile(path)
    names = [name.lower() for name in content.schema_arrow.names]
    wanted = [n for n in content.schema_arrow.names if n.lower() in COLUMNS]
    columns = content.read(columns=wanted).to_pydict()
    lists = {name.lower(): [_text(value) for value in columns[name]] for name in wanted}
    length = content.metadata.num_rows
    return names, [{name: cells[i] for name, cells in lists.items()} for i in range(length)]


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, (list, tuple)):  # several labels; one alone still needs its mark
        return "|".join(map(_text, value)) + ("|" if len(value) < 2 else "")
    if isinstance(value, float):
        return "" if value != value else repr(value)
    return str(value).strip()


def _usable(
    rows: list[Row], task: Task, folder: Path, skipped: list[FileVerdict]
) -> dict[str, Row]:
    """One row per file that is there and has one label, by id; the others go to `skipped`."""
    by_path: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_path[record_id(row["path"], folder)].append(row)
    kept: dict[str, Row] = {}
    for name, same in by_path.items():
        labels = sorted({row["label"] for row in same})
        fault: tuple[str, str] | None = None
        if len(labels) > 1:
            fault = (
                "conflicting-labels",
                f"It is listed {len(same)} times, as {', '.join(map(repr, labels))}; several "
                "labels of one image are written a|b.",
            )
        elif not labels[0] and task != "multi_label":
            fault = "no-label", "The table gives no label."
        elif not (folder / same[0]["path"]).is_file():
            fault = "missing-file", "The table names it, but there is no such file."
        if fault:
            skipped.append(FileVerdict(name, "", "excluded", *fault))
        else:
            kept[name] = same[0]
    return kept


def record_id(path: str, folder: Path) -> str:
    """The id of a file: relative to the table's folder where it lies inside, else absolute."""
    full = (folder / path).absolute()
    parts: list[str] = []
    for part in full.parts:  # `..` by name, as people read paths; links are not looked up
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    clean, base = Path(*parts), folder.absolute()
    inside = clean.is_relative_to(base)
    return printable(clean.relative_to(base).as_posix() if inside else clean.as_posix())


def _split_name(text: str, path: Path) -> str:
    if text.lower() not in ("", *SPLIT_NAMES):
        raise DataError(
            "data-split-name", f"{path}: splits are train, val and test, or empty; got {text!r}."
        )
    return SPLIT_NAMES.get(text.lower(), "")


def _list_others(found: Scan, table: Path, listed: set[str], skipped: list[FileVerdict]) -> None:
    known = {record_id(path, table.parent) for path in listed}
    for parts in found.files:
        name = printable("/".join(parts))
        if name == table.name:
            skipped.append(FileVerdict(name, "", "excluded", "table", "It is the table itself."))
        elif name not in known:
            detail = "The table does not name it."
            skipped.append(FileVerdict(name, "", "excluded", "not-in-table", detail))
