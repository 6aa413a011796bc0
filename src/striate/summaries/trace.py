"""Which modules a network runs and what each sees of the image, without any arithmetic.

The network runs once on tensors of the meta device, which have a shape and no content. Every
tensor operation passes through `Tracer`, so functional code counts as much as modules do.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from striate.errors import ShapeError
from striate.shapes import Shape
from striate.summaries.refusal import refusal
from striate.summaries.sight import FACTORIES, Sight, image_sight, seen_through, seen_together
from striate.summaries.windows import Windows, windows_of

REFUSALS = (RuntimeError, NotImplementedError, ValueError, AssertionError, IndexError)
Gap = dict[int, frozenset[int]]  # dimension -> its rows, columns … that nothing reads


@dataclass(eq=False)
class Visit:
    """One call of one module; `multiply_adds` are those of its own code, not of its children."""

    name: str
    module: nn.Module
    parent: "Visit | None" = None
    inputs: tuple["Seen", ...] = ()
    output: "Seen | None" = None
    multiply_adds: int = 0


@dataclass(eq=False)
class Seen:
    """What is known about the content of a tensor that depends on the image."""

    tensor: Tensor  # kept, so that its id stays its own
    sight: Sight | None
    producer: Visit | None
    gap: Gap | None = None  # None until something reads it
    reader: Visit | None = None

    def read(self, gap: Gap, reader: Visit | None) -> None:
        """Note which rows and columns a reader leaves out."""
        before = gap if self.gap is None else self.gap
        self.gap = {dim: before.get(dim, frozenset()) & lines for dim, lines in gap.items()}
        self.reader = reader


@dataclass(frozen=True, eq=False)
class Step:
    """One tensor operation: the name torch gives it, and what went in and came out."""

    operation: str
    visit: Visit | None
    inputs: tuple[Seen, ...]
    outputs: tuple[Seen, ...]
    windows: Windows | None = None


@dataclass
class Trace:
    """Everything that happened to the images of one forward pass."""

    images: tuple[Seen, ...]
    visits: list[Visit] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)


class Tracer(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Follows images through every tensor operation."""

    def __init__(self, images: Sequence[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        seen = tuple(Seen(image, image_sight(image), None) for image in images)
        self.seen = {id(image): known for image, known in zip(images, seen, strict=True)}
        self.trace = Trace(seen)
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
            self._follow(func, args, kwargs, before, out)
        return out

    def _follow(
        self, func: Any, args: Sequence[Any], kwargs: dict[str, Any], inputs: list[Seen], out: Any
    ) -> None:
        here = self.open[-1] if self.open else None
        windows = windows_of(func, args, kwargs)
        for seen in inputs:
            gap: Gap = {}
            if windows is not None and seen.tensor is args[0]:
                dims = range(seen.tensor.ndim - len(windows), seen.tensor.ndim)
                sizes = seen.tensor.shape[dims.start :]
                gap = {d: w.unread(n) for d, w, n in zip(dims, windows, sizes, strict=True)}
            seen.read(gap, here)
        known = [(seen.tensor, seen.sight) for seen in inputs if seen.sight is not None]
        outputs = []
        for tensor in tree_leaves(out):
            if not isinstance(tensor, Tensor):
                continue
            sight: Sight | None = None
            if len(known) == len(inputs) and windows is None:
                sight = seen_together(func, args, known, tensor)
            elif known and windows is not None:
                sight = seen_through(windows, known[0], tensor)
            outputs.append(Seen(tensor, sight, here))
            self.seen[id(tensor)] = outputs[-1]
        name = func.overloadpacket.__name__
        self.trace.steps.append(Step(name, here, tuple(inputs), tuple(outputs), windows))

    def enter(self, name: str, module: nn.Module, args: Any) -> None:
        """A module begins."""
        inputs = [self.seen[id(leaf)] for leaf in tree_leaves(args) if id(leaf) in self.seen]
        visit = Visit(name, module, self.open[-1] if self.open else None, tuple(inputs))
        self.trace.visits.append(visit)
        self.open.append(visit)

    def leave(self, output: Any) -> None:
        """The innermost module ends; a tensor that no image reaches is noted as it is."""
        visit = self.open.pop()
        for leaf in tree_leaves(output):
            if isinstance(leaf, Tensor):
                visit.output = self.seen.get(id(leaf)) or Seen(leaf, None, visit)
                return


def trace(network: nn.Module, *input_shapes: Shape) -> Trace:
    """Follow one image of (height, width, channels), or a vector of (features,), for each input.

    The network is left as it was. Where it cannot run on meta tensors it runs on zeros.

    Raises:
        ShapeError: the network refuses such an input; names the module that does.
    """
    images = [image_tensor(network, shape, "meta") for shape in input_shapes]
    try:
        with _watched(network, images) as tracer:
            functional_call(network, on_meta(network), tuple(images))
            return tracer.trace
    except REFUSALS:
        return _trace_for_real(network, input_shapes)


def image_tensor(
    network: nn.Module, shape: Shape, device: torch.device | str, batch: int = 1
) -> Tensor:
    """Black images [N, C, …] of the network's precision, for a shape with the channels last."""
    kinds = (tensor.dtype for tensor in network.parameters() if tensor.is_floating_point())
    dtype = next(kinds, torch.float32)
    return torch.zeros(batch, shape[-1], *shape[:-1], device=device, dtype=dtype)


def on_meta(network: nn.Module) -> dict[str, Tensor]:
    """Its parameters and buffers, without content."""
    named = [*network.named_parameters(), *network.named_buffers()]
    return {name: tensor.to("meta") for name, tensor in named}


def _trace_for_real(network: nn.Module, input_shapes: Sequence[Shape]) -> Trace:
    device = next((tensor.device for tensor in network.parameters()), torch.device("cpu"))
    images = [image_tensor(network, shape, device) for shape in input_shapes]
    with _watched(network, images) as tracer:
        try:
            network(*images)
        except REFUSALS as error:
            at = tracer.open[-1] if tracer.open else Visit("", network)
            given = at.inputs[0].tensor if at.inputs else None
            raise refusal(network, input_shapes, at.name, at.module, given, error) from error
    return tracer.trace


def why_refused(network: nn.Module, images: Tensor) -> ShapeError | None:
    """Which module does not take such images, and what to change; None where that is not known.

    Shape: images [N, C, …] or [N, features].
    """
    channels, *rest = images.shape[1:] or (1,)
    try:
        trace(network, (*rest, channels))
    except ShapeError as error:
        return None if error.code == "shape-network-refuses" else error
    except Exception:  # any code may run in a network
        return None
    return None


@contextmanager
def _watched(network: nn.Module, images: Sequence[Tensor]) -> Iterator[Tracer]:
    """A tracer that hears of every module; modes and hooks are put back on leaving."""
    tracer = Tracer(images)
    modes = [(module, module.training) for module in network.modules()]

    with ExitStack() as undo:
        for name, module in network.named_modules():

            def begin(module: nn.Module, args: Any, name: str = name) -> None:
                tracer.enter(name, module, args)

            def end(module: nn.Module, args: Any, output: Any) -> None:  # noqa: ARG001
                tracer.leave(output)

            undo.callback(module.register_forward_pre_hook(begin).remove)
            undo.callback(module.register_forward_hook(end).remove)
        for module, mode in modes:
            undo.callback(setattr, module, "training", mode)
        network.eval()
        with torch.no_grad(), tracer:
            yield tracer
