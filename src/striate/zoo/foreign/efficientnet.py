"""What others call the weights of zoo/efficientnet.py."""

from torch import nn

from striate.zoo.foreign._inverted import (
    inverted_residuals,
    numbered,
    timm_blocks,
    torchvision_branch,
)
from striate.zoo.foreign._names import Names


def _torchvision(network: nn.Module) -> dict[str, str]:
    """Stages are numbered after the stem, blocks in each stage."""
    found = numbered("features.stem", "features.0")
    stage = "0"
    for path, parts in inverted_residuals(network):
        _, name, number, _ = path.split(".")
        stage = name.removeprefix("stage")
        found |= torchvision_branch(path, parts, f"features.{stage}.{number}.block")
    found |= numbered("features.widen", f"features.{int(stage) + 1}")
    return found | {"head.linear": "classifier.1"}


def _timm(network: nn.Module) -> dict[str, str]:
    ends = {"features.widen.conv": "conv_head", "features.widen.norm": "bn2"}
    return timm_blocks(network) | ends | {"head.linear": "classifier"}


NAMES: dict[str, Names] = {"torchvision": _torchvision, "timm": _timm}
