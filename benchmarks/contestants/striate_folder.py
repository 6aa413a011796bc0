"""Two epochs of augmented batches from a folder of photographs, through Striate's cache."""

import argparse
import time

import numpy as np
import torch

from benchmarks.contestants.asked import answer, asked, parser
from benchmarks.contestants.photographs import BATCH, folders, make_large
from striate.data import (
    Augmentation,
    Preprocessing,
    TrainBatches,
    canvas_store,
    default_cache,
    open_dataset,
)


def main() -> None:
    request = asked(parser(), make_large)
    answer(**{key: value for kind in folders(request) for key, value in times(request, *kind)})


def times(request: argparse.Namespace, name: str, folder) -> list[tuple[str, float]]:
    """Seconds per image: the first epoch, which makes the cache, and the second."""
    reading = Preprocessing(224, channels=3, canvas=258)
    started, found = time.perf_counter(), []
    dataset = open_dataset(folder)
    batches = TrainBatches(
        canvas_store(dataset, reading, cache=default_cache(), epochs=2),
        torch.from_numpy(dataset.labels),
        np.arange(len(dataset)),
        batch_size=BATCH,
        seed=request.seed,
        preprocessing=reading,
        augmentation=Augmentation(flip=True, crop="resized"),
        keep_rest=True,
        workers=2,
    )
    for epoch, key in enumerate(("cold", "warm")):
        for _ in batches.epoch(epoch):
            pass
        found.append((f"{name}-{key}", (time.perf_counter() - started) / len(dataset)))
        started = time.perf_counter()
    return found


if __name__ == "__main__":
    main()
