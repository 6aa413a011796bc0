"""Whether to run the frozen part of a network once, or in every epoch."""

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from striate.report.words import counted

SHARE = 1 / 4  # of the free memory, and of the free disk, that features may take
FLOAT = 4  # bytes
BACKWARD = 3  # a trained part costs its forward pass and twice that backwards
FROM_MEMORY, FROM_FILE = 5, 50  # multiply-adds in the time a byte takes: 1e10, 2e9 and 2e8 a second
WORTHWHILE = 0.9  # of the arithmetic of the plain way: what caching may cost at most
MEMORY_TABLE, GROUP = Path("/proc/meminfo"), Path("/sys/fs/cgroup")  # of Linux
UNKNOWN_MEMORY = 2 * 2**30  # bytes taken as free where the system does not tell


@dataclass(frozen=True)
class Room:
    """What features may take, in bytes.

    Args:
        memory: a quarter of what is free.
        disk: likewise, where the file would lie.
    """

    memory: int
    disk: int


def room_in(folder: Path) -> Room:
    """What features may take here; the folder need not exist yet."""
    there = next(place for place in (folder, *folder.absolute().parents) if place.is_dir())
    return Room(int(free_memory() * SHARE), int(shutil.disk_usage(there).free * SHARE))


def free_memory() -> int:
    """Bytes that can still be taken: what the system has, or what a control group leaves of it."""
    free = _system_memory()
    with suppress(OSError, ValueError, KeyError):  # no control group, or one whose limit is "max"
        limit, current = (
            int((GROUP / name).read_text()) for name in ("memory.max", "memory.current")
        )
        files = _numbers((GROUP / "memory.stat").read_text())["inactive_file"]
        free = min(free, limit - current + files)
    return max(0, free)


def _system_memory() -> int:
    with suppress(OSError, KeyError):
        return _numbers(MEMORY_TABLE.read_text())["MemAvailable:"] * 1024
    with suppress(OSError, ValueError, AttributeError):  # half of what is built in
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    return UNKNOWN_MEMORY


def _numbers(text: str) -> dict[str, int]:
    """The system's tables: a name and a whole number a line."""
    return {line.split()[0]: int(line.split()[1]) for line in text.splitlines()}


@dataclass(frozen=True)
class Caching:
    """Whether to compute the frozen part once, or in every epoch.

    Args:
        pays: once.
        factor: how many times less the whole training then costs, in multiply-adds.
        reason: why, a sentence.
    """

    pays: bool
    factor: float
    reason: str


def worth_caching(
    body_multiply_adds: float,
    tail_multiply_adds: float,
    values_per_image: int,
    images: int,
    views: int,
    epochs: int,
    room: Room,
) -> Caching:
    """Weigh running the frozen body once per image and view against once per image and epoch.

    Counted are the multiply-adds of both parts (three times those of the tail, which is trained)
    and the bytes of the features, each as the multiply-adds that take as long. The cost of reading
    and augmenting images, which caching saves too, is left out.

    Args:
        body_multiply_adds, tail_multiply_adds: for one image.
        values_per_image: of the features between body and tail.
        images: to train on.
        views: of every image.
        room: by `room_in`.
    """
    size = FLOAT * values_per_image * images * views
    if size > max(room.memory, room.disk):
        return Caching(
            False,
            1.0,
            f"The frozen part runs in every epoch: its features would take {_said(size)}, more "
            f"than a quarter of the free memory ({_said(room.memory)}) and of the free disk "
            f"({_said(room.disk)}).",
        )
    in_memory = size <= room.memory
    byte = FROM_MEMORY if in_memory else FROM_FILE
    trained = epochs * BACKWARD * tail_multiply_adds
    plain = epochs * body_multiply_adds + trained
    cached = views * body_multiply_adds + trained
    cached += (views + epochs) * FLOAT * values_per_image * byte
    factor = plain / max(cached, 1.0)
    where = f"{_said(size)} of features in {'memory' if in_memory else 'a file'}"
    if cached > WORTHWHILE * plain:
        return Caching(
            False,
            factor,
            f"The frozen part runs in every epoch: to keep {where} would save next to nothing "
            f"over {counted(epochs, 'epoch')} ({counted(views, 'view')} of an image).",
        )
    return Caching(
        True,
        factor,
        f"The frozen part is computed once ({counted(views, 'view')} of an image, {where}), which "
        f"makes {counted(epochs, 'epoch')} about {factor:.1f} times cheaper.",
    )


def _said(size: float) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
