"""What others call the weights of zoo/nasnet.py.

Both name the sums of a cell, left and right; Keras counts from 1, and in the reduction cells calls
the left of the fifth the fourth.
"""

import re

from torch import nn

from striate.zoo.foreign._names import Names, weighted

PATH = re.compile(r"features\.(stem|normal|reduction)(\d+)\.(left|right|present|previous)(.*)")
STEPS = {"1": "1", "3": "2"}  # position in an operation -> which separable convolution


def _keras(network: nn.Module) -> dict[str, str]:
    repeats = _repeats(network)
    ends = {"stem.conv": "stem_conv1", "stem.norm": "stem_bn1", "head.linear": "predictions"}
    found = {}
    for path in weighted(network):
        if (match := PATH.fullmatch(path)) is None:
            found[path] = ends[path.removeprefix("features.")]
            continue
        kind, number, part, rest = match[1], int(match[2]), match[3], match[4]
        cell = "normal" if kind == "normal" else "reduction"
        block = {
            "stem": f"stem_{number}",
            "normal": str(number - 1 if number <= repeats else number),
            "reduction": f"reduce_{number * repeats}",
        }[kind]
        if part == "present":
            name = f"{cell}_{'conv' if rest.endswith('conv') else 'bn'}_1_{block}"
        elif part == "previous":
            name = f"{_keras_adjusting(rest)}_{block}"
        else:
            _, pair, position, what = rest.split(".")
            side = 4 if (cell, pair) == ("reduction", "4") else int(pair) + 1
            norm = "_bn" if what == "norm" else ""
            name = f"separable_conv_{STEPS[position]}{norm}_{cell}_{part}{side}_{block}"
        found[path] = name
    return found


def _keras_adjusting(rest: str) -> str:
    rules = {".1.branches.0.1": "adjust_conv_1", ".1.branches.1.1": "adjust_conv_2"}
    rules |= {".1.conv": "adjust_conv_projection"}
    return rules.get(rest, "adjust_bn")


def _timm(network: nn.Module) -> dict[str, str]:
    ends = {"stem.conv": "conv0.conv", "stem.norm": "conv0.bn", "head.linear": "last_linear"}
    kinds = {"stem": "cell_stem_", "normal": "cell_", "reduction": "reduction_cell_"}
    found = {}
    for path in weighted(network):
        if (match := PATH.fullmatch(path)) is None:
            found[path] = ends[path.removeprefix("features.")]
            continue
        kind, number, part, rest = match[1], int(match[2]), match[3], match[4]
        if part == "present":
            name = "conv_1x1" + (".conv" if rest.endswith("conv") else ".bn")
        elif part == "previous":
            name = _timm_adjusting(rest)
        else:
            _, pair, position, what = rest.split(".")
            step = STEPS[position]
            inner = f"bn_sep_{step}" if what == "norm" else f"separable_{step}.{what}_conv2d"
            name = f"comb_iter_{pair}_{part}.{inner}"
        found[path] = f"{kinds[kind]}{number - 1}.{name}"
    return found


def _timm_adjusting(rest: str) -> str:
    return {
        ".1.branches.0.1": "path_1.conv",
        ".1.branches.1.1": "path_2.conv",
        ".2": "final_path_bn",
        ".1.conv": "conv_prev_1x1.conv",
        ".1.norm": "conv_prev_1x1.bn",
    }[rest]


def _repeats(network: nn.Module) -> int:
    """Normal cells between two reductions."""
    children = dict(network.named_children())["features"].named_children()
    return sum(name.startswith("normal") for name, _ in children) // 3


NAMES: dict[str, Names] = {"keras": _keras, "timm": _timm}
