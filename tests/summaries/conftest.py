"""Peers of the summary."""

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import pytest
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

KEPT = []  # a library of operators lives as long as it is referred to


@pytest.fixture(scope="session")
def torchvision_models() -> Any:
    """The torchvision catalogue; tests that need it are skipped, loudly, where it is absent.

    On a machine without a GPU its wheel from PyPI is built for another torch than ours. All that
    its networks miss then are two operators, which no classifier calls; they are declared here.
    """
    if not find_spec("torchvision"):
        pytest.skip("TORCHVISION ABSENT: pip install --no-deps torchvision==0.28.0")
    if not KEPT and torch.version.cuda is None and "+" not in version("torchvision"):
        library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        KEPT.append(library)
    return import_module("torchvision.models")


class Weightless(TorchFunctionMode):
    """Modules made inside have weights without content."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func is torch.empty:
            kwargs["device"] = "meta"
        return func(*args, **kwargs)


@pytest.fixture(scope="session")
def foreign(torchvision_models: Any) -> Callable[..., nn.Module]:
    """A network of torchvision by name."""

    def build(name: str, *, weightless: bool = True, **options: Any) -> nn.Module:
        if name in ("googlenet", "inception_v3"):
            options = {"init_weights": False, **options}
        if not weightless:
            return torchvision_models.get_model(name, weights=None, **options)
        with Weightless():
            return torchvision_models.get_model(name, weights=None, **options)

    return build
