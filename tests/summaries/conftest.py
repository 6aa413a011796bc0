"""Peers of the summary."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from torchvision_peer import torchvision_models


@pytest.fixture(scope="session", name="torchvision_models")
def the_torchvision_models() -> Any:
    """The torchvision catalogue; tests that need it are skipped, loudly, where it is absent."""
    return torchvision_models()


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
