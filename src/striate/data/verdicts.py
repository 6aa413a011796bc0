"""The cache of facts about images, by content: a data set checked once is checked fast again."""

import contextlib
import json
import os
import sqlite3
import threading
import zlib
from pathlib import Path

import PIL

from striate.data.facts import Facts

VERSION = 2  # raise it when `examine` changes
BATCH = 256  # facts written in one transaction


def default_cache() -> Path:
    """The folder for caches: the environment's `STRIATE_CACHE`, else `~/.cache/striate`."""
    given = os.environ.get("STRIATE_CACHE")
    return Path(given).expanduser() if given else Path.home() / ".cache" / "striate"


class FactsCache:
    """Facts by the content's SHA-256, in one SQLite file that several processes may share.

    It only saves time: where it cannot be read or written it is left out, a damaged file is
    replaced, and a damaged row counts as absent.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "facts.sqlite"
        self._scope = f"{VERSION}-{PIL.__version__}"  # another decoder may judge differently
        self._lock = threading.Lock()
        self._waiting: list[tuple[str, str, str, int]] = []
        self._database = self._open() or self._open(fresh=True)

    def __enter__(self) -> "FactsCache":
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._write()
            if self._database is not None:
                self._database.close()
                self._database = None

    def _open(self, fresh: bool = False) -> sqlite3.Connection | None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if fresh:
                self._path.unlink(missing_ok=True)
            database = sqlite3.connect(self._path, timeout=10, check_same_thread=False)
        except (OSError, sqlite3.Error):
            return None
        try:
            database.execute("PRAGMA synchronous = OFF")  # rows carry their own checksum
            database.execute(
                "CREATE TABLE IF NOT EXISTS facts "
                "(sha256 TEXT, scope TEXT, facts TEXT, crc INTEGER, PRIMARY KEY (sha256, scope))"
            )
            database.execute("SELECT * FROM facts LIMIT 1").fetchone()
        except sqlite3.Error:
            database.close()
            return None
        return database

    def _sum(self, sha256: str, text: str) -> int:
        return zlib.crc32(f"{sha256} {self._scope} {text}".encode())

    def get(self, sha256: str) -> Facts | None:
        """The facts about a content, if they are known."""
        query = "SELECT facts, crc FROM facts WHERE sha256 = ? AND scope = ?"
        with self._lock:
            if self._database is None:
                return None
            try:
                row = self._database.execute(query, (sha256, self._scope)).fetchone()
            except sqlite3.Error:
                return None
        if row is None or not isinstance(row[0], str) or self._sum(sha256, row[0]) != row[1]:
            return None
        return Facts.from_json(json.loads(row[0]))

    def put(self, sha256: str, facts: Facts) -> None:
        """Remember facts; written in batches and at the end."""
        text = json.dumps(facts.to_json())
        with self._lock:
            self._waiting.append((sha256, self._scope, text, self._sum(sha256, text)))
            if len(self._waiting) >= BATCH:
                self._write()

    def _write(self) -> None:
        if self._database is not None and self._waiting:
            with contextlib.suppress(sqlite3.Error), self._database:
                self._database.executemany(
                    "INSERT OR REPLACE INTO facts VALUES (?, ?, ?, ?)", self._waiting
                )
        self._waiting.clear()
