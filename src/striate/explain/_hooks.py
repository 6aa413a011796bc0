"""Look inside a network and leave it as it was found."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from striate.errors import ExplainError, unknown_name
from striate.memory import keep_freed_memory


def uncompiled(network: nn.Module) -> nn.Module:
    """The module behind `torch.compile`, whose compiled code would pass hooks by."""
    inner = getattr(network, "_orig_mod", network)
    return inner if isinstance(inner, nn.Module) else network


def named_layer(network: nn.Module, layer: str) -> nn.Module:
    """The module of that dotted name, as `named_modules` gives it.

    Raises:
        UnknownName: the network has no such module.
    """
    modules = dict(network.named_modules())
    if layer not in modules:
        raise unknown_name("layer", layer, filter(None, modules))
    return modules[layer]


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Every module in eval mode; on exit each has its own mode back.

    Only the flags are turned: `eval()` itself may be overridden and do more than it can undo.
    """
    keep_freed_memory()
    modes = [(module, module.training) for module in network.modules()]
    try:
        for module, _ in modes:
            module.training = False
        yield
    finally:
        for module, mode in modes:
            module.training = mode


@contextmanager
def watching(module: nn.Module, keep: Callable[..., Any]) -> Iterator[None]:
    """Call `keep(module, inputs, output)` after each run; what it returns replaces the output."""
    handle = module.register_forward_hook(keep)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def recording(network: nn.Module, layer: str) -> Iterator[list[Tensor]]:
    """Collect what the named layer gives, one tensor per run of it.

    Each is a copy: what follows may work in place, and the record must not change.
    """
    outputs: list[Tensor] = []

    def keep(_module: nn.Module, _inputs: object, output: object) -> None:
        outputs.append(one_tensor(layer, output).detach().clone())

    with watching(named_layer(network, layer), keep):
        yield outputs


@contextmanager
def recording_input(network: nn.Module, layer: str) -> Iterator[list[Tensor]]:
    """Collect what the named layer is given (its first argument), one tensor per run of it."""
    inputs: list[Tensor] = []

    def keep(_module: nn.Module, given: tuple[object, ...]) -> None:
        inputs.append(one_tensor(layer, given[0] if given else None).detach().clone())

    handle = named_layer(network, layer).register_forward_pre_hook(keep)
    try:
        yield inputs
    finally:
        handle.remove()


@contextmanager
def cutting(network: nn.Module, layer: str) -> Iterator[list[Tensor]]:
    """Collect the named layer's outputs as starting points of the gradient, one per run of it.

    To be entered under `no_grad`: nothing is remembered up to the layer, everything behind it,
    until the caller's `no_grad` ends. So a backward pass to the layer costs only the way to it,
    and works when every weight is frozen. The copy passed on may be changed in place.
    """
    outputs: list[Tensor] = []

    def keep(_module: nn.Module, _inputs: object, output: object) -> Tensor:
        torch.set_grad_enabled(True)
        outputs.append(one_tensor(layer, output).detach().requires_grad_())
        return outputs[-1].clone()

    with watching(named_layer(network, layer), keep):
        yield outputs


def last_of(outputs: list[Tensor], layer: str) -> Tensor:
    """What the layer gave in its last run."""
    if not outputs:
        raise ExplainError(
            "explain-layer-not-run",
            f"Layer {layer!r} did not run when the network answered these images.",
            "Name a layer on the way to the answer (scripted networks cannot be looked into).",
        )
    return outputs[-1]


def as_maps(output: Tensor, layer: str) -> Tensor:
    """What a layer gave, checked to be maps [N, K, h, w]."""
    if output.ndim != 4:
        raise ExplainError(
            "explain-layer-shape",
            f"Layer {layer!r} must give a map [N, K, h, w], got {list(output.shape)}.",
            "Name a layer before the features are flattened.",
        )
    return output


def one_tensor(layer: str, value: object) -> Tensor:
    if isinstance(value, Tensor) and value.is_floating_point():
        return value
    raise ExplainError(
        "explain-layer-output",
        f"Layer {layer!r} must give one floating-point tensor, got {type(value).__name__}.",
        "Name a layer inside it.",
    )
