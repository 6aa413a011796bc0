"""What others call the weights of zoo/convnext.py."""

import re
from collections.abc import Mapping

from torch import nn

from striate.zoo.foreign._names import Names, renamed

_PARTS = {"depthwise": "block.0", "norm": "block.2", "widen": "block.3", "narrow": "block.5"}
_ends = renamed(
    (r"^features\.stem\.conv$", "features.0.0"),
    (r"^features\.stem\.norm$", "features.0.1"),
    (r"^head\.norm$", "classifier.0"),
    (r"^head\.linear$", "classifier.2"),
)


def _torchvision(network: nn.Module) -> Mapping[str, str]:
    """They number stages, and the layers between them, in one row, and blocks from 0."""
    names = {}
    for ours, theirs in _ends(network).items():
        names[ours] = theirs
        if between := re.fullmatch(r"features\.stage(\d)\.(norm|conv)", ours):
            row, number = 2 * int(between[1]) - 2, ("norm", "conv").index(between[2])
            names[ours] = f"features.{row}.{number}"
        if block := re.fullmatch(r"features\.stage(\d)\.block(\d)\.branch\.(\w+)", ours):
            row, number = 2 * int(block[1]) - 1, int(block[2]) - 1
            names[ours] = f"features.{row}.{number}.{_PARTS.get(block[3], 'layer_scale')}"
    return names


def _timm(network: nn.Module) -> Mapping[str, str]:
    """They count stages and blocks from 0, and normalise after pooling within `head`."""

    def counted(path: str) -> str:
        return re.sub(r"(stages\.|blocks\.)(\d+)", lambda m: f"{m[1]}{int(m[2]) - 1}", path)

    return {ours: counted(theirs) for ours, theirs in _timm_words(network).items()}


_timm_words = renamed(
    (r"^features\.stem\.conv$", "stem.0"),
    (r"^features\.stem\.norm$", "stem.1"),
    (r"^features\.stage(\d)\.norm$", r"stages.\1.downsample.0"),
    (r"^features\.stage(\d)\.conv$", r"stages.\1.downsample.1"),
    (r"^features\.stage(\d)\.block(\d)\.branch", r"stages.\1.blocks.\2"),
    (r"\.depthwise$", ".conv_dw"),
    (r"\.widen$", ".mlp.fc1"),
    (r"\.narrow$", ".mlp.fc2"),
    (r"\.scale$", ".gamma"),
    (r"^head\.linear$", "head.fc"),
)
NAMES: dict[str, Names] = {"torchvision": _torchvision, "timm": _timm}
