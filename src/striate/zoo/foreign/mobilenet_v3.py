"""What others call the weights of zoo/mobilenet_v3.py."""

from torch import nn

from striate.zoo.foreign._inverted import (
    inverted_residuals,
    numbered,
    timm_blocks,
    torchvision_branch,
)
from striate.zoo.foreign._names import Names


def _torchvision(network: nn.Module) -> dict[str, str]:
    """Blocks are numbered through after the stem."""
    found = numbered("features.stem", "features.0")
    blocks = inverted_residuals(network)
    for number, (path, parts) in enumerate(blocks, start=1):
        found |= torchvision_branch(path, parts, f"features.{number}.block")
    found |= numbered("features.widen", f"features.{len(blocks) + 1}")
    return found | {"head.hidden": "classifier.0", "head.linear": "classifier.3"}


def _timm(network: nn.Module) -> dict[str, str]:
    """The last widening is a stage of its own; the hidden layer is a convolution."""
    stages = len({path.split(".")[1] for path, _ in inverted_residuals(network)})
    widen = {
        "features.widen.conv": f"blocks.{stages}.0.conv",
        "features.widen.norm": f"blocks.{stages}.0.bn1",
    }
    return timm_blocks(network) | widen | {"head.hidden": "conv_head", "head.linear": "classifier"}


NAMES: dict[str, Names] = {"torchvision": _torchvision, "timm": _timm}
