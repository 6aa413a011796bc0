"""What others call the weights of zoo/mobilenet_v2.py."""

from torch import nn

from striate.zoo.foreign._inverted import inverted_residuals, numbered, timm_blocks
from striate.zoo.foreign._names import Names


def _torchvision(network: nn.Module) -> dict[str, str]:
    """Blocks are numbered through after the stem. Inside, a convolution with norm and activation
    is one part; the last convolution and its norm are two."""
    found = numbered("features.stem", "features.0")
    blocks = inverted_residuals(network)
    for number, (path, parts) in enumerate(blocks, start=1):
        theirs, last = f"features.{number}.conv", len(parts) - 1
        for i, part in enumerate(parts[:-1]):
            found |= numbered(f"{path}.{part}", f"{theirs}.{i}")
        found[f"{path}.project.conv"] = f"{theirs}.{last}"
        found[f"{path}.project.norm"] = f"{theirs}.{last + 1}"
    found |= numbered("features.widen", f"features.{len(blocks) + 1}")
    return found | {"head.linear": "classifier.1"}


def _timm(network: nn.Module) -> dict[str, str]:
    ends = {"features.widen.conv": "conv_head", "features.widen.norm": "bn2"}
    return timm_blocks(network) | ends | {"head.linear": "classifier"}


def _keras(network: nn.Module) -> dict[str, str]:
    """Blocks are numbered through; the first, which is not widened, has no number."""
    found = {
        "features.stem.conv": "Conv1",
        "features.stem.norm": "bn_Conv1",
        "features.widen.conv": "Conv_1",
        "features.widen.norm": "Conv_1_bn",
        "head.linear": "predictions",
    }
    for number, (path, parts) in enumerate(inverted_residuals(network)):
        theirs = f"block_{number}" if number else "expanded_conv"
        for part in parts:
            found[f"{path}.{part}.conv"] = f"{theirs}_{part}"
            found[f"{path}.{part}.norm"] = f"{theirs}_{part}_BN"
    return found


NAMES: dict[str, Names] = {"torchvision": _torchvision, "timm": _timm, "keras": _keras}
