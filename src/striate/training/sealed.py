"""Folders that appear whole or not at all, and in which no changed bit goes unnoticed.

A sealed folder holds files and, written last, MANIFEST.json with the size and SHA-256 of each.
The manifest itself is canonical JSON: any other spelling of it is taken for damage.
"""

import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from striate.errors import FileError
from striate.files import canonical_json, parse_json, sha256_of, sync_folder

MANIFEST = "MANIFEST.json"
Writer = Callable[[Path], object]  # writes the file of that path


def write_sealed(folder: Path, writers: Mapping[str, Writer]) -> None:
    """Write files beside the target, flush them, then rename the folder into its place.

    Raises:
        OSError: the disk is full or cannot be written; nothing is left behind.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    staged = staging_path(folder)
    try:
        staged.mkdir()
        for name, write in writers.items():
            write(staged / name)
        (staged / MANIFEST).write_text(canonical_json(_manifest(staged, writers)))
        for name in (*writers, MANIFEST):
            _flush(staged / name)
        sync_folder(staged)
        staged.rename(folder)
        sync_folder(folder.parent)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def remove_sealed(folder: Path) -> None:
    """Remove a folder so that no crash leaves a part of it under its name."""
    aside = staging_path(folder)
    folder.rename(aside)
    shutil.rmtree(aside, ignore_errors=True)


def verify_sealed(folder: Path) -> None:
    """Read every byte and compare.

    Raises:
        FileError: `checkpoint-damaged`, naming the file that is missing, changed or not ours.
    """
    expected = _read_manifest(folder / MANIFEST)
    found = {path.name for path in folder.iterdir()} - {MANIFEST}
    for name in sorted(found ^ set(expected)):
        fault = "is not in the manifest" if name in found else "is missing"
        raise damaged(folder / name, fault)
    for name, record in expected.items():
        if _record(folder / name) != record:
            raise damaged(folder / name, "its content is not what was written")


def staging_path(folder: Path) -> Path:
    """A new hidden name beside a folder, for what is not yet or no longer there."""
    return folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.tmp")


def remove_leftovers(parent: Path) -> None:
    """Remove what interrupted writers and removers left."""
    for path in parent.glob(".*.tmp"):
        shutil.rmtree(path, ignore_errors=True)


def damaged(path: Path, fault: str) -> FileError:
    """The error for a file of a sealed folder that cannot be trusted."""
    return FileError(
        "checkpoint-damaged",
        f"The checkpoint file {path} is damaged: {fault}.",
        "Go on from an earlier checkpoint: delete this one, then --resume.",
    )


def _manifest(folder: Path, names: Iterable[str]) -> dict[str, Any]:
    return {"files": {name: _record(folder / name) for name in names}}


def _record(path: Path) -> dict[str, Any]:
    try:
        return {"bytes": path.stat().st_size, "sha256": sha256_of(path)}
    except OSError as error:
        raise damaged(path, f"it cannot be read ({error.strerror})") from error


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        text = path.read_bytes().decode()
        manifest = parse_json(text, str(path))
        if canonical_json(manifest) == text:
            return dict(manifest["files"])
    except (OSError, FileError, ValueError, KeyError, TypeError) as error:
        raise damaged(path, "it cannot be read") from error
    raise damaged(path, "it is not as it was written")


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
