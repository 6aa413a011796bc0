"""The training steps that every contestant times, all with Adam.

Images are float32 in memory; an epoch is as many steps as asked, in random order. The first steps
(compilation, allocation) are not counted, unless only one step is asked.
"""

import argparse
import time
from collections.abc import Callable, Iterator

import numpy as np

from benchmarks.contestants.asked import asked, parser

WORKLOADS = ("lenet5-32", "lenet5-128", "two_conv-32", "two_conv-128")  # network-images per batch
SHAPES = {  # height, width, channels; all have ten classes
    "lenet5": (28, 28, 1),
    "two_conv": (28, 28, 1),
    "resnet18_64": (64, 64, 3),
    "resnet18_224": (224, 224, 3),
    "mobilenet_v2": (224, 224, 3),
}


def asked_steps() -> argparse.Namespace:
    options = parser()
    options.add_argument("--steps", type=int, default=200)
    options.add_argument("--warm-steps", type=int, default=10)
    options.add_argument("--workloads", nargs="*", default=WORKLOADS)
    options.add_argument("--compile", action="store_true")
    return asked(options)


def workloads(request: argparse.Namespace) -> Iterator[tuple[str, str, int]]:
    """Key, network, images per batch."""
    for key in request.workloads:
        network, batch = key.split("-")
        yield key, network, int(batch)


def noise(network: str, images: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Images of the network's size, float32 [N, H, W, C], and classes, int64 [N]."""
    random = np.random.default_rng(seed)
    x = random.standard_normal((images, *SHAPES[network]), dtype=np.float32)
    return x, random.integers(0, 10, images)


def seconds_per_step(
    epoch: Callable[[np.ndarray, np.ndarray], None],
    network: str,
    batch: int,
    request: argparse.Namespace,
) -> float:
    """
    Args:
        epoch: trains once on images and classes.
    """
    x, y = noise(network, request.steps * batch, request.seed)
    if request.steps > 1:
        few = request.warm_steps * batch
        epoch(x[:few], y[:few])
    started = time.perf_counter()
    epoch(x, y)
    return (time.perf_counter() - started) / request.steps
