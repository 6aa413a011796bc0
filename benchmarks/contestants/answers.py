"""The answers that every engine times: networks at 224×224, and images at a time."""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np

from benchmarks.contestants.asked import asked, parser

NETWORKS = ("resnet50", "mobilenet_v2")
BATCHES = (1, 16)
LEAST_SECONDS, LEAST_CALLS, WARM_CALLS = 2.0, 5, 2  # of every pair of network and batch


def asked_answers(
    prepare: Callable[[argparse.Namespace], None] | None = None,
) -> argparse.Namespace:
    options = parser()
    options.add_argument("--engine", default="eager")
    options.add_argument("--batches", type=int, nargs="*", default=BATCHES)
    return asked(options, prepare)


def images(batch: int, seed: int) -> np.ndarray:
    """Noise, float32 [N, 3, 224, 224]."""
    random = np.random.default_rng(seed)
    return random.standard_normal((batch, 3, 224, 224), dtype=np.float32)


def timed(
    make: Callable[[str], Callable[[np.ndarray], object]], request: argparse.Namespace
) -> dict[str, float]:
    """Median seconds of a call, for every network and batch.

    Args:
        make: name of a network -> what answers for images.
    """
    found = {}
    for network in NETWORKS:
        call = make(network)
        for batch in request.batches:
            found[f"{network}-{batch}"] = _median(call, images(batch, request.seed))
    return found


def _median(call: Callable[[np.ndarray], object], x: np.ndarray) -> float:
    for _ in range(WARM_CALLS):
        call(x)
    times: list[float] = []
    while len(times) < LEAST_CALLS or sum(times) < LEAST_SECONDS:
        started = time.perf_counter()
        call(x)
        times.append(time.perf_counter() - started)
    return statistics.median(times)
