"""A network together with everything that changes while it learns."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from striate.errors import FileError, UsageError
from striate.training.checkpoint import Checkpoint
from striate.training.device import channels_last, choose_amp
from striate.training.ema import Ema
from striate.training.objective import Objective
from striate.training.optimizers import load_optimizer, make_optimizer, optimizer_tensors
from striate.training.recipe import Recipe
from striate.training.shared_step import SharedStep


@dataclass
class Learner:
    """What `step` works on.

    Args:
        weights: the parameters that are trained, in one list.
        buffers: what a forward pass changes, such as the running means of batch norm.
        kept_buffers: `buffers` as they were before the step under way.
        amp: the type of mixed precision; `None` is float32.
        scaler: scales losses so that float16 gradients do not vanish; `None` unless float16.
        shared: joins its steps with those of other processes; `None` where there are none.
    """

    network: nn.Module
    objective: Objective
    optimizer: Optimizer
    device: torch.device
    weights: list[Tensor]
    buffers: list[Tensor]
    kept_buffers: list[Tensor]
    ema: Ema | None
    clip_norm: float | None
    amp: torch.dtype | None
    scaler: torch.amp.GradScaler | None
    shared: SharedStep | None = None

    @torch.no_grad()
    def keep_buffers(self) -> None:
        """Remember what the coming forward pass will change."""
        for kept, live in zip(self.kept_buffers, self.buffers, strict=True):
            kept.copy_(live)

    @torch.no_grad()
    def undo_forward(self) -> None:
        """Put the buffers back and drop the gradients, as if the step had not begun."""
        for kept, live in zip(self.kept_buffers, self.buffers, strict=True):
            live.copy_(kept)
        self.optimizer.zero_grad(set_to_none=True)

    @contextmanager
    def judged(self) -> Iterator[nn.Module]:
        """Inside the block the network is in eval mode and holds the averaged weights, if any."""
        self.network.eval()
        resting = self.shared.norms.at_rest() if self.shared else nullcontext()
        try:
            with torch.no_grad(), _applied(self.ema), resting:
                yield self.network
        finally:
            train_mode(self.network)

    def tensors(self) -> dict[str, Tensor]:
        """All that a checkpoint must hold as tensors, named `kind/name`."""
        remembered, _ = optimizer_tensors(self.optimizer)
        kinds = {
            "network": network_tensors(self.network),
            "ema": self.ema.tensors() if self.ema else {},
            "optimizer": remembered,
        }
        return {f"{kind}/{name}": t for kind, named in kinds.items() for name, t in named.items()}

    def numbers(self) -> dict[str, Any]:
        """All that a checkpoint must hold of it as plain values."""
        return {
            "optimizer": type(self.optimizer).__name__,
            "optimizer_memory": optimizer_tensors(self.optimizer)[1],
            "ema": self.ema.updates if self.ema else None,
            "scaler": self.scaler.state_dict() if self.scaler else None,
        }

    def load(self, checkpoint: Checkpoint, numbers: Mapping[str, Any]) -> None:
        """Put back what `tensors` and `numbers` gave.

        Raises:
            FileError: `checkpoint-other-network`, or `checkpoint-other-recipe` where the optimizer
                is another or the moving average or the mixed precision was switched.
        """
        here = self.numbers()
        for setting in ("optimizer", "ema", "scaler"):
            had, has = numbers[setting], here[setting]
            if (had is None) != (has is None) or (setting == "optimizer" and had != has):
                raise FileError(
                    "checkpoint-other-recipe",
                    f"{checkpoint.path} was saved with {setting} {had}; this recipe has {has}.",
                    "Resume with the same recipe, or start anew in another folder.",
                )
        load_network(self.network, checkpoint.tensors("network"), str(checkpoint.path))
        load_optimizer(self.optimizer, checkpoint.tensors("optimizer"), numbers["optimizer_memory"])
        if self.ema:
            self.ema.load(checkpoint.tensors("ema"), numbers["ema"])
        if self.scaler:
            self.scaler.load_state_dict(numbers["scaler"])


def make_learner(
    network: nn.Module,
    objective: Objective,
    recipe: Recipe,
    device: torch.device,
    rate_scales: Mapping[str, float] | None = None,
) -> Learner:
    """Bring the network to its device, channels last, and put together what the recipe asks for."""
    amp = choose_amp(recipe.amp, device)
    network.to(device)
    channels_last(network)
    train_mode(network)
    network_tensors(network)  # refuses what no checkpoint could hold
    optimizer = make_optimizer(network, recipe, rate_scales)
    buffers = list(network.buffers())
    return Learner(
        network=network,
        objective=objective,
        optimizer=optimizer,
        device=device,
        weights=[weight for group in optimizer.param_groups for weight in group["params"]],
        buffers=buffers,
        kept_buffers=[buffer.clone() for buffer in buffers],
        ema=Ema(network, recipe.ema) if recipe.ema else None,
        clip_norm=recipe.clip_norm,
        amp=amp,
        scaler=torch.amp.GradScaler(device.type) if amp is torch.float16 else None,
    )


def train_mode(network: nn.Module) -> None:
    """Train mode; eval mode for what is frozen: norms keep their statistics, dropout rests.

    A module is frozen where it has weights and none wants a gradient. In an `nn.Sequential` that
    begins with frozen modules, what lies between these rests with them, such as dropout.
    """
    network.train()
    for module in network.modules():
        if _is_frozen(module):
            module.eval()
        elif isinstance(module, nn.Sequential):
            for resting in _between_frozen(module):
                resting.eval()


def _is_frozen(module: nn.Module) -> bool:
    wants = [weight.requires_grad for weight in module.parameters()]
    return bool(wants) and not any(wants)


def _between_frozen(chain: nn.Sequential) -> list[nn.Module]:
    """What has no weights and lies between two of the frozen modules that the chain begins with."""
    resting: list[nn.Module] = []
    since: list[nn.Module] | None = None  # the last frozen module; None before the first
    for child in chain:
        if _is_frozen(child):
            resting += since or []
            since = []
        elif next(child.parameters(), None) is not None:
            break
        elif since is not None:
            since.append(child)
    return resting


def network_tensors(network: nn.Module) -> dict[str, Tensor]:
    """The network's weights and buffers by name.

    Raises:
        UsageError: it keeps state that is no tensor, which no file of ours may hold.
    """
    state = network.state_dict()
    for name, value in state.items():
        if not isinstance(value, Tensor):
            raise UsageError(
                "train-extra-state",
                f"The network's state {name!r} is no tensor but {type(value).__name__}.",
                "Keep it in a buffer, so that checkpoints can hold it.",
            )
    return state


def load_network(network: nn.Module, tensors: Mapping[str, Tensor], where: str) -> None:
    """Put weights into a network of the same names and shapes, in place.

    Raises:
        FileError: `checkpoint-other-network`, naming the first tensor that does not fit.
    """
    state = network_tensors(network)
    for name in [*state, *tensors]:
        here, there = state.get(name), tensors.get(name)
        if here is None or there is None or here.shape != there.shape:
            shapes = [str(list(t.shape)) if t is not None else "absent" for t in (here, there)]
            raise FileError(
                "checkpoint-other-network",
                f"{where} is of another network: {name} is {shapes[0]} in the network "
                f"and {shapes[1]} in the file.",
                "Use the network the training was started with.",
            )
    network.load_state_dict(tensors)


@contextmanager
def _applied(ema: Ema | None) -> Iterator[None]:
    if ema is None:
        yield
    else:
        with ema.applied():
            yield
