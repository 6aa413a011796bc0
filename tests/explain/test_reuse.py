"""Reuse gives the answers of a full run, whatever the network does, and saves what it should."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from explain.peers import depthwise, reused_relu
from striate.explain import _reuse
from striate.explain._regions import Regions
from striate.explain._reuse import Reuse, occluded
from striate.explain.occlusion import windows


def conv(*args: int, **options) -> nn.Conv2d:
    return nn.Conv2d(*args, **options)


class Branches(nn.Module):
    """Branches of other reach, joined in place, by channels, and by a plain sum."""

    def __init__(self) -> None:
        super().__init__()
        self.wide, self.narrow = conv(4, 4, 3, padding=1), conv(4, 4, 1)
        self.norm = nn.BatchNorm2d(4)

    def forward(self, x: Tensor) -> Tensor:
        narrow = self.narrow(x)
        narrow += self.norm(self.wide(x))
        return torch.cat([F.relu(narrow, inplace=True), x * 2 - narrow, 1 - narrow.sigmoid()], 1)


class ReadThenInPlace(nn.Module):
    """A map that is read by a convolution, then changed in place, then read again."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = conv(4, 4, 3, padding=1), conv(4, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        y = x - 0.5
        before = self.first(y)
        y.relu_()
        after = self.second(y)
        y[:, 1] = 3
        return before + after + self.first(y)


class Gate(nn.Module):
    """Squeeze and excite: every place depends on all of them."""

    def __init__(self) -> None:
        super().__init__()
        self.squeeze, self.after = conv(4, 4, 1), conv(4, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.after(x * self.squeeze(x.mean(dim=(2, 3), keepdim=True)).sigmoid())


class LearnedMap(nn.Module):
    """Adds a parameter that is another one at every place, and one that has only a width."""

    def __init__(self) -> None:
        super().__init__()
        self.map = nn.Parameter(torch.randn(1, 4, 17, 14))
        self.row = nn.Parameter(torch.randn(14))

    def forward(self, x: Tensor) -> Tensor:
        return (x + self.map).relu() * self.row


class Decides(nn.Module):
    """Takes another way where it sees much grey: the clean run knows nothing of it."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = conv(4, 4, 3, padding=1), conv(4, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.one(x)
        return self.one(y) if x.detach().abs().sum() > 1e9 else self.other(y)


class Weighs(nn.Module):
    """Convolutions with weights made on the way, one of them from each image."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.randn(4, 4, 3, 3))

    def forward(self, x: Tensor) -> Tensor:
        y = F.conv2d(x, self.kernel - self.kernel.mean())
        parts = [F.conv2d(one[None], one.mean(dim=(1, 2)).view(1, 4, 1, 1)) for one in y]
        return torch.cat(parts)


class Reshapes(nn.Module):
    """Channel shuffle, as ShuffleNet."""

    def forward(self, x: Tensor) -> Tensor:
        many, channels, height, width = x.shape
        shuffled = x.view(many, 2, channels // 2, height, width).transpose(1, 2)
        return shuffled.reshape(many, channels, height, width)


LAYERS = {
    "padding": [conv(4, 5, 3, padding=1), nn.ReLU(), conv(5, 4, 5, padding=2), nn.GELU()],
    "none": [conv(4, 5, 3), conv(5, 4, 2), nn.LeakyReLU(0.1, inplace=True)],
    "strides": [conv(4, 4, 7, stride=2, padding=3), nn.MaxPool2d(3, 2, 1), conv(4, 4, 1, stride=2)],
    "passed by": [conv(4, 4, 1, stride=3), nn.SiLU(inplace=True)],
    "dilation": [conv(4, 4, 3, padding=2, dilation=2), conv(4, 4, 3, padding=3, dilation=3)],
    "unequal": [conv(4, 4, (1, 5), stride=(2, 1), padding=(0, 2)), conv(4, 4, (3, 1))],
    "groups": [conv(4, 8, 3, padding=1, groups=4), nn.ReLU6(), conv(8, 4, 1, groups=2)],
    "same": [conv(4, 4, 4, padding="same"), conv(4, 4, 2, padding="same", dilation=3)],
    "valid": [conv(4, 4, 3, padding="valid"), nn.Hardswish()],
    "reflected": [conv(4, 4, 3, padding=1, padding_mode="reflect"), nn.Tanh()],
    "ceil": [nn.MaxPool2d(3, 2, ceil_mode=True), nn.AvgPool2d(2, ceil_mode=True)],
    "average": [nn.AvgPool2d(3, 2, 1), nn.AvgPool2d(2, count_include_pad=False), nn.ELU()],
    "not counted": [nn.AvgPool2d(3, 1, 1, count_include_pad=False)],
    "dilated pool": [nn.MaxPool2d(2, 1, 1, dilation=2), nn.Hardsigmoid()],
    "padded": [nn.ZeroPad2d((0, 1, 2, 1)), conv(4, 4, 3), nn.ConstantPad2d(2, 1.5)],
    "norm": [nn.BatchNorm2d(4), nn.Dropout(), conv(4, 4, 3), nn.PReLU(), nn.Identity()],
    "group norm": [conv(4, 4, 3), nn.GroupNorm(2, 4), conv(4, 4, 3)],
    "upwards": [nn.Conv2d(4, 4, 3, 2), nn.ConvTranspose2d(4, 4, 2, 2), nn.Upsample(scale_factor=2)],
    "branches": [conv(4, 4, 3), Branches(), conv(12, 4, 3, padding=1)],
    "in place": [conv(4, 4, 3), ReadThenInPlace()],
    "gate": [conv(4, 4, 3, padding=1), Gate()],
    "map": [LearnedMap(), conv(4, 4, 3)],
    "decides": [Decides()],
    "weighs": [Weighs()],
    "reshapes": [conv(4, 4, 3, padding=1), Reshapes(), conv(4, 4, 3)],
}  # fmt: skip


def settled(layers: list[nn.Module]) -> nn.Sequential:
    torch.manual_seed(0)
    network = nn.Sequential(*layers)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 2)
    return network.double().eval()


def full_run(network: nn.Module, images: Tensor, boxes, replacement: Tensor) -> Tensor:
    """Copy by copy, by plain indexing."""
    answers = []
    for top, left, bottom, right in boxes.tolist():
        copy = images.clone()
        copy[:, :, top:bottom, left:right] = replacement[:, :, top:bottom, left:right]
        answers.append(network(copy))
    return torch.cat(answers)


@torch.no_grad()
@pytest.mark.filterwarnings("ignore:Using padding=.same. with even kernel")
@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize(("window", "stride"), [(1, 1), (4, 3), ((2, 7), (2, 5))])
def test_answers_are_those_of_a_full_run(name, window, stride) -> None:
    network = settled(LAYERS[name])
    images, replacement = torch.randn(2, 2, 4, 17, 14, dtype=torch.float64)
    boxes = windows(17, 14, window, stride)
    reuse = Reuse(network, images.clone(), boxes)
    order = np.random.default_rng(0).permutation(len(boxes))
    for chosen in (order[:5], order[5:6], order[-3:]):
        wanted = full_run(network, images, boxes[chosen], replacement)
        torch.testing.assert_close(reuse(chosen, replacement), wanted, rtol=1e-10, atol=1e-12)


@torch.no_grad()
@pytest.mark.parametrize("architecture", [reused_relu, depthwise])
def test_whole_networks_too(architecture) -> None:
    network, images = architecture()
    boxes = windows(*images.shape[2:], 5, 3)
    reuse, grey = Reuse(network, images.clone(), boxes), torch.zeros_like(images)
    every = np.arange(len(boxes))
    wanted = full_run(network, images, boxes, grey)
    torch.testing.assert_close(reuse(every, grey), wanted, rtol=1e-10, atol=1e-12)
    assert (wanted - network(images).repeat(len(boxes), 1)).abs().amax() > 1e-3


@torch.no_grad()
def test_only_the_reached_border_is_computed(monkeypatch) -> None:
    """A 2 × 2 box through three 3 × 3 convolutions of a 20 × 20 map changes 4, 6 and 8 squared."""
    network = settled([conv(4, 4, 3, padding=1) for _ in range(3)])
    images, boxes = torch.randn(1, 4, 20, 20, dtype=torch.float64), np.array([[9, 9, 11, 11]])
    reuse, asked = Reuse(network, images, boxes), []
    plain = _reuse.patches

    def spying(clean, corners, extent, *more):
        asked.append(tuple(int(side) for side in extent))
        return plain(clean, corners, extent, *more)

    monkeypatch.setattr(_reuse, "patches", spying)
    reuse(np.array([0]), torch.zeros_like(images))
    assert asked == [(2, 2), (6, 6), (8, 8), (10, 10), (20, 20)]  # the last puts all together


@torch.no_grad()
def test_the_network_and_the_images_stay_as_they_are() -> None:
    network = settled(LAYERS["branches"])
    images, boxes = torch.randn(1, 4, 17, 14, dtype=torch.float64), windows(17, 14, 4, 4)
    before, state = images.clone(), {k: v.clone() for k, v in network.state_dict().items()}
    Reuse(network, images, boxes)(np.arange(6), torch.zeros_like(images))
    assert torch.equal(images, before)
    assert all(torch.equal(value, state[key]) for key, value in network.state_dict().items())


def test_boxes_are_replaced_by_what_lies_there() -> None:
    images, other = torch.zeros(2, 1, 4, 5), torch.arange(40.0).view(2, 1, 4, 5)
    boxes = np.array([[1, 2, 3, 4], [0, 0, 1, 5]])
    regions = Regions(np.zeros((2, 2), int), np.array([[4, 5], [4, 5]]), (4, 5))
    copies = occluded(images, boxes, other, regions)
    wanted = torch.zeros(4, 1, 4, 5)
    wanted[:2, :, 1:3, 2:4], wanted[2:, :, 0] = other[:, :, 1:3, 2:4], other[:, :, 0]
    assert torch.equal(copies, wanted)
