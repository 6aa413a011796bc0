"""What this machine can do at best, and what else it is doing.

python -m benchmarks.machine [THREADS]            measure the ceilings; one line of JSON
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

SIDE = 2048  # of the matrices
FLOATS = 64 * 2**20  # of each vector of the triad; far beyond the caches


def ceilings(variables: dict[str, str], folder: Path) -> dict[str, float]:
    """Measured in a process of its own: GFLOP/s of float32 products, GB/s of memory."""
    command = [sys.executable, "-m", "benchmarks.machine", variables["OMP_NUM_THREADS"]]
    done = subprocess.run(
        command, cwd=folder, env=variables, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def described() -> dict[str, object]:
    """Processor, its number, memory in GiB, system."""
    information = Path("/proc/cpuinfo").read_text()
    names = [
        line.split(":")[1].strip() for line in information.splitlines() if "model name" in line
    ]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": names[0] if names else platform.processor(),
        "processors": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def has_gpu() -> bool:
    return Path("/proc/driver/nvidia/gpus").is_dir()


@dataclass(frozen=True)
class Clock:
    """Seconds of processor time of the whole machine, since it started."""

    wall: float
    busy: float
    stolen: float

    @classmethod
    def now(cls) -> "Clock":
        fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
        user, nice, system, _, _, irq, softirq, stolen = map(int, fields[:8])
        tick = os.sysconf("SC_CLK_TCK")
        busy = user + nice + system + irq + softirq
        return cls(time.perf_counter(), busy / tick, stolen / tick)


def disturbance(before: Clock, after: Clock, ours: float) -> float:
    """The share of the machine, 0..1, that others took: neighbours here and the host.

    Args:
        ours: seconds of processor time that were spent on the benchmark itself.
    """
    total = (after.wall - before.wall) * (os.cpu_count() or 1)
    others = after.busy - before.busy - ours + after.stolen - before.stolen
    return max(0.0, others / total)


def main(threads: int) -> None:
    import torch
    from torch.nn import functional as F

    torch.set_num_threads(threads)
    one, other = torch.randn(SIDE, SIDE), torch.randn(SIDE, SIDE)
    images = torch.randn(32, 64, 32, 32).to(memory_format=torch.channels_last)
    kernels = torch.randn(64, 64, 3, 3).to(memory_format=torch.channels_last)
    a, b, c = torch.empty(FLOATS), torch.ones(FLOATS), torch.ones(FLOATS)
    with torch.inference_mode():
        product = _median(lambda: one @ other)
        convolution = _median(lambda: F.conv2d(images, kernels, padding=1))
        triad = _median(lambda: torch.add(b, c, alpha=2, out=a))
    print(
        json.dumps(
            {
                "product_gflops": 2 * SIDE**3 / product / 1e9,
                "convolution_gflops": 2 * 32 * 64 * 64 * 9 * 32 * 32 / convolution / 1e9,
                "memory_gbs": 3 * 4 * FLOATS / triad / 1e9,
            }
        )
    )


def _median(job: Callable[[], object], runs: int = 15) -> float:
    job()
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        job()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else os.cpu_count() or 1)
