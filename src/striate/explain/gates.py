"""The gates of squeeze-and-excite blocks: how far each channel is open for an image."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from striate.errors import ExplainError
from striate.explain import _operations as kinds
from striate.explain._tape import Step
from striate.explain._watch import watched
from striate.explain.pictures import Picture, coloured

aten = torch.ops.aten
GATES = {aten.sigmoid, aten.hardsigmoid, aten.hardtanh, aten.tanh, aten.clamp}
WIDTH, BAND, GAP = 512, 12, 4  # pixels


def gates(network: nn.Module, images: Tensor) -> dict[str, Tensor]:
    """What every channel is multiplied with, in every block that gates its channels.

        y = x * gate, gate [N, C, 1, 1] out of a sigmoid or its like

    Found as it runs, so modules of any library will do, and functions.

    Shape: images [N, C, H, W] -> by the name of the block [N, channels], 0..1.
    Raises:
        ExplainError: the network has no such block.
    Source: Hu et al. 2018, "Squeeze-and-Excitation Networks", arXiv:1709.01507, eq. 3-4 and
        section 6.4 (what gates of different depth do).
    """
    found: dict[str, Tensor] = {}
    opened: set[int] = set()
    kept: list[Step] = []  # so that no id is given twice

    def seen(step: Step, name: str) -> None:
        from_gate = any(id(tensor) in opened for tensor in step.inputs)
        scaled = step.kind in (aten.mul, aten.div) and len(step.inputs) == 1
        if step.kind in GATES or (from_gate and (step.kind in kinds.MOVES or scaled)):
            kept.append(step)
            opened.update(id(output) for output in step.outputs)
        elif step.kind is aten.mul and from_gate:
            gate, signal = step.inputs[:2]
            if id(gate) not in opened or _is_map(gate):
                gate, signal = signal, gate
            if id(gate) in opened and _is_map(signal) and _of_channels(gate, signal):
                runs = sum(other.split(" ")[0] == name for other in found)
                values = gate[:, :, 0, 0].clone()
                found[f"{name} (run {runs + 1})" if runs else name] = values

    watched(network, images, seen)
    if not found:
        raise ExplainError(
            "explain-no-gates",
            f"{type(network).__name__} has no block that multiplies its channels by a gate.",
            "Squeeze-and-excite blocks are in senet, mobilenet_v3 and efficientnet, for example.",
        )
    return found


def _is_map(tensor: Tensor) -> bool:
    return tensor.ndim == 4 and tensor.shape[2] * tensor.shape[3] > 1 and 0 not in tensor.stride()


def _of_channels(gate: Tensor, signal: Tensor) -> bool:
    """[N, C, 1, 1], or stretched to the map without a number of its own for any position."""
    if gate.ndim != 4 or gate.shape[:2] != signal.shape[:2]:
        return False
    return all(gate.shape[axis] == 1 or gate.stride(axis) == 0 for axis in (2, 3))


def gates_picture(found: Mapping[str, Tensor]) -> Picture:
    """One band per block, first block on top: a row per image, channels from left to right by how
    open they are on average; black is shut (0), bright is open (1).

    Shape: each [N, channels] -> uint8 [bands, 512, 3].
    """
    bands = []
    for values in found.values():
        known = values.detach().float().cpu().clamp(0, 1)
        ordered = known[:, known.mean(dim=0).argsort(descending=True)].numpy()
        columns = np.arange(WIDTH) * ordered.shape[1] // WIDTH
        band = coloured(ordered[:, columns])  # [N, 512, 3]
        bands += [np.repeat(band, BAND, axis=0), np.ones((GAP, WIDTH, 3), dtype=np.float32)]
    return np.rint(255 * np.concatenate(bands[:-1])).astype(np.uint8)
