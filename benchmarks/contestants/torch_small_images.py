"""The same epoch by torch's `DataLoader`: one image at a time, as tutorials write it."""

import time

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from benchmarks.contestants.asked import answer, asked, parser
from benchmarks.contestants.small_images import BATCH, SHIFT, small_images


class Shifted(Dataset[tuple[Tensor, Tensor]]):
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
    options = parser()
    options.add_argument("--workers", type=int, default=0)
    request = asked(options)
    images, labels = (torch.from_numpy(array) for array in small_images(request.seed))
    data = Shifted(images, labels)
    loader = DataLoader(data, BATCH, shuffle=True, drop_last=True, num_workers=request.workers)
    started = time.perf_counter()
    for _ in loader:
        pass
    answer(epoch=time.perf_counter() - started)


if __name__ == "__main__":
    main()
