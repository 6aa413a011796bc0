"""What others call the weights of zoo/vit.py."""

import re
from collections.abc import Mapping

from torch import nn

from striate.zoo.foreign._names import Names, renamed

_words = renamed(
    (r"^features\.stem\.patches\.conv$", "patch_embed.proj"),
    (r"^features\.stem\.token$", "cls_token"),
    (r"^features\.stem\.position$", "pos_embed"),
    (r"^features\.norm$", "norm"),
    (r"^features\.block", "blocks."),
    (r"\.0\.branch\.norm$", ".norm1"),
    (r"\.1\.branch\.norm$", ".norm2"),
    (r"\.0\.branch\.attention\.query_key_value$", ".attn.qkv"),
    (r"\.0\.branch\.attention\.project$", ".attn.proj"),
    (r"\.1\.branch\.widen$", ".mlp.fc1"),
    (r"\.1\.branch\.narrow$", ".mlp.fc2"),
    (r"^head\.linear$", "head"),
)


def _timm(network: nn.Module) -> Mapping[str, str]:
    """They count blocks from 0."""

    def counted(path: str) -> str:
        return re.sub(r"^blocks\.(\d+)", lambda m: f"blocks.{int(m[1]) - 1}", path)

    return {ours: counted(theirs) for ours, theirs in _words(network).items()}


NAMES: dict[str, Names] = {"timm": _timm}
