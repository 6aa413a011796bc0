"""One training per run folder."""

import json
import os
from pathlib import Path

from filelock import FileLock, Timeout

from striate.errors import RunError
from striate.files import cannot_write


class RunLock:
    """Holds a run folder for this process; the system lets go of it when the process dies.

    `run.lock` is what is locked and `run.pid` names the holder; a `run.pid` that nobody holds
    is of a process that was killed and means nothing.

    Raises:
        RunError: another process, which is named, trains in this folder.
        FileError: the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = FileLock(folder / "run.lock", timeout=0)
        self._holder = folder / "run.pid"

    def __enter__(self) -> "RunLock":
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
            self._holder.write_text(json.dumps({"pid": os.getpid()}))
        except Timeout:
            raise self._in_use() from None
        except OSError as error:
            self._lock.release()
            raise cannot_write(self._holder, error, needed=20) from error
        return self

    def __exit__(self, *_: object) -> None:
        self._holder.unlink(missing_ok=True)
        self._lock.release()

    def _in_use(self) -> RunError:
        try:
            holder = f"process {json.loads(self._holder.read_text())['pid']}"
        except (OSError, ValueError, KeyError, TypeError):
            holder = "another process"
        return RunError(
            "run-in-use",
            f"{self.folder} is in use: {holder} is training there.",
            "Wait for it, stop it, or choose another folder with --output-dir.",
        )
