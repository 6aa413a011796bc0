"""Memory is counted from shapes alone; autograd and a hand count are the judges."""

import pytest
import torch
from torch import nn

from striate import layers, zoo
from striate.summaries import summary


def test_each_row_tells_its_output_in_float32():
    table = summary([layers.Conv2D(6, 5), layers.Flatten()], (28, 28, 1))
    assert [row.activation_bytes for row in table.rows] == [24 * 24 * 6 * 4] * 2
    assert "13.8 kB" in table.text


def test_the_peak_is_what_lives_at_once():
    network = nn.Sequential(nn.Conv2d(1, 4, 1), nn.ReLU(inplace=True), nn.Conv2d(4, 8, 1))
    pixels = 10 * 10 * 4
    assert summary(network, (10, 10, 1)).peak_bytes == pixels * (4 + 8)  # the image is not needed

    class Skip(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(*(nn.Conv2d(4, 4, 1) for _ in range(3)))

        def forward(self, x):
            return x + self.layers(x)

    table = summary(Skip(), (10, 10, 4))
    assert table.peak_bytes == pixels * 12  # the input waits for the sum
    assert table["layers.0"].activation_bytes == pixels * 4


class Wide(nn.Module):
    """A shortcut around a branch that is wide in its middle."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(4, 16, 1), nn.Conv2d(16, 4, 1))

    def forward(self, x):
        return x + self.layers(x)


class Part(nn.Module):
    """Reads one of eight channels, which keeps them all."""

    def __init__(self):
        super().__init__()
        self.wide, self.last = nn.Conv2d(1, 8, 1), nn.Conv2d(1, 1, 1)

    def forward(self, x):
        return self.last(self.wide(x)[:, :1])


@pytest.mark.parametrize(
    ("network", "channels", "numbers"),
    [
        (Wide(), 4, 100 * (4 + 16 + 4)),  # what the shortcut keeps counts before it is read
        (Part(), 1, 100 * (1 + 8)),
        (nn.Sequential(nn.Conv2d(1, 4, 1), nn.Flatten(), nn.Linear(400, 2)), 1, 100 * (1 + 4)),
    ],
    ids=["shortcut", "slice", "view"],
)
def test_what_lives_long_and_what_is_a_view(network, channels, numbers):
    assert summary(network, (10, 10, channels)).peak_bytes == 4 * numbers
    assert summary(network.double(), (10, 10, channels)).peak_bytes == 4 * numbers  # as float32


def kept_by_autograd(network, shape, batch):
    """Bytes for each image that a real forward pass keeps for the way back, weights apart."""
    weights = {w.untyped_storage().data_ptr() for w in network.state_dict().values()}
    kept = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = (storage.nbytes(), tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        network.train()(torch.randn(batch, shape[-1], *shape[:-1]))
    return sum(size for size, _ in kept.values()) / batch


def test_what_training_keeps_is_what_autograd_keeps():
    network = zoo.create("striatenet", classes=10, image_size=32)
    table = summary(network, (32, 32, 3))
    real = kept_by_autograd(network, (32, 32, 3), 16)
    assert abs(table.saved_bytes - real) < 0.02 * real
    assert table.training_bytes(8) == 8 * table.saved_bytes + 16 * table.weights


@pytest.mark.parametrize(
    "last",
    [
        nn.Sequential(nn.MaxPool2d(2), nn.Flatten(), nn.Linear(4 * 25, 2)),  # places of the largest
        nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(400, 2)),  # what was dropped
    ],
    ids=["max-pooling", "dropout"],
)
def test_places_and_masks_are_kept_too(last):
    network = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), last).eval()
    saved = summary(network, (10, 10, 1)).saved_bytes
    assert saved == kept_by_autograd(network, (10, 10, 1), 4)
    assert summary(network.double(), (10, 10, 1)).saved_bytes == saved  # as float32


def test_the_network_is_left_as_it_was():
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout(0.5))
    network[1].eval()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    assert summary(network, (8, 8, 1)).saved_bytes > 0
    assert [module.training for module in network.modules()] == [True, True, False, True]
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


def test_memory_that_cannot_be_told_is_none():
    class Reads(nn.Module):
        def forward(self, x):
            return x * (1 if float(x.sum()) >= 0 else 2)

    table = summary(Reads(), (8, 8, 1))
    assert (table.saved_bytes, table.training_bytes(32)) == (None, None)
    assert "Training" not in table.text
