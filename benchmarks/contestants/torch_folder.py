"""Two epochs of augmented batches by torchvision's `ImageFolder` and torch's `DataLoader`."""

import argparse
import time
from pathlib import Path

import torch
from torch.utils.data import DataLoader

from benchmarks.contestants import torchvision_operators  # noqa: F401  (first)
from benchmarks.contestants.asked import answer, asked, parser
from benchmarks.contestants.photographs import BATCH, folders, make_large

from torchvision.datasets import ImageFolder  # isort: skip
from torchvision.transforms import v2  # isort: skip


def main() -> None:
    options = parser()
    options.add_argument("--workers", type=int, default=0)
    request = asked(options, make_large)
    answer(**{key: value for kind in folders(request) for key, value in times(request, *kind)})


def times(request: argparse.Namespace, name: str, folder: Path) -> list[tuple[str, float]]:
    """Seconds per image of the first epoch and of the second."""
    changes = v2.Compose(
        [
            *(v2.PILToTensor(), v2.RandomResizedCrop(224, antialias=True)),
            *(v2.RandomHorizontalFlip(), v2.ToDtype(torch.float32, scale=True)),
            v2.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
    )
    started, found = time.perf_counter(), []
    data = ImageFolder(str(folder), changes)
    workers = request.workers
    loader = DataLoader(
        data, BATCH, shuffle=True, num_workers=workers, persistent_workers=workers > 0
    )
    for key in ("cold", "warm"):
        for _ in loader:
            pass
        found.append((f"{name}-{key}", (time.perf_counter() - started) / len(data)))
        started = time.perf_counter()
    return found


if __name__ == "__main__":
    main()
