"""Watch torch's operations as a network runs, and know which module each belongs to."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from striate.explain._hooks import evaluating, uncompiled
from striate.explain._tape import Step, in_single_steps

Seen = Callable[[Step, str], None]


class _Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
    def __init__(self, seen: Seen, inside: list[str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seen, self.inside = seen, inside

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        output = func(*args, **(kwargs or {}))
        self.seen(Step(func, args, kwargs or {}, output), self.inside[-1] if self.inside else "")
        return output


@contextmanager
def _knowing_where(network: nn.Module) -> Iterator[list[str]]:
    """The dotted names of the modules that are running, the innermost last."""
    inside: list[str] = []

    def enter(name: str) -> Callable[..., None]:
        return lambda *_: inside.append(name)

    def leave(*_: object) -> None:
        inside.pop()

    with ExitStack() as hooks:
        for name, module in network.named_modules():
            hooks.callback(module.register_forward_pre_hook(enter(name)).remove)
            hooks.callback(module.register_forward_hook(leave).remove)
        yield inside


@contextmanager
def watching_operations(network: nn.Module, seen: Seen) -> Iterator[None]:
    """Call `seen(step, name of the innermost module)` after every operation, in eval mode,
    attention being products and a softmax."""
    with (
        evaluating(network),
        _knowing_where(network) as inside,
        in_single_steps(),
        _Watch(seen, inside),
    ):
        yield


def watched(network: nn.Module, images: Tensor, seen: Seen) -> None:
    """Run the network with every operation watched, and without gradients."""
    network = uncompiled(network)
    with torch.inference_mode(False), torch.no_grad():
        images = images.clone()  # the first layer may work in place
        with watching_operations(network, seen):
            network(images)
