"""What others call the parts of inverted residuals."""

from torch import nn

from striate.nn import InvertedResidual

KINDS = {"expand": "conv_pw", "depthwise": "conv_dw", "project": "conv_pwl", "filter": "conv"}


def numbered(ours: str, theirs: str) -> dict[str, str]:
    """A convolution with its norm, for those who number the two.

    >>> numbered("features.stem", "features.0")
    {'features.stem.conv': 'features.0.0', 'features.stem.norm': 'features.0.1'}
    """
    return {f"{ours}.conv": f"{theirs}.0", f"{ours}.norm": f"{theirs}.1"}


def inverted_residuals(network: nn.Module) -> list[tuple[str, list[str]]]:
    """Path of each block's branch, and the names of its parts, in order."""
    return [
        (f"{path}.branch", [name for name, _ in block.branch.named_children()])
        for path, block in network.named_modules()
        if isinstance(block, InvertedResidual)
    ]


def torchvision_branch(path: str, parts: list[str], theirs: str) -> dict[str, str]:
    """Their blocks but for those of MobileNet v2: a list of parts, gates with two dense layers."""
    found = {}
    for i, part in enumerate(parts):
        if part == "gate":
            found[f"{path}.gate.squeeze"] = f"{theirs}.{i}.fc1"
            found[f"{path}.gate.expand"] = f"{theirs}.{i}.fc2"
        else:
            found |= numbered(f"{path}.{part}", f"{theirs}.{i}")
    return found


def timm_blocks(network: nn.Module) -> dict[str, str]:
    """The stem and all blocks in the words of timm, which numbers the norms of a block from 1."""
    found = {"features.stem.conv": "conv_stem", "features.stem.norm": "bn1"}
    for path, parts in inverted_residuals(network):
        _, stage, number, _ = path.split(".")
        theirs = f"blocks.{int(stage.removeprefix('stage')) - 1}.{number}"
        kinds = dict(KINDS)
        if "expand" not in parts:
            kinds["project"] = "conv_pw"
        if "depthwise" not in parts:
            kinds["expand"] = "conv_exp"
        for i, part in enumerate((p for p in parts if p != "gate"), start=1):
            found[f"{path}.{part}.conv"] = f"{theirs}.{kinds[part]}"
            found[f"{path}.{part}.norm"] = f"{theirs}.bn{i}"
        if "gate" in parts:
            found[f"{path}.gate.squeeze"] = f"{theirs}.se.conv_reduce"
            found[f"{path}.gate.expand"] = f"{theirs}.se.conv_expand"
    return found
