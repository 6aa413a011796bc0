"""What others call the weights of zoo/densenet.py.

The files that torchvision publishes have older names than its networks: "norm.1" for "norm1".
"""

import re
from collections.abc import Callable

from torch import nn

from striate.zoo.foreign._names import Names, renamed, weighted

LAYER = re.compile(r"features\.stage(\d)\.(\d+)\.branches\.1\.([01])\.(norm|conv)")


def _torch(separator: str) -> Names:
    """Blocks and layers are counted from 1; `separator` stands before the number of a part."""
    return _named(
        lambda block, layer, part, kind: (
            f"features.denseblock{block}.denselayer{layer}.{kind}{separator}{part}"
        ),
        (r"^features\.stem\.0\.(conv|norm)$", r"features.\g<1>0"),
        (r"\.halved\.", "."),
        (r"^features\.norm\.0$", "features.norm5"),
        (r"^head\.linear$", "classifier"),
    )


def _named(layer_name: Callable[[int, int, int, str], str], *rules: tuple[str, str]) -> Names:
    """Dense layers by their numbers, from 1: block, layer, part; everything else by rules."""
    others = renamed(*rules)

    def names(network: nn.Module) -> dict[str, str]:
        found = dict(others(network))
        for path in weighted(network):
            if match := LAYER.fullmatch(path):
                block, layer, part, kind = match.groups()
                found[path] = layer_name(int(block), int(layer) + 1, int(part) + 1, kind)
        return found

    return names


_keras = _named(
    # conv2_block1_0_bn, conv2_block1_1_conv, conv2_block1_1_bn, conv2_block1_2_conv
    lambda block, layer, part, kind: (
        f"conv{block + 1}_block{layer}_" + (f"{part - 1}_bn" if kind == "norm" else f"{part}_conv")
    ),
    (r"^features\.stem\.0\.conv$", "conv1_conv"),
    (r"^features\.stem\.0\.norm$", "conv1_bn"),
    *((rf"^features\.transition{i}\.halved\.norm$", f"pool{i + 1}_bn") for i in (1, 2, 3)),
    *((rf"^features\.transition{i}\.halved\.conv$", f"pool{i + 1}_conv") for i in (1, 2, 3)),
    (r"^features\.norm\.0$", "bn"),
    (r"^head\.linear$", "predictions"),
)

NAMES: dict[str, Names] = {
    "torchvision": _torch(""),
    "torchvision_files": _torch("."),
    "timm": _torch(""),
    "keras": _keras,
}
