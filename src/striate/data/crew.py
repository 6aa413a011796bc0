"""Background threads that never outlive their work and never keep the program from ending."""

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
Job = tuple["Future[Any]", Callable[..., Any], tuple[Any, ...]]

CLOSING = 1.0  # seconds to wait for calls in progress when a crew is closed


class Crew:
    """Threads that make calls in the order of `submit`.

    Unlike concurrent.futures' pools these are daemons: a thread that hangs in a dead network
    share cannot keep the interpreter from ending.
    """

    def __init__(self, threads: int) -> None:
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=_work, args=(self._jobs,), daemon=True, name="striate-data")
            for _ in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, call: Callable[..., Result], *arguments: Any) -> "Future[Result]":
        """Have `call(*arguments)` made by the next free thread."""
        future: Future[Result] = Future()
        self._jobs.put((future, call, arguments))
        return future

    def in_order(
        self,
        call: Callable[[Item], Result],
        items: Iterable[Item],
        window: int,
        wait: "Callable[[Future[Result]], Result]" = Future.result,
    ) -> Iterator[Result]:
        """The results of `call` in the order of the items, at most `window` of them ahead."""
        waiting: deque[Future[Result]] = deque()
        try:
            for item in items:
                waiting.append(self.submit(call, item))
                if len(waiting) > window:
                    yield wait(waiting.popleft())
            while waiting:
                yield wait(waiting.popleft())
        finally:
            for future in waiting:
                future.cancel()

    def close(self) -> None:
        """Drop what was not begun, and wait a moment for what was."""
        try:
            while job := self._jobs.get_nowait():
                job[0].cancel()
        except queue.Empty:
            pass
        for _ in self._threads:
            self._jobs.put(None)
        end = time.monotonic() + CLOSING
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, end - time.monotonic()))

    def __enter__(self) -> "Crew":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _work(jobs: "queue.SimpleQueue[Job | None]") -> None:
    while (job := jobs.get()) is not None:
        future, call, arguments = job
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(call(*arguments))
            except BaseException as error:  # it surfaces where the result is awaited
                future.set_exception(error)
        del job, future, call, arguments  # an idle thread must not keep a batch alive
