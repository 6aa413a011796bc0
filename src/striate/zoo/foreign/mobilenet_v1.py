"""What others call the weights of zoo/mobilenet_v1.py."""

from torch import nn

from striate.zoo.foreign._names import Names, weighted


def _keras(network: nn.Module) -> dict[str, str]:
    """Keras numbers the blocks through, from 1."""
    found, block = {}, 0
    for path in weighted(network):
        part, _, kind = path.removeprefix("features.").rpartition(".")
        suffix = "_bn" if kind == "norm" else ""
        if part == "stem":
            found[path] = "conv1" + suffix
        elif path == "head.linear":
            found[path] = "conv_preds"
        else:
            depthwise = part.endswith("depthwise")
            block += depthwise and kind == "conv"
            found[path] = f"conv_{'dw' if depthwise else 'pw'}_{block}{suffix}"
    return found


NAMES: dict[str, Names] = {"keras": _keras}
