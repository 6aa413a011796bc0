"""Which modules a network runs and what each sees of the image, without any arithmetic.

The network runs once on tensors of the meta device, which have a shape and no content. Every
tensor operation passes through `Tracer`, so functional code counts as much as modules do.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from striate.errors import ShapeError
from striate.shapes import ReceptiveField, Shape, written
from striate.summaries.sight import FACTORIES, Sight, seen_through, seen_together, windows_of

Gap = tuple[frozenset[int], frozenset[int]]  # rows and columns that nothing reads


@dataclass
class Visit:
    """One call of one module; `multiply_adds` are those of its own code, not of its children."""

    name: str
    module: nn.Module
    inputs: tuple[Tensor, ...] = ()
    output: Tensor | None = None
    multiply_adds: int = 0


@dataclass
class Seen:
    """What is known about a tensor that depends on the image."""

    tensor: Tensor  # kept, so that its id stays its own
    sight: Sight | None
    producer: Visit | None
    gap: Gap | None = None  # None until something reads it
    reader: Visit | None = None

    def read(self, gap: Gap, reader: Visit | None) -> None:
        """Note which rows and columns a reader leaves out."""
        before = self.gap or gap
        self.gap = (before[0] & gap[0], before[1] & gap[1])
        self.reader = reader


class Tracer(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Follows an image through every tensor operation."""

    def __init__(self, image: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        point = (ReceptiveField(), ReceptiveField())
        self.seen = {id(image): Seen(image, point if image.ndim == 4 else None, None)}
        self.visits: list[Visit] = []
        self.open: list[Visit] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        inputs = [leaf for leaf in tree_leaves((args, kwargs)) if id(leaf) in self.seen]
        before = [self.seen[id(leaf)] for leaf in inputs]
        out = func(*args, **kwargs)
        here = self.open[-1] if self.open else None
        if here is not None and func.overloadpacket in flop_registry:
            operations = flop_registry[func.overloadpacket](*args, **kwargs, out_val=out)
            here.multiply_adds += int(operations) // 2
        if before and func.overloadpacket not in FACTORIES:
            self._follow(func, args, kwargs, before, out, here)
        return out

    def _follow(
        self,
        func: Any,
        args: Sequence[Any],
        kwargs: dict[str, Any],
        inputs: list[Seen],
        out: Any,
        here: Visit | None,
    ) -> None:
        windows = windows_of(func, args, kwargs)
        for seen in inputs:
            gap: Gap = (frozenset(), frozenset())
            if windows is not None and seen.tensor is args[0]:
                height, width = seen.tensor.shape[2:]
                gap = (windows[0].unread(height), windows[1].unread(width))
            seen.read(gap, here)
        sights = [(seen.tensor, seen.sight) for seen in inputs if seen.sight is not None]
        for tensor in tree_leaves(out):
            if not isinstance(tensor, Tensor):
                continue
            sight: Sight | None = None
            if len(sights) == len(inputs):
                sight = (
                    seen_together(func, sights, tensor)
                    if windows is None
                    else seen_through(windows, sights[0][1])
                )
            self.seen[id(tensor)] = Seen(tensor, sight, here)

    def enter(self, visit: Visit) -> None:
        """A module begins."""
        self.visits.append(visit)
        self.open.append(visit)

    def leave(self, output: Any) -> None:
        """The innermost module ends."""
        tensors = [leaf for leaf in tree_leaves(output) if isinstance(leaf, Tensor)]
        self.open.pop().output = tensors[0] if tensors else None

    def sight_of(self, visit: Visit) -> Sight | None:
        """What a module's output sees; None where that is not known."""
        seen = self.seen.get(id(visit.output))
        return seen.sight if seen else None


def trace(network: nn.Module, input_shape: Shape) -> Tracer:
    """Follow one image of (height, width, channels), or a vector of (features,).

    The network is left as it was. Where it cannot run on meta tensors it runs on zeros.

    Raises:
        ShapeError: the network refuses such an input; names the module that does.
    """
    on_meta = {
        name: tensor.to("meta")
        for name, tensor in [*network.named_parameters(), *network.named_buffers()]
    }
    image = torch.empty(1, input_shape[-1], *input_shape[:-1], device="meta")
    try:
        with _watched(network, image) as tracer:
            functional_call(network, on_meta, (image,))
            return tracer
    except (RuntimeError, NotImplementedError):
        return _trace_for_real(network, input_shape)


def _trace_for_real(network: nn.Module, input_shape: Shape) -> Tracer:
    device = next((tensor.device for tensor in network.parameters()), torch.device("cpu"))
    image = torch.zeros(1, input_shape[-1], *input_shape[:-1], device=device)
    with _watched(network, image) as tracer:
        try:
            network(image)
        except (RuntimeError, ValueError) as error:
            at = tracer.open[-1] if tracer.open else Visit("", network)
            raise ShapeError(
                "shape-network-refuses",
                f"{type(network).__name__} cannot take an input of {written(input_shape)}: "
                f"its module {at.name or '(itself)'!r} ({type(at.module).__name__}) says: {error}",
                "Shapes are (height, width, channels).",
            ) from error
    return tracer


@contextmanager
def _watched(network: nn.Module, image: Tensor) -> Iterator[Tracer]:
    """A tracer that hears of every module; modes and hooks are put back on leaving."""
    tracer = Tracer(image)
    modes = [(module, module.training) for module in network.modules()]

    with ExitStack() as undo:
        for name, module in network.named_modules():

            def begin(module: nn.Module, args: Any, name: str = name) -> None:
                inputs = [leaf for leaf in tree_leaves(args) if isinstance(leaf, Tensor)]
                tracer.enter(Visit(name, module, tuple(inputs)))

            def end(module: nn.Module, args: Any, output: Any) -> None:  # noqa: ARG001
                tracer.leave(output)

            undo.callback(module.register_forward_pre_hook(begin).remove)
            undo.callback(module.register_forward_hook(end).remove)
        for module, mode in modes:
            undo.callback(setattr, module, "training", mode)
        network.eval()
        with torch.no_grad(), tracer:
            yield tracer
