"""The two halves every classification network has."""

from collections import OrderedDict
from typing import Any

from torch import Tensor, nn


class Classifier(nn.Module):
    """`head(features(images))`: what the workbench can train, cut, explain and export.

    `made_by` holds the arguments of `zoo.create` that give such a network, where it was made so.

    Shape: images [N, C, H, W] -> features [N, K, h, w] -> outputs [N, classes].
    """

    def __init__(self, features: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.features: nn.Module = features
        self.head: nn.Module = head
        self.made_by: dict[str, Any] | None = None

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.features(images))


def pooled_linear(channels: int, classes: int, drop: float = 0.0) -> nn.Sequential:
    """Global average pool, dropout and one linear layer.

    Shape: [N, channels, h, w] -> [N, classes].
    Args:
        drop: fraction 0..1 of the pooled values that dropout sets to zero while training.
    """
    parts: OrderedDict[str, nn.Module] = OrderedDict(
        pool=nn.AdaptiveAvgPool2d(1),
        flatten=nn.Flatten(),
        drop=nn.Dropout(drop),
        linear=nn.Linear(channels, classes),
    )
    return nn.Sequential(parts)
