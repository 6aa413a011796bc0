"""torchvision as a peer: its networks and what they are said to weigh."""

from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import pytest
import torch

KEPT: list[torch.library.Library] = []  # operators live as long as their library is referred to


def torchvision_models() -> Any:
    """torchvision.models, or a loud skip.

    On a machine without a GPU its wheel is built for another torch than ours. All that its networks
    miss then are two operators, which no classifier calls; they are declared here.
    """
    if not find_spec("torchvision"):
        pytest.skip("TORCHVISION ABSENT: pip install --no-deps torchvision==0.28.0")
    if not KEPT and torch.version.cuda is None and "+" not in version("torchvision"):
        library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        KEPT.append(library)
    return import_module("torchvision.models")
