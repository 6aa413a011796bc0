"""The networks of the training steps, in plain torch and torchvision."""

from importlib import import_module
from types import ModuleType

from torch import nn


def lenet5() -> nn.Sequential:
    """[N, 1, 28, 28] -> logits [N, 10]."""
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(256, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)),
    )


def two_conv() -> nn.Sequential:
    """[N, 1, 28, 28] -> logits [N, 10]."""
    return nn.Sequential(
        *(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 32, 3), nn.ReLU()),
        *(nn.MaxPool2d(2), nn.Dropout(0.25), nn.Flatten()),
        *(nn.Linear(4608, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10)),
    )


def resnet18() -> nn.Module:
    return torchvision_models().resnet18(num_classes=10)


def mobilenet_v2() -> nn.Module:
    return torchvision_models().mobilenet_v2(num_classes=10)


def torchvision_models() -> ModuleType:
    """torchvision.models, where it is installed."""
    from benchmarks.contestants import torchvision_operators  # noqa: F401  (first)

    return import_module("torchvision.models")


NETWORKS = {
    "lenet5": lenet5,
    "two_conv": two_conv,
    "resnet18_64": resnet18,
    "resnet18_224": resnet18,
    "mobilenet_v2": mobilenet_v2,
}
