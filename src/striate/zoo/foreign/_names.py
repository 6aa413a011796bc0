"""How the weights of others are found by name."""

import re
from collections.abc import Callable, Mapping

from torch import nn

Names = Callable[[nn.Module], Mapping[str, str]]
"""A network of ours -> for each module with weights of its own, our path and theirs."""


def weighted(network: nn.Module) -> list[str]:
    """Paths of the modules that hold weights or running statistics themselves, in order."""
    return [
        path
        for path, module in network.named_modules()
        if [*module.parameters(recurse=False), *module.buffers(recurse=False)]
    ]


def renamed(*rules: tuple[str, str]) -> Names:
    """Names that differ from ours by regular expressions, each applied in turn to our path.

    >>> conv = nn.Sequential(nn.Conv2d(3, 8, 3))
    >>> renamed((r"^0$", "conv1"))(conv)
    {'0': 'conv1'}
    """

    def names(network: nn.Module) -> dict[str, str]:
        found = {}
        for path in weighted(network):
            theirs = path
            for pattern, replacement in rules:
                theirs = re.sub(pattern, replacement, theirs)
            found[path] = theirs
        return found

    return names
