"""Whether a network is still the one that an engine was made of."""

from operator import itemgetter
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

SAMPLED = 16  # numbers of each weight that are looked at
PLAIN = (bool, int, float, complex, str, type(None))


class Watch:
    """Notices when layers are exchanged, or weights or settings of layers change.

    Looked at are the layers themselves, their plain attributes (but not whether they train), where
    in memory their weights and other real numbers lie, how often torch saw them change, and sixteen
    of the numbers of each: what is written past torch's own count, as through `weight.data`, mostly
    moves all of them. Asking takes some tenths of a millisecond for a network of 50 layers; no
    weight is copied.

    Args:
        network: `watchable`.
    """

    def __init__(self, network: nn.Module) -> None:
        modules = list(network.modules())  # held, so that no other can take their place
        self._first, self._first_parts = network, _parts(network)
        self._dicts = [part for module in modules for part in _dicts(module)]
        self._members = self._ids()
        self._hooks = [hooks for module in modules for hooks in _hooks(module)]
        self._settings = [
            (vars(module), itemgetter(*names), itemgetter(*names)(vars(module)))
            for module in modules
            if (names := _plain_names(module))
        ]
        self._tensors = [tensor for tensor in tensors_of(network) if tensor.is_floating_point()]
        self._counted = [tensor for tensor in self._tensors if not tensor.is_inference()]
        self._samples = [_sample(tensor) for tensor in self._tensors if tensor.numel()]
        self._places, self._numbers = self._where(), self._read()

    def unchanged(self, network: nn.Module) -> bool:
        """Whether nothing changed; the outermost module may have been made anew from its parts."""
        if network is not self._first and _parts(network) != self._first_parts:
            return False
        if self._ids() != self._members or any(self._hooks):
            return False
        if any(names(kept) != values for kept, names, values in self._settings):
            return False
        return self._where() == self._places and self._read() == self._numbers

    def _ids(self) -> list[int]:
        return [id(member) for part in self._dicts for member in part.values()]

    def _where(self) -> list[int]:
        return [tensor.data_ptr() for tensor in self._tensors] + [
            tensor._version for tensor in self._counted
        ]

    def _read(self) -> bytes:
        return np.concatenate(self._samples).tobytes() if self._samples else b""


def watchable(network: nn.Module) -> bool:
    """Whether an engine could stand in for it: all numbers are float32 on a CPU, and no hook is
    called on the way."""
    if any(hooks for module in network.modules() for hooks in _hooks(module)):
        return False
    return all(
        tensor.device.type == "cpu"
        and tensor.layout == torch.strided
        and (tensor.dtype == torch.float32 or not tensor.is_floating_point())
        for tensor in tensors_of(network)
    )


def tensors_of(network: nn.Module) -> list[Tensor]:
    """All weights and buffers."""
    return [*network.parameters(), *network.buffers()]


def _dicts(module: nn.Module) -> tuple[dict[str, Any], ...]:
    return module._modules, module._parameters, module._buffers


def _hooks(module: nn.Module) -> tuple[Any, ...]:
    return module._forward_hooks, module._forward_pre_hooks


def _parts(module: nn.Module) -> list[Any]:
    """What a module consists of, without looking into its children."""
    members = [id(member) for part in _dicts(module) for member in part.values()]
    settings = [(name, vars(module)[name]) for name in _plain_names(module)]
    return [type(module), members, settings, [len(hooks) for hooks in _hooks(module)]]


def _plain_names(module: nn.Module) -> list[str]:
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and name != "training" and _plain(value)
    ]


def _plain(value: object) -> bool:
    return all(map(_plain, value)) if isinstance(value, tuple) else isinstance(value, PLAIN)


def _sample(tensor: Tensor) -> np.ndarray:
    """Some numbers of a weight, evenly spread over its memory: a view, not a copy."""
    try:
        flat = torch.as_strided(tensor.detach(), (tensor.numel(),), (1,))
    except RuntimeError:  # one number that is repeated takes less memory
        flat = torch.as_strided(tensor.detach(), (1,), (1,))
    return flat[:: max(1, len(flat) // SAMPLED)][:SAMPLED].numpy()
