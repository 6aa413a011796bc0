"""A fully convolutional copy says at each place what the original says of that part."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from striate import zoo
from striate.errors import UsageError
from striate.nn.convolutionalise import convolutionalise


def unpadded() -> nn.Module:
    """Takes 14×14 pixels at stride 4 and pads nothing, so that places do not know their borders."""
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, stride=2),  # 6
        nn.ReLU(),
        nn.MaxPool2d(2),  # 3
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(4 * 9, 8),
        nn.BatchNorm1d(8),
        nn.ReLU(),
        nn.Linear(8, 5),
        nn.Softmax(dim=1),
    )


class Pooled(nn.Module):
    """A mean over the whole map in functional code, as many networks have it."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(2, 6, 3, stride=2), nn.ReLU())
        self.classifier = nn.Linear(6, 5)

    def forward(self, x):
        return self.classifier(F.relu(self.features(x)).mean([2, 3]))


class Halved(nn.Module):
    """A head like VGG's, on maps twice as large as its dense layer wants: windows with gaps."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Conv2d(2, 6, 3)  # 14 -> 12
        self.pool = nn.AdaptiveAvgPool2d((3, 4))
        self.classifier = nn.Sequential(nn.Linear(6 * 12, 7), nn.ReLU(), nn.Linear(7, 5))

    def forward(self, x):
        return self.classifier(torch.flatten(self.pool(self.features(x)), 1))


def slid(network: nn.Module, images: torch.Tensor, size: int, stride: int) -> torch.Tensor:
    """The original on every part of the images, [N, classes, rows, columns]."""
    rows = [
        torch.stack(
            [
                network(images[:, :, top : top + size, left : left + size])
                for left in range(0, images.shape[3] - size + 1, stride)
            ],
            dim=-1,
        )
        for top in range(0, images.shape[2] - size + 1, stride)
    ]
    return torch.stack(rows, dim=2)


@pytest.mark.parametrize(
    ("build", "stride"), [(unpadded, 4), (Pooled, 2), (Halved, 1)], ids=["dense", "mean", "vgg"]
)
@torch.no_grad()
def test_it_equals_sliding_the_original(build, stride):
    torch.manual_seed(0)
    network = build()
    network(torch.randn(8, 2, 14, 14))  # running means
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    wide = convolutionalise(network, (14, 14, 2))
    network.eval()
    images = torch.randn(3, 2, 14 + 5 * stride, 14 + 2 * stride)
    expected = slid(network, images, 14, stride)
    assert expected.shape == (3, 5, 6, 3)
    torch.testing.assert_close(wide.maps(images), expected)
    torch.testing.assert_close(wide(images), expected.mean(dim=(2, 3)))
    torch.testing.assert_close(wide(images[:, :, :14, :14]), expected[:, :, 0, 0])
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


@pytest.mark.parametrize(
    ("name", "size", "larger", "grid"),
    [("lenet5", 32, 48, (5, 5)), ("resnet18", 64, 128, (3, 3)), ("striatenet", 64, 96, (5, 5))],
)
@torch.no_grad()
def test_networks_of_the_zoo_agree_on_their_own_size(name, size, larger, grid):
    torch.manual_seed(0)
    network = zoo.create(name, classes=7, channels=1, image_size=size).eval()
    wide = convolutionalise(network, (size, size, 1))
    images = torch.randn(2, 1, size, size)
    torch.testing.assert_close(wide(images), network(images), rtol=1e-4, atol=1e-5)
    assert wide.maps(torch.randn(1, 1, larger, larger)).shape == (1, 7, *grid)
    assert sum(w.numel() for w in wide.parameters()) == sum(w.numel() for w in network.parameters())


@torch.no_grad()
def test_lenet_pads_nothing_and_equals_sliding_at_its_stride():
    torch.manual_seed(0)
    network = zoo.create("lenet5", classes=10, channels=1).eval()
    images = torch.randn(1, 1, 48, 40)
    maps = convolutionalise(network, (32, 32, 1)).maps(images)
    torch.testing.assert_close(maps, slid(network, images, 32, 4), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("network", "why"),
    [
        (nn.Sequential(nn.Conv2d(1, 2, 3)), "no pooling or flattening"),
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten()), "no dense layer"),
        (
            nn.Sequential(
                nn.Conv2d(1, 2, 3), nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(32, 2)
            ),
            "windows of several sizes",
        ),
        (
            nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.LayerNorm(72), nn.Linear(72, 2)),
            "'_2' cannot be read as a convolution",
        ),
    ],
)
def test_what_stands_in_the_way_is_named(network, why):
    with pytest.raises(UsageError, match=why) as caught:
        convolutionalise(network, (8, 8, 1))
    assert caught.value.code == "model-not-convolutional"
