"""The memory that activations take, counted without running any arithmetic."""

from collections.abc import Sequence
from contextlib import suppress

import torch
from torch import Tensor, nn
from torch.func import functional_call

from striate.shapes import Shape
from striate.summaries.trace import Seen, Trace, image_tensor, on_meta

FLOAT = 4  # bytes
COPIES = 4  # of a weight while training with Adam: itself, its gradient, and two moments


def activation_bytes(seen: Seen) -> int:
    """Bytes of what a tensor holds, in float32."""
    return seen.tensor.numel() * FLOAT


def peak_bytes(trace: Trace) -> int:
    """The most that activations take at once when a network answers one image, in float32.

    A tensor lives from the operation that makes it to the last one that reads it; views and
    in-place operations take nothing of their own. The work space of single operations and the
    weights are not counted.
    """
    made: dict[int, int] = {}
    last: dict[int, int] = {}
    sizes: dict[int, int] = {}
    for number, step in enumerate(trace.steps):
        for seen in (*step.inputs, *step.outputs):
            key = storage(seen.tensor)
            made.setdefault(key, number)
            last[key] = number
            sizes[key] = max(sizes.get(key, 0), activation_bytes(seen))
    change = [0] * (len(trace.steps) + 1)
    for key, size in sizes.items():
        change[made[key]] += size
        change[last[key] + 1] -= size
    peak = now = 0
    for each in change:
        now += each
        peak = max(peak, now)
    return peak


def saved_bytes(network: nn.Module, input_shapes: Sequence[Shape]) -> int | None:
    """What the backward pass needs kept of one image, in bytes; None where it cannot be told.

    Two images go forward in training mode, on tensors without content, and half of what autograd
    keeps is counted, weights apart. `network` is left as it was.
    """
    state = on_meta(network)
    weights = {storage(tensor) for tensor in state.values()}
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[storage(tensor)] = tensor
        return tensor

    modes = [(module, module.training) for module in network.modules()]
    images = tuple(image_tensor(network, shape, "meta", 2) for shape in input_shapes)
    try:
        network.train()
        hooks = torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor)
        with suppress(RuntimeError, NotImplementedError, ValueError), torch.enable_grad(), hooks:
            functional_call(network, state, images)
            found = [tensor for key, tensor in kept.items() if key not in weights]
            return sum(map(held_bytes, found)) // 2
    finally:
        for module, mode in modes:
            module.training = mode
    return None


def held_bytes(tensor: Tensor) -> int:
    """Bytes of the memory behind a tensor, fractions as float32, places and masks as they are."""
    each = FLOAT if tensor.is_floating_point() else tensor.itemsize
    return tensor.untyped_storage().nbytes() // tensor.itemsize * each


def training_bytes(saved: int | None, weights: int, batch_size: int) -> int | None:
    """What training a batch with Adam needs at least: activations, weights, gradients, moments."""
    return None if saved is None else saved * batch_size + weights * FLOAT * COPIES


def storage(tensor: Tensor) -> int:
    """What tells memory apart: tensors that share it have the same number."""
    return tensor.untyped_storage()._cdata
