"""Images without labels, for predictions."""

import glob
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from striate.data.dataset import Dataset, FileStore, FileVerdict
from striate.data.sources.scan import printable, scan


def open_files(paths: str | Path | Iterable[str | Path]) -> Dataset:
    """Open files, folders (with all below) and globs as records without labels, in this order.

    A file that is named twice counts once. What does not exist is in `skipped`; a record's id
    is its path as it was given.
    """
    given = [paths] if isinstance(paths, (str, Path)) else list(paths)
    found: dict[str, Path] = {}
    skipped: list[FileVerdict] = []
    for path in (expanded for item in given for expanded in _expand(item)):
        if path.is_dir():
            below = scan(path)
            for parts in below.files:
                file = path.joinpath(*parts)
                found.setdefault(printable(str(file)), file)
            skipped += [
                FileVerdict(f"{printable(str(path))}/{v.path}", "", v.status, v.reason, v.detail)
                for v in below.skipped
            ]
        elif path.exists():
            found.setdefault(printable(str(path)), path)
        else:
            detail = "There is no such file."
            skipped.append(
                FileVerdict(printable(str(path)), "", "excluded", "missing-file", detail)
            )
    count = len(found)
    return Dataset(
        source=", ".join(str(item) for item in given[:3]) + (" …" if len(given) > 3 else ""),
        root=None,
        task="single_label",
        classes=(),
        ids=tuple(found),
        labels=np.full(count, -1, dtype=np.int64),
        split=np.full(count, "", dtype="<U5"),
        groups=np.full(count, "", dtype="<U1"),
        images=FileStore(tuple(found.values())),
        skipped=tuple(skipped),
    )


def _expand(item: str | Path) -> list[Path]:
    """The files a glob stands for, in order of name; a path as it is."""
    path = Path(item).expanduser()
    if path.exists() or not glob.has_magic(str(path)):
        return [path]
    names = sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207  may be absolute
    return [Path(name) for name in names] or [path]
