"""A small network whose answers are told apart, and an engine that does as it is told."""

from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, fx, nn

from striate.engines.measuring import Converter


def network(seed: int = 0) -> nn.Module:
    """images [N, 3, 8, 8] -> [N, 5], in training mode, as networks are made."""
    torch.manual_seed(seed)
    made = nn.Sequential(
        nn.Conv2d(3, 8, 3, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(8 * 36, 5),
    )
    made[1].running_mean.normal_()
    made[1].running_var.uniform_(0.5, 2)
    return made


def images(count: int = 6, seed: int = 1) -> Tensor:
    return torch.randn(count, 3, 8, 8, generator=torch.Generator().manual_seed(seed))


def answers(asked: nn.Module, images: Tensor) -> Tensor:
    """What the network says in evaluation mode."""
    modes = [module.training for module in asked.modules()]
    asked.eval()
    with torch.no_grad():
        found = asked(images)
    for module, mode in zip(asked.modules(), modes, strict=True):
        module.training = mode
    return found


@dataclass
class Told:
    """An engine that is torch in disguise, counts its conversions, and can be told to err.

    Args:
        factor: what its answers are multiplied by.
        failing: the error that a conversion raises.
    """

    factor: float = 1.0
    failing: Exception | None = None
    version: str | None = "1.0"
    written: int = 0
    opened: int = 0
    asked: list[int] = field(default_factory=list)
    networks: dict[str, fx.GraphModule] = field(default_factory=dict)

    @property
    def converter(self) -> Converter:
        return Converter(".told", lambda: self.version, self._write, self._open)

    def _write(self, network: fx.GraphModule, probe: Tensor, path: Path) -> None:
        self.written += 1
        if self.failing is not None:
            raise self.failing
        assert probe.shape[0] == 1
        self.networks[str(self.written)] = network
        path.write_text(str(self.written))

    def _open(self, path: Path) -> nn.Module:
        self.opened += 1
        return Disguised(self, self.networks[path.read_text()])


class Disguised(nn.Module):
    def __init__(self, told: Told, network: fx.GraphModule) -> None:
        super().__init__()
        self.told, self.network = told, network

    def forward(self, images: Tensor) -> Tensor:
        self.told.asked.append(len(images))
        with torch.no_grad():
            return self.network(images.clone()) * self.told.factor
