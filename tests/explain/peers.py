"""Parity with captum and pytorch-grad-cam: the packages, and three networks to ask them about.

captum hooks modules: it cannot be asked about in-place activations, and DeepLIFT and LRP not about
modules that run twice. `unshared(network)` is the same function in the shape it needs.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from importlib import import_module
from importlib.util import find_spec

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from torchvision_peer import torchvision_models


def captum():
    """captum.attr, or a loud skip."""
    if not find_spec("captum"):
        pytest.skip("CAPTUM ABSENT: pip install --no-deps captum==0.9.0")
    return import_module("captum.attr")


def grad_cam_package():
    """pytorch_grad_cam, or a loud skip."""
    needed = {"pytorch_grad_cam": "grad-cam==1.5.7", "cv2": "opencv-python-headless", "ttach": ""}
    for module, package in needed.items():
        if not find_spec(module):
            pytest.skip(f"PYTORCH-GRAD-CAM ABSENT: pip install --no-deps {package or module}")
    torchvision_models()
    return import_module("pytorch_grad_cam")


@contextmanager
def quiet() -> Iterator[None]:
    """captum announces its hooks as warnings, and warnings are errors here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def inplace_relu() -> tuple[nn.Module, Tensor]:
    """torchvision's ResNet with one block per stage, whose ReLUs work in place and run twice. Maps
    at the end: 2 x 3."""
    torch.manual_seed(0)
    resnet = torchvision_models().resnet
    network = resnet.ResNet(resnet.BasicBlock, [1, 1, 1, 1], num_classes=10)
    return settled(network), signed_images(64, 96)


def reused_relu() -> tuple[nn.Module, Tensor]:
    """Five layers and one ReLU module for all. Maps at the end: 10 x 8."""
    torch.manual_seed(1)
    return settled(Reused()), signed_images(20, 16)


def depthwise() -> tuple[nn.Module, Tensor]:
    """Depthwise separable blocks as in MobileNet (v1). Maps at the end: 6 x 5."""
    torch.manual_seed(2)
    return settled(Depthwise()), signed_images(24, 20)


ARCHITECTURES = (inplace_relu, reused_relu, depthwise)
every_architecture = pytest.mark.parametrize(
    "architecture", ARCHITECTURES, ids=[build.__name__ for build in ARCHITECTURES]
)


def unshared(network: nn.Module) -> nn.Module:
    """A copy in which every ReLU is a module of its own that runs once and not in place."""
    graph = fx.symbolic_trace(deepcopy(network))
    for node in list(graph.graph.nodes):
        if node.op == "call_module" and isinstance(graph.get_submodule(node.target), nn.ReLU):
            name = f"relu_{node.name}"
            graph.add_submodule(name, nn.ReLU())
            node.target = name
    graph.recompile()
    return graph.eval()


class Reused(nn.Module):
    """One ReLU module and one pooling module that run after every convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.second = nn.Conv2d(8, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.third = nn.Conv2d(8, 12, 3, padding=1)
        self.relu, self.pool = nn.ReLU(), nn.MaxPool2d(2)
        self.hidden, self.head = nn.Linear(12, 9), nn.Linear(9, 6)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.relu(self.first(images))
        maps = self.pool(self.relu(self.norm(self.second(maps))))
        maps = self.relu(self.third(maps))
        return self.head(self.relu(self.hidden(maps.mean(dim=(2, 3)))))


class Depthwise(nn.Module):
    """A stem and three depthwise separable blocks, the middle one with a shortcut."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ReLU())
        self.block1, self.block2 = separable(8, 12, stride=2), separable(12, 12, stride=1)
        self.block3, self.head = separable(12, 16, stride=1), nn.Linear(16, 7)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.block1(self.stem(images))
        maps = self.block3(maps + self.block2(maps))
        return self.head(F.adaptive_avg_pool2d(maps, 1).flatten(1))


def separable(in_channels: int, channels: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, in_channels, 3, stride, padding=1, groups=in_channels, bias=False),
        nn.BatchNorm2d(in_channels),
        nn.ReLU(),
        nn.Conv2d(in_channels, channels, 1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
    )


def settled(network: nn.Module) -> nn.Module:
    """In float64 and eval mode, with biases and norms that are not as fresh from the factory."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.3)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.3)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=module.in_features**-0.5)
        elif isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    return network.double().eval()


def signed_images(height: int, width: int) -> Tensor:
    """Three images, [3, 3, height, width], float64, normal."""
    generator = torch.Generator().manual_seed(3)
    return torch.randn(3, 3, height, width, generator=generator, dtype=torch.float64)
