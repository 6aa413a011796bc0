"""An epoch of 60,000 grey images of 28×28 shifted by up to 2 pixels, in batches of 128."""

import time

import numpy as np
import torch

from benchmarks.contestants.asked import answer, asked, parser
from benchmarks.contestants.small_images import BATCH, SHIFT, small_images
from striate.data import Augmentation, Preprocessing, TensorStore, TrainBatches


def main() -> None:
    request = asked(parser())
    images, labels = (torch.from_numpy(array) for array in small_images(request.seed))
    batches = TrainBatches(
        TensorStore(images),
        labels,
        np.arange(len(images)),
        batch_size=BATCH,
        seed=request.seed,
        preprocessing=Preprocessing(28, channels=1, mean=(0.13,), std=(0.31,)),
        augmentation=Augmentation(crop="shift", shift=SHIFT, padding="zeros"),
    )
    started = time.perf_counter()
    for _ in batches.epoch(0):
        pass
    answer(epoch=time.perf_counter() - started)


if __name__ == "__main__":
    main()
