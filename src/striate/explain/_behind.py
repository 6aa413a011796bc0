"""Run again only what follows a layer."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from striate.explain._hooks import as_maps, last_of, named_layer, one_tensor

Resume = Callable[[Tensor], Any]  # the layer's maps, [R, K, h, w] -> the network's output for R
DIFFERS = 1e-4  # of the largest number: batches of one and of two are rounded differently


@contextmanager
def resumable(
    network: nn.Module, image: Tensor, layer: str
) -> Iterator[tuple[Tensor, Any, Resume]]:
    """Run the network on one image; give the layer's maps, the output, and a way to go on from
    other maps.

    Going on, modules that ran before the layer give again what they gave. What lies between them
    runs, on one image, and meets the R copies behind the layer by broadcasting. A network in
    which they cannot meet (one that concatenates around the layer) is run whole, on R images.

    Shape: image [1, C, H, W]; maps [1, K, h, w], of the layer's last run.
    To be used in eval mode, without gradients, and inside the block only.
    """
    memory = _Memory(named_layer(network, layer), layer)
    with ExitStack() as stack:
        for module in _around(network, memory.layer):
            stack.enter_context(_standing_in(module, memory))
        answer = network(image.clone())
        maps = memory.settle()

        def resume(copies: Tensor) -> Any:
            memory.begin(copies)
            return network(image.clone())

        def run_whole(copies: Tensor) -> Any:
            memory.begin(copies)
            memory.given.clear()
            return network(image.repeat(len(copies), 1, 1, 1))

        yield maps, answer, resume if _gives_again(resume, maps, answer) else run_whole


class _Memory:
    """What modules gave before the layer's last run, by module and number of the run."""

    def __init__(self, layer: nn.Module, name: str) -> None:
        self.layer, self.name = layer, name
        self.given: dict[tuple[nn.Module, int], object] = {}
        self.runs: Counter[nn.Module] = Counter()
        self.last = -1  # number of the layer's last run, once that is known
        self.copies: Tensor | None = None  # what the layer gives then
        self.inside = False  # a module that is watched; those within it are its own affair

    def begin(self, copies: Tensor) -> None:
        self.copies = copies
        self.runs.clear()
        self.inside = False

    def settle(self) -> Tensor:
        """After the first run: forget what came behind the layer; give its maps."""
        self.last = self.runs[self.layer] - 1
        keys = list(self.given)
        final = (self.layer, self.last)
        ran = [one_tensor(self.name, self.given[final])] if final in keys else []
        maps = as_maps(last_of(ran, self.name), self.name)
        before = keys[: keys.index(final)]
        self.given = {key: self.given[key] for key in before if isinstance(self.given[key], Tensor)}
        return maps

    def answer(self, module: nn.Module, forward: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """What the module gives in this run: from memory, from the copies, or by running."""
        if self.inside:
            return forward(*args, **kwargs)
        key = module, self.runs[module]
        self.runs[module] += 1
        if self.copies is not None:
            if key == (self.layer, self.last):
                return self.copies.clone()
            known = self.given.get(key)
            if isinstance(known, Tensor):
                return known.clone()
        self.inside = True
        try:
            output = forward(*args, **kwargs)
        finally:
            self.inside = False
        if self.copies is None:  # what follows may work in place, and memory must not change
            self.given[key] = output.clone() if isinstance(output, Tensor) else output
        return output


def _around(network: nn.Module, layer: nn.Module) -> list[nn.Module]:
    """The layer, and the largest modules that neither hold it nor lie in it."""
    holders = [module for module in network.modules() if layer in set(module.modules())]
    own = set(layer.modules()) | set(holders)
    beside = {
        child: None for holder in holders if holder is not layer for child in holder.children()
    }
    return [layer, *(child for child in beside if child not in own)]


@contextmanager
def _standing_in(module: nn.Module, memory: _Memory) -> Iterator[None]:
    """The memory answers for the module."""
    if isinstance(module, torch.jit.ScriptModule):
        yield  # runs compiled code, whatever stands in for its forward
        return
    own, forward = module.__dict__.get("forward"), module.forward

    def stand_in(*args: Any, **kwargs: Any) -> Any:
        return memory.answer(module, forward, args, kwargs)

    module.__dict__["forward"] = stand_in
    try:
        yield
    finally:
        del module.__dict__["forward"]
        if own is not None:
            module.__dict__["forward"] = own


def _gives_again(resume: Resume, maps: Tensor, answer: Any) -> bool:
    """Whether going on from the same maps, twice, gives twice what the network gave."""
    with suppress(Exception):  # of any kind: code of others meets sizes that it does not expect
        pairs = zip(tree_leaves(answer), tree_leaves(resume(maps.repeat(2, 1, 1, 1))), strict=True)
        return all(not isinstance(leaf, Tensor) or _twice(leaf, again) for leaf, again in pairs)
    return False


def _twice(leaf: Tensor, again: Tensor) -> bool:
    if again.shape != (2, *leaf.shape[1:]):
        return False
    return bool((again - leaf).abs().max() <= DIFFERS * leaf.abs().max())
