"""Fetch a file from the net: checked, resumed where it broke off, whole or not at all."""

import hashlib
import http
import http.client
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from striate.errors import FileError

OnProgress = Callable[[int, int | None], None]  # bytes here, bytes in all where the server says

CHUNK = 1 << 20  # bytes
TRIES = 4
TIMEOUT = 30.0  # seconds without a byte
LOST = (OSError, http.client.HTTPException)  # a connection that broke, or was never made


def download(url: str, path: Path, digest: str = "", on_progress: OnProgress | None = None) -> Path:
    """The file at `path`, fetched from `url` unless it lies there already; its checksum holds.

    What has arrived is kept in `path` + ".part", also when the program is stopped, and the next
    call goes on from there.

    Args:
        digest: "sha256:" or "md5:" and all or the first hexadecimal digits; "" is not checked.
    Raises:
        FileError: there is no connection, the server has no such file, the disk is full, or the
            bytes are not those that were published. Each has a code of its own.
    """
    if not path.is_file():
        part = path.with_name(f"{path.name}.part")
        path.parent.mkdir(parents=True, exist_ok=True)
        _fetch(url, part, path, on_progress)
        try:
            check_digest(part, digest)
        except FileError:
            part.unlink()
            raise
        part.replace(path)
        return path
    check_digest(path, digest)
    return path


def check_digest(path: Path, digest: str) -> None:
    """Raise unless the file has this checksum, as far as its digits are given.

    Raises:
        FileError: another file than the published one, or a damaged copy.
    """
    if not digest:
        return
    kind, _, expected = digest.partition(":")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, kind).hexdigest()
    if not found.startswith(expected):
        raise FileError(
            "zoo-wrong-checksum",
            f"{path} is not the file that was published: its {kind.upper()} begins with "
            f"{found[: len(expected)]}, not {expected}.",
            "Delete it and fetch it again.",
        )


def _fetch(url: str, part: Path, path: Path, on_progress: OnProgress | None) -> None:
    """Append to `part` until it is whole."""
    for left in reversed(range(TRIES)):
        try:
            if _append(url, part, on_progress):
                return
            reason = "the connection ended early"
        except urllib.error.HTTPError as error:
            error.close()
            if error.code < 500:
                raise _refused(url, path, error) from error
            reason = f"the server answers {error.code} {error.reason}"
        except LOST as error:
            if part.exists() and getattr(error, "errno", None) == 28:
                raise FileError(
                    "zoo-no-room",
                    f"The disk is full; {part} has {part.stat().st_size:,} bytes.",
                    "Make room and run it again: it goes on from there.",
                ) from error
            reason = str(getattr(error, "reason", error)) or type(error).__name__
        if not left:
            raise _unreachable(url, part, path, reason)


def _append(url: str, part: Path, on_progress: OnProgress | None) -> bool:
    """Fetch what is missing; True when the file is whole."""
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"User-Agent": "striate"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        answer = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise
        error.close()
        return True  # nothing is missing; the checksum decides
    with answer:
        resumed = answer.status == http.HTTPStatus.PARTIAL_CONTENT
        have = have if resumed else 0
        length = answer.headers.get("Content-Length")
        total = None if length is None else have + int(length)
        with part.open("ab" if resumed else "wb") as file:
            while chunk := answer.read(CHUNK):
                file.write(chunk)
                have += len(chunk)
                if on_progress:
                    on_progress(have, total)
    return total is None or have >= total


def _refused(url: str, path: Path, error: urllib.error.HTTPError) -> FileError:
    return FileError(
        "zoo-not-there",
        f"{url} cannot be had: the server answers {error.code} {error.reason}.",
        f"If you have the file from elsewhere, put it here: {path}",
    )


def _unreachable(url: str, part: Path, path: Path, reason: str) -> FileError:
    kept = f" {part.stat().st_size:,} bytes are kept." if part.exists() else ""
    return FileError(
        "zoo-offline",
        f"{url} cannot be fetched: {reason}.{kept}",
        f"Try again later; or fetch it on another machine and put it here: {path}",
    )
