"""Asking a training to stop, by Ctrl-C, by SIGTERM or from the program."""

import signal
import threading
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopSignal:
    """Inside the block, the first SIGINT or SIGTERM asks `fit` to stop after its step.

    `fit` then saves a checkpoint and ends as "interrupted". A second signal raises
    `KeyboardInterrupt` at once. Signals are caught in the main thread only (Python allows no
    other); elsewhere `request()` does the same. The handlers found are put back.
    """

    def __init__(self) -> None:
        self.requested = False
        self.signal: int | None = None
        self._found: dict[int, Any] = {}

    @property
    def exit_code(self) -> int:
        """What a shell expects of a process that a signal ended: 130 or 143; 0 if none came."""
        return 0 if self.signal is None else 128 + self.signal

    def request(self, number: int | None = None) -> None:
        """Ask to stop, as the signal of that number would."""
        self.requested = True
        self.signal = number

    def __enter__(self) -> "StopSignal":
        if threading.current_thread() is threading.main_thread():
            self._found = {number: signal.signal(number, self._caught) for number in SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._found.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        self._found = {}

    def _caught(self, number: int, _: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.request(number)
