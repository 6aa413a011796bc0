"""A training small enough to be run hundreds of times: batches in memory and a network to match."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from striate.training import Recipe, SingleLabel, fit


@dataclass(frozen=True)
class MemoryBatch:
    images: Tensor
    targets: Tensor
    indices: np.ndarray
    weights: Tensor | None = None


class MemoryBatches:
    """Batches over given tensors; the order of an epoch depends on (seed, epoch) alone."""

    def __init__(self, images: Tensor, targets: Tensor, batch_size: int, seed: int = 0) -> None:
        self.images, self.targets = images, targets
        self.batch_size, self.seed = batch_size, seed
        self.steps = len(images) // batch_size
        self.asked: list[tuple[int, int]] = []

    def epoch(self, epoch: int, start: int = 0) -> Iterator[MemoryBatch]:
        self.asked.append((epoch, start))
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self.images))
        for number in range(start, self.steps):
            chosen = order[number * self.batch_size : (number + 1) * self.batch_size]
            yield MemoryBatch(self.images[chosen], self.targets[chosen], chosen)


def blobs(count: int = 96, size: int = 8, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Noise [count, 1, size, size] with a bright row where the class is, and the labels."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 3
    images = 0.5 * torch.randn(count, 1, size, size, generator=generator)
    images[torch.arange(count), 0, labels] += 2.0
    return images, labels


def small_network(seed: int = 0, classes: int = 3) -> nn.Sequential:
    """Convolution, batch norm and dropout: something of all that resuming must not forget."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1, bias=False),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.Conv2d(4, 8, 3, stride=2),
            nn.ReLU(),
            nn.Flatten(),
            nn.Dropout(0.3),
            nn.Linear(72, classes),
        )


def small_recipe(**settings: object) -> Recipe:
    defaults = {"epochs": 3, "batch_size": 16, "learning_rate": 0.01, "device": "cpu"}
    return Recipe(**{**defaults, **settings})


def small_batches(count: int = 96, batch_size: int = 16) -> MemoryBatches:
    return MemoryBatches(*blobs(count), batch_size=batch_size)


def validation(network: nn.Module) -> dict[str, float]:
    """Loss and accuracy on other blobs."""
    images, labels = blobs(48, seed=1)
    outputs = network(images)
    loss = SingleLabel()(outputs, labels).item()
    return {"loss": loss, "accuracy": (outputs.argmax(1) == labels).float().mean().item()}


def small_fit(network: nn.Module, recipe: Recipe | None = None, **options: object):
    """`fit` with everything small unless given."""
    settings = {"batches": small_batches(), "objective": SingleLabel(), "validate": validation}
    return fit(network, recipe=recipe or small_recipe(), **{**settings, **options})


def assert_same_weights(one: nn.Module, other: nn.Module) -> None:
    """Bitwise: no tolerance."""
    there = other.state_dict()
    for name, tensor in one.state_dict().items():
        assert torch.equal(tensor, there[name]), name
