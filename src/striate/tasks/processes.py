"""Several processes that `torchrun` started: whether there are some, and how they find together.

Only what the standard library has is imported here: `striate --help` asks as well.
"""

import atexit
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from types import FrameType
from typing import TYPE_CHECKING, Any

from striate.errors import StriateError, TrainingError, UsageError

if TYPE_CHECKING:
    import torch

    from striate.training import Ranks

LOST = "train-process-lost"  # another process has ended; where nobody says why, all say so
ENDED = "striate/ended"  # where on the board the reason is
WAIT = timedelta(hours=2)  # for a process that lives and does not answer
GRACE = 5.0  # seconds from SIGTERM to the end, outside of the training's own handling
PAUSE = timedelta(seconds=2)  # for the reason of one that ended


def launched() -> int:
    """How many processes `torchrun` started, this one among them; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1")) if "RANK" in os.environ else 1


def is_first() -> bool:
    """Whether this process is the one that writes and speaks."""
    return launched() == 1 or os.environ["RANK"] == "0"


def speaks(error: StriateError) -> bool:
    """Whether this process tells of the error; one that all met is told once."""
    return is_first() or error.code == LOST


@contextmanager
def joined(device: "torch.device") -> Iterator["Ranks | None"]:
    """The processes that `torchrun` started, connected; `None` where this is the only one.

    With CUDA each process takes the GPU of its number. An error in one of them ends all.

    Raises:
        UsageError: there are fewer GPUs than processes, or one was named for all.
        TrainingError: another process has ended.
    """
    if launched() == 1:
        yield None
        return
    _take_gpu(device)
    meeting = _meet(device)
    _end_soon_by_sigterm()
    try:
        yield meeting.ranks
    except StriateError as error:
        if error.code == LOST:
            raise meeting.with_reason(error) from error
        meeting.leave(error)
        raise
    except KeyboardInterrupt:
        meeting.leave(StriateError("interrupted", "It was interrupted."))
        raise


def _end_soon_by_sigterm() -> None:
    """Where one process ends, `torchrun` sends SIGTERM to the others at once: leave them the time
    to say what happened."""

    def end(number: int, _: FrameType | None) -> None:
        timer = threading.Timer(GRACE, os._exit, [128 + number])
        timer.daemon = True
        timer.start()

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, end)


@dataclass(frozen=True)
class _Meeting:
    """The processes, and a board on which one that ends leaves its reason."""

    ranks: "Ranks"
    board: Any

    def leave(self, error: StriateError) -> None:
        with suppress(RuntimeError):  # the board went with torchrun
            self.board.set(ENDED, f"{self.ranks.rank}|{error}")

    def with_reason(self, error: StriateError) -> StriateError:
        """The loss of a process, with the reason that it left, if it did."""
        with suppress(RuntimeError):
            self.board.wait([ENDED], PAUSE)
            rank, _, reason = self.board.get(ENDED).decode().partition("|")
            return TrainingError(
                "train-process-failed",
                f"Process {rank} of {self.ranks.count} (counted from 0) ended: {reason}",
                "Mend that, and start all of them again.",
            )
        return error


_meetings: list[_Meeting] = []  # one for the life of the process: groups cannot meet anew


def _meet(device: "torch.device") -> _Meeting:
    if _meetings:
        return _meetings[0]
    import torch.distributed as dist

    from striate.training import world_ranks

    if not dist.is_initialized():
        backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
        dist.init_process_group(backend, timeout=WAIT)
        atexit.register(_part)
    _meetings.append(_Meeting(world_ranks(), dist.distributed_c10d._get_default_store()))
    return _meetings[0]


def _part() -> None:
    import torch.distributed as dist

    with suppress(RuntimeError):
        dist.destroy_process_group()


def _take_gpu(device: "torch.device") -> None:
    import torch

    if device.type != "cuda":
        return
    number, there = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
    if device.index is not None or number >= there:
        raise UsageError(
            "train-processes-gpus",
            f"{launched()} processes on {device}: each needs a GPU of its own, and "
            f"{there} are here.",
            "Start as many processes as there are GPUs, with --device cuda.",
        )
    torch.cuda.set_device(number)
