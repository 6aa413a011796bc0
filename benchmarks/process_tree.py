"""Run a command and measure it with all its descendants: wall and CPU time, peak memory."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SAMPLE_SECONDS = 0.1


@dataclass(frozen=True)
class Ran:
    """How a process went: seconds, MiB, what it printed, and its exit code (None: out of time)."""

    wall: float
    cpu: float
    memory: float
    output: str
    errors: str
    code: int | None


def run_measured(
    command: Sequence[str], *, folder: Path, variables: Mapping[str, str], limit: float
) -> Ran:
    """Memory is the greatest sum of resident memory over the tree, looked at ten times a second; of
    a lone process it is exact up to the last look. What processes share is counted for each.
    Needs Linux.

    Args:
        folder: what the process starts in.
        limit: seconds after which the whole tree is ended.
    """
    started = time.perf_counter()
    with subprocess.Popen(
        command,
        cwd=folder,
        env=dict(variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        peak = [0.0]
        ended = threading.Event()
        sampler = threading.Thread(target=_sample, args=(process.pid, peak, ended))
        sampler.start()
        late = threading.Timer(limit, os.killpg, (process.pid, signal.SIGKILL))
        late.start()
        said, complaints = [""], [""]
        readers = [
            threading.Thread(target=_read, args=(stream, place))
            for stream, place in ((process.stdout, said), (process.stderr, complaints))
        ]
        for reader in readers:
            reader.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:  # interrupted: leave nothing behind
            os.killpg(process.pid, signal.SIGKILL)
            late.cancel()
            ended.set()
            raise
        wall = time.perf_counter() - started
        out_of_time = not late.is_alive()
        late.cancel()
        ended.set()
        process.returncode = os.waitstatus_to_exitcode(status)
        for thread in (sampler, *readers):
            thread.join()
    return Ran(
        wall=wall,
        cpu=usage.ru_utime + usage.ru_stime,
        memory=peak[0],
        output=said[0],
        errors=complaints[0],
        code=None if out_of_time else process.returncode,
    )


def _read(stream: object, place: list[str]) -> None:
    place[0] = stream.read()  # type: ignore[attr-defined]


def _sample(root: int, peak: list[float], ended: threading.Event) -> None:
    while not ended.wait(SAMPLE_SECONDS):
        peak[0] = max(peak[0], sum(map(_resident, _tree(root))), _most_resident(root))


def _tree(process: int) -> Iterator[int]:
    yield process
    for thread in _listing(Path(f"/proc/{process}/task")):
        try:
            children = (thread / "children").read_text().split()
        except OSError:
            continue
        for child in children:
            yield from _tree(int(child))


def _listing(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _most_resident(process: int) -> float:
    """Of all its time so far. (`ru_maxrss` begins with that of the process it came from.)"""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


def _resident(process: int) -> float:
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
