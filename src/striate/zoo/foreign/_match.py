"""Match foreign tensors with ours, whole or not at all."""

from collections.abc import Container, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from striate.errors import FileError

KERAS = {  # our name of a tensor -> Keras's names for it
    "bias": ("bias", "beta"),
    "running_mean": ("moving_mean",),
    "running_var": ("moving_variance",),
    "weight": ("kernel", "depthwise_kernel", "pointwise_kernel", "gamma"),
}


@dataclass(frozen=True)
class Match:
    """Which of their tensors belongs to which of ours."""

    source: str
    theirs: dict[str, str]  # our tensor -> their name of it
    missing: tuple[str, ...]  # ours that they lack
    aside: tuple[str, ...]  # ours of auxiliary heads, where they lack all of these
    unused: tuple[str, ...]  # theirs that we lack


@dataclass(frozen=True)
class ForeignReport:
    """What became of somebody's weights.

    Args:
        source: whose names they have.
        matched: number of tensors taken.
        adapted: tensors of the first layer, brought to another number of channels.
        fresh: our tensors that keep their fresh weights.
        unused: their tensors that have no place here.
    """

    source: str
    matched: int
    adapted: tuple[str, ...]
    fresh: tuple[str, ...]
    unused: tuple[str, ...]

    def __str__(self) -> str:
        parts = [f"{self.matched} tensors matched by the names of {self.source}"]
        if self.adapted:
            parts.append(f"adapted to other channels: {_some(self.adapted)}")
        if self.fresh:
            parts.append(f"kept fresh: {_some(self.fresh)}")
        if self.unused:
            parts.append(f"not used: {_some(self.unused)}")
        return "; ".join(parts) + "."


def find(
    network: nn.Module, state: Mapping[str, Tensor], modules: Mapping[str, str], source: str
) -> Match:
    """Their name for every tensor of ours, by their names of our modules."""
    theirs: dict[str, str] = {}
    missing, taken = [], set[str]()  # one layer of Keras's may hold the weights of two of ours
    for ours in network.state_dict():
        path, _, tensor = ours.rpartition(".")
        name = _their_name(f"{modules[path]}." if modules[path] else "", tensor, state, taken)
        if name is not None:
            theirs[ours] = name
            taken.add(name)
        elif tensor != "num_batches_tracked":  # counts batches where momentum is None; ours is not
            missing.append(ours)
    unused = [k for k in state if k not in taken and not k.endswith("num_batches_tracked")]
    aside = [name for name in missing if name.startswith("auxiliary.")]
    if any(name.startswith("auxiliary.") for name in theirs):
        aside = []  # they have such heads, but not as ours are
    missing = [name for name in missing if name not in aside]
    return Match(source, theirs, tuple(missing), tuple(aside), tuple(unused))


def fill(network: nn.Module, state: Mapping[str, Tensor], match: Match) -> ForeignReport:
    """Put their tensors into the network.

    Raises:
        FileError: a tensor is missing or has another shape; the network is as it was.
    """
    own = network.state_dict()
    first, last = _ends(network)
    taken: dict[str, Tensor] = {}
    adapted, fresh, wrong = [], [*match.aside], []
    for ours, name in match.theirs.items():
        path = ours.rpartition(".")[0]
        tensor = _in_our_layout(state[name], name)
        if (shaped := _reshaped(tensor, own[ours].shape)) is not None:
            taken[ours] = shaped
        elif path in last:
            fresh.append(ours)
        elif path == first and tensor.shape[0] == own[ours].shape[0]:
            taken[ours] = _other_channels(tensor, own[ours].shape[1])
            adapted.append(ours)
        else:
            wrong.append(f"{ours} {[*own[ours].shape]} against {name} {[*tensor.shape]}")
    if match.missing or wrong:
        raise _does_not_fit(network, match, wrong)
    with torch.no_grad():
        for ours, tensor in taken.items():
            own[ours].copy_(tensor)
    return ForeignReport(match.source, len(taken), tuple(adapted), tuple(fresh), match.unused)


def _their_name(
    prefix: str, tensor: str, state: Mapping[str, Tensor], taken: Container[str]
) -> str | None:
    known = [prefix + name for name in (tensor, *KERAS.get(tensor, ()))]
    known.append(prefix.removesuffix("."))  # a tensor of its own there, a module's only one here
    return next((name for name in known if name in state and name not in taken), None)


def _in_our_layout(tensor: Tensor, name: str) -> Tensor:
    """Keras keeps kernels as (h, w, in, out), depthwise ones as (h, w, in, multiplier) and dense
    ones as (in, out)."""
    kind = name.rpartition(".")[2]
    if kind == "depthwise_kernel":
        return tensor.permute(2, 3, 0, 1).flatten(0, 1)[:, None]
    if kind in ("kernel", "pointwise_kernel"):
        return tensor.permute(3, 2, 0, 1) if tensor.ndim == 4 else tensor.T
    return tensor


def _reshaped(tensor: Tensor, shape: torch.Size) -> Tensor | None:
    """The tensor in a shape that differs by axes of one element only, as a dense layer's weights
    do from those of a 1×1 convolution, or as those of a convolution over a whole map do from a
    dense layer's; None where it differs by more."""
    if tensor.ndim == 4 and tensor.flatten(1).shape == shape:
        return tensor.flatten(1)
    if [n for n in tensor.shape if n != 1] != [n for n in shape if n != 1]:
        return None
    return tensor.reshape(shape)


def _other_channels(tensor: Tensor, channels: int) -> Tensor:
    """A first kernel [K, C, h, w] for other channels: a grey image answers as its RGB copy does.

    One channel takes the sum over all; N take the old ones in turn, scaled to the same sum.
    """
    if channels == 1:
        return tensor.sum(dim=1, keepdim=True)
    turns = -(-channels // tensor.shape[1])
    return tensor.repeat(1, turns, 1, 1)[:, :channels] * (tensor.shape[1] / channels)


def _ends(network: nn.Module) -> tuple[str, set[str]]:
    """Paths of the first convolution, and of the last layers: of the head and of auxiliary ones."""
    convolutions = [n for n, m in network.named_modules() if isinstance(m, _ConvNd)]
    last = {}
    for name, module in network.named_modules():
        half, _, rest = name.partition(".")
        if half == "features" or not isinstance(module, _ConvNd | nn.Linear):
            continue
        last[half if half != "auxiliary" else f"{half}.{rest.partition('.')[0]}"] = name
    return convolutions[0] if convolutions else "", set(last.values())


def _does_not_fit(network: nn.Module, match: Match, wrong: list[str]) -> FileError:
    name = (getattr(network, "made_by", None) or {}).get("name", type(network).__name__)
    faults = []
    if match.missing:
        faults.append(f"{len(match.missing)} tensors are missing: {_some(match.missing)}")
    if wrong:
        faults.append(f"{len(wrong)} have another shape: {_some(tuple(wrong))}")
    if match.unused:
        faults.append(f"{len(match.unused)} are left over: {_some(match.unused)}")
    return FileError(
        "zoo-weights-do-not-fit",
        f"These weights are not those of {name} by the names of {match.source}: "
        f"{'; '.join(faults)}.",
        "Check that they are of the same network; nothing was changed.",
    )


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
