"""Find a network's layers by running it: the last map, and the layer that classifies."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from striate.errors import ExplainError
from striate.explain._hooks import evaluating, uncompiled


@dataclass(frozen=True)
class Ran:
    """One run of a module: its dotted name, the module, and the shape it gave (None: no tensor)."""

    name: str
    module: nn.Module
    shape: tuple[int, ...] | None


@torch.no_grad()
def trace(network: nn.Module, images: Tensor) -> list[Ran]:
    """Every run of every module on the first image, in the order they ended."""
    network = uncompiled(network)
    runs: list[Ran] = []
    handles = []
    try:
        for name, module in network.named_modules():

            def keep(ran: nn.Module, _inputs: object, output: object, name: str = name) -> None:
                shape = tuple(output.shape) if isinstance(output, Tensor) else None
                runs.append(Ran(name, ran, shape))

            handles.append(module.register_forward_hook(keep))
        with evaluating(network):
            network(images[:1].clone())
    finally:
        for handle in handles:
            handle.remove()
    return runs


def last_spatial_layer(network: nn.Module, images: Tensor) -> str:
    """Name of the last layer whose output is a map: [N, K, h, w] with more than one position.

    Where a container ends with such a layer, the container is named. The network itself is not.
    Four axes alone do not make a map: what lies inside a module that gives tokens [N, T, D] is
    attention, [N, heads, T, D], and what is larger than the image has its channels last.
    Raises:
        ExplainError: no layer gives a map.
    """
    runs = trace(network, images)
    tokens = {run.name for run in runs if run.shape is not None and len(run.shape) == 3}
    for run in reversed(runs):
        if run.name and _is_map(run.shape, images) and not tokens & _holders(run.name):
            return run.name
    seen = [f"{run.name} {list(run.shape)}" for run in runs if run.name and run.shape]
    raise ExplainError(
        "explain-no-map",
        "No layer of this network gives a map [N, K, h, w] with more than one position; "
        f"its layers give {', '.join(seen[-4:]) or 'no tensors'}.",
        "Class activation maps need one: take larger images, or a method that needs no layer.",
    )


def _is_map(shape: tuple[int, ...] | None, images: Tensor) -> bool:
    if shape is None or len(shape) != 4 or shape[2] * shape[3] < 2:
        return False
    return shape[2] <= images.shape[2] and shape[3] <= images.shape[3]


def _holders(name: str) -> set[str]:
    """Names of the modules that a module lies in: "blocks.3.attn" in "blocks.3" and "blocks"."""
    parts = name.split(".")
    return {".".join(parts[:end]) for end in range(1, len(parts))}


def classifier_layer(network: nn.Module, images: Tensor) -> str:
    """Name of the layer that turns features into the answer: the last linear layer that runs,
    or, in a network without one, the last convolution.

    Raises:
        ExplainError: the network has neither.
    """
    runs = trace(network, images)
    for kind in (nn.Linear, _ConvNd):
        found = [run.name for run in runs if isinstance(run.module, kind)]
        if found:
            return found[-1]
    raise ExplainError(
        "explain-no-classifier",
        "No linear layer and no convolution ran, so the features before the answer are unknown.",
        "Name the layer whose output is wanted: layer=….",
    )
