"""Files that survive a crash: written whole or not at all, and known by their SHA-256."""

import hashlib
import json
import os
import secrets
from pathlib import Path
from typing import Any

from striate.errors import FileError


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, as 64 lower-case hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces, so that equal values give equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def parse_json(text: str, where: str) -> Any:
    """Parse JSON that we wrote; repeated keys and syntax errors raise `FileError`."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        if len(set(keys)) < len(keys):
            raise ValueError(f"a key is repeated among {keys[:5]}")
        return dict(pairs)

    try:
        return json.loads(text, object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise FileError(
            "file-bad-json", f"{where} is not the JSON it should be: {error}.", "It is damaged."
        ) from error


def write_atomic(path: Path, content: bytes | str) -> None:
    """Write beside the target, flush to the disk, then rename: readers see old or new, never half.

    Raises:
        FileError: the disk is full or the folder cannot be written; the old file is untouched.
    """
    data = content.encode() if isinstance(content, str) else content
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(path, error, needed=len(data)) from error
    staged = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with staged.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        staged.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise cannot_write(path, error, needed=len(data)) from error
    finally:
        staged.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make renames inside a folder survive a power cut (a no-op where folders cannot be opened)."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def cannot_write(path: Path, error: OSError, needed: int) -> FileError:
    """The error for a failed write: which file, how many bytes, and the system's own reason."""
    return FileError(
        "file-cannot-write",
        f"Cannot write {path} ({needed:,} bytes): {error.strerror or error}.",
        "What was there before is untouched. Free some space or choose another folder "
        "with --output-dir.",
    )
