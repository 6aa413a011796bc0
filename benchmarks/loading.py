"""One epoch of augmented batches of small images: our batches against torch's DataLoader.

Both shift 60,000 grey images of 28×28 by up to 2 pixels, normalise, and make batches of 128.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from benchmarks.side_by_side import compare
from striate.data import Augmentation, Preprocessing, TensorStore, TrainBatches

IMAGES, BATCH, SHIFT = 60_000, 128, 2


class Shifted(Dataset[tuple[Tensor, Tensor]]):
    """What a tutorial writes: one image at a time."""

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        self.images, self.labels = images, labels

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        padded = F.pad(self.images[index], (SHIFT,) * 4)
        top, left = torch.randint(0, 2 * SHIFT + 1, (2,)).tolist()
        image = padded[:, top : top + 28, left : left + 28].float() / 255
        return (image - 0.13) / 0.31, self.labels[index]


def main() -> None:
    draw = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (IMAGES, 1, 28, 28), dtype=torch.uint8, generator=draw)
    labels = torch.randint(0, 10, (IMAGES,), generator=draw)
    ours = TrainBatches(
        TensorStore(images),
        labels,
        np.arange(IMAGES),
        batch_size=BATCH,
        seed=0,
        preprocessing=Preprocessing(28, channels=1, mean=(0.13,), std=(0.31,)),
        augmentation=Augmentation(crop="shift", shift=SHIFT, padding="zeros"),
    )
    peer = DataLoader(Shifted(images, labels), BATCH, shuffle=True, drop_last=True)

    def epoch_of_ours() -> None:
        for _ in ours.epoch(0):
            pass

    def epoch_of_peer() -> None:
        for _ in peer:
            pass

    compare(
        "Small images", {"striate": epoch_of_ours, "torch DataLoader, 0 workers": epoch_of_peer}
    )


if __name__ == "__main__":
    main()
