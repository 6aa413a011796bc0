"""What a network does to images, operation by operation, and the way back through it.

Modules, functions, methods and operators all end in the same small set of torch's own operations
(`aten`), and there they are written down as they run. So a rule for `aten.relu` holds for the
module, for `F.relu` and for `x.relu_()`, however often a module runs, and an operation without a
rule is noticed instead of passed by.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from striate.errors import ExplainError
from striate.explain._hooks import evaluating
from striate.explain._score import Score, per_image

aten = torch.ops.aten
# These take their shape from a tensor and not its values.
SHAPED = {
    aten.new_zeros, aten.new_ones, aten.new_full, aten.new_empty, aten.new_empty_strided,
    aten.zeros_like, aten.ones_like, aten.full_like, aten.empty_like, aten.rand_like,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Step:
    """One operation as it ran: an overload of `aten`, what it was given and what it gave."""

    function: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    output: Any

    @property
    def kind(self) -> Any:
        """The operation whichever way it was called: `aten.add` for `add.Tensor`, `add_.Scalar`."""
        return _plain(self.function.overloadpacket)

    @property
    def outputs(self) -> list[Tensor]:
        return [leaf for leaf in tree_leaves(self.output) if isinstance(leaf, Tensor)]

    @property
    def inputs(self) -> list[Tensor]:
        leaves = tree_leaves((self.args, self.kwargs))
        return [leaf for leaf in leaves if isinstance(leaf, Tensor)]


@cache
def _plain(packet: Any) -> Any:
    """What works in place by the name of what does not."""
    name = str(packet).removeprefix("aten.")
    return getattr(aten, name[:-1], packet) if name.endswith("_") else packet


@dataclass(eq=False)
class Tape:
    """All steps from the images to the scores; `live` are the tensors that hang on the images.

    Every tensor is held by its step, so its `id` is its name.
    """

    images: Tensor
    scores: Tensor = field(default_factory=lambda: torch.empty(0))
    steps: list[Step] = field(default_factory=list)
    live: set[int] = field(default_factory=set)

    def alive(self, step: Step) -> list[Tensor]:
        """What the step was given that hangs on the images, each tensor once."""
        return list({id(x): x for x in step.inputs if id(x) in self.live}.values())


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    def __init__(self, tape: Tape) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.tape = tape

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        output = func(*args, **(kwargs or {}))
        step = Step(func, args, kwargs or {}, output)
        if func.overloadpacket not in SHAPED and self.tape.alive(step):
            given = {id(tensor) for tensor in step.inputs}
            if not any(id(tensor) in given for tensor in step.outputs):
                self.tape.steps.append(step)
                self.tape.live.update(id(tensor) for tensor in step.outputs)
            elif func.overloadpacket is not aten.as_strided_:  # which only orders the memory anew
                raise no_rule("explain", step, "changes a tensor that is not its own", "")
        return output


@contextmanager
def in_single_steps() -> Iterator[None]:
    """Attention as products and a softmax, not as one operation."""
    fast = torch.backends.mha.get_fastpath_enabled()
    try:
        torch.backends.mha.set_fastpath_enabled(False)
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


def recorded(network: nn.Module, images: Tensor, score: Score) -> Tape:
    """The tape of `score(network(images))`, in-place operations written as plain ones.

    Raises:
        ExplainError: the network does what torch cannot write down, or the scores hang on nothing.
    """
    tape = Tape(images, live={id(images)})

    def scores(given: Tensor) -> Tensor:
        # a clone, for the first layer may work in place
        return per_image(score, network(given.clone()), len(given))

    with torch.no_grad(), evaluating(network):
        try:
            with in_single_steps(), _Recorder(tape):
                tape.scores = torch.func.functionalize(scores, remove="mutations")(images)
        except RuntimeError as error:
            if isinstance(error, ExplainError):
                raise
            scores(images)  # if the network itself fails, that is the error to show
            raise ExplainError(
                "explain-no-tape",
                f"The operations of {type(network).__name__} cannot be written down: "
                f"{str(error).splitlines()[0]}",
                "Take a method by gradients or by perturbation.",
            ) from error
    if id(tape.scores) not in tape.live:
        raise ExplainError(
            "explain-no-gradient",
            "The score does not depend on the images by operations that torch knows.",
            "Networks that compute outside torch can be explained by perturbation.",
        )
    return tape


Rule = Callable[[Step, list[Tensor | None]], list[tuple[Tensor, Tensor]]]


def followed_back(tape: Tape, start: Tensor, rule: Rule) -> Tensor:
    """What `rule` makes of `start`, given to the scores, when it arrives at the images.

    Args:
        start: [N].
        rule: (step, what arrived at each of its outputs; None: nothing) -> shares of the tensors
            that the step was given; several shares of one tensor are added.
    Shape: -> that of the images.
    """
    arrived = {id(tape.scores): start}
    for step in reversed(tape.steps):
        given = [arrived.pop(id(output), None) for output in step.outputs]
        if all(share is None for share in given):
            continue
        for tensor, share in rule(step, given):
            known = arrived.get(id(tensor))
            arrived[id(tensor)] = share if known is None else known + share
    return arrived.get(id(tape.images), torch.zeros_like(tape.images))


def pulled_back(
    step: Step, given: list[Tensor | None], values: dict[int, Tensor]
) -> list[tuple[Tensor, Tensor]]:
    """The step's derivative, transposed, applied to what is given for its outputs.

    Args:
        values: where the derivative is taken: by the `id` of each tensor that gets a share.
    """
    if step.kind is aten.convolution and given[0] is not None and set(values) == {id(step.args[0])}:
        share = through_convolution(step.args[0], step.args[1], step.args[3:], given[0])
        return [(step.args[0], share)]
    leaves = {key: value.detach().clone().requires_grad_() for key, value in values.items()}

    def placed(leaf: Any) -> Any:
        if isinstance(leaf, Tensor):
            return leaves.get(id(leaf), leaf.clone() if leaf.is_inference() else leaf.detach())
        return leaf

    function = _copied if step.kind is aten.copy else step.function
    with torch.enable_grad():
        output = function(*tree_map(placed, step.args), **tree_map(placed, step.kwargs))
    outputs = [leaf for leaf in tree_leaves(output) if isinstance(leaf, Tensor)]
    pairs = [(o, g) for o, g in zip(outputs, given, strict=True) if g is not None]
    gradients = torch.autograd.grad(
        [o for o, _ in pairs], list(leaves.values()), [g for _, g in pairs], allow_unused=True
    )
    tensors = {id(tensor): tensor for tensor in step.inputs}
    return [
        (tensors[key], gradient)
        for key, gradient in zip(leaves, gradients, strict=True)
        if gradient is not None
    ]


def through_convolution(x: Tensor, weight: Tensor, options: Any, given: Tensor) -> Tensor:
    """sum_k weight_jk * given_k for every input j, without running the convolution again.

    Args:
        options: what `aten.convolution` takes behind the bias.
    """
    only_inputs = [True, False, False]
    return aten.convolution_backward(given, x, weight, None, *options, only_inputs)[0]


def _copied(onto: Tensor, source: Tensor, _non_blocking: bool = False) -> Tensor:
    """`aten.copy`, which has no derivative."""
    return source.to(onto.dtype).expand_as(onto).clone()


def mixes_images(step: Step) -> bool:
    """Whether a batch normalisation goes by the images' own statistics."""
    return step.args[3] is None or step.args[5:-2] == (True,)


def no_rule(method: str, step: Step, why: str, fix: str) -> ExplainError:
    shapes = " and ".join(str(list(tensor.shape)) for tensor in step.inputs[:2])
    name = str(step.kind).removeprefix("aten.")
    return ExplainError("explain-no-rule", f"{method}: {name} of {shapes} {why}.", fix)
