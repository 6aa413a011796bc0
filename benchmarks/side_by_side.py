"""Time contestants interleaved in one process: A, B, A, B, …; the medians and their ratio."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

RUNS = 7


@dataclass(frozen=True)
class Timing:
    """Medians over the runs, in seconds."""

    name: str
    wall: float
    cpu: float


def compare(title: str, contestants: dict[str, Callable[[], None]], runs: int = RUNS) -> None:
    """Print every contestant's medians, and how many times slower than the first it is."""
    measured: dict[str, list[tuple[float, float]]] = {name: [] for name in contestants}
    for contestant in contestants.values():
        contestant()  # warm
    for _ in range(runs):
        for name, contestant in contestants.items():
            wall, cpu = time.perf_counter(), time.process_time()
            contestant()
            measured[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    timings = [
        Timing(name, *(statistics.median(column) for column in zip(*rows, strict=True)))
        for name, rows in measured.items()
    ]
    print(f"{title} (median of {runs}, interleaved)")
    for timing in timings:
        ratio = f"{timing.wall / timings[0].wall:.2f}× wall, {timing.cpu / timings[0].cpu:.2f}× CPU"
        print(
            f"  {timing.name:32} {timing.wall * 1e3:9.1f} ms wall {timing.cpu * 1e3:9.1f} ms CPU"
            f"   {ratio}"
        )
