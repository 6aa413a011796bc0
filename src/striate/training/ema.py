"""The moving average of a network's weights."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Ema:
    """Exponential moving average of weights and buffers.

        average += (1 - d) * (weights - average),  d = min(decay, (1 + t) / (10 + t))

    t counts the updates from 0, so that the average forgets the random start. Whole-number
    buffers are copied. Tied weights are averaged once. Weights that want no gradient, and buffers
    of modules that are in eval mode when the average begins, stay as they are, to the bit.

    Source: Polyak and Juditsky 1992; the warm-up of the decay is that of
        `tf.train.ExponentialMovingAverage(num_updates=...)`.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self._names = network.state_dict(keep_vars=True)
        self._live = list({id(tensor): tensor for tensor in self._names.values()}.values())
        self._kept = [tensor.detach().clone() for tensor in self._live]
        still = _still(network)
        self._moving = [i for i, tensor in enumerate(self._live) if id(tensor) not in still]

    @torch.no_grad()
    def update(self) -> None:
        """Take one step towards the weights as they are now."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        pairs = [(self._kept[i], self._live[i]) for i in self._moving]
        smooth = [(kept, live.detach()) for kept, live in pairs if kept.is_floating_point()]
        if smooth:
            kept, live = map(list, zip(*smooth, strict=True))
            torch._foreach_lerp_(kept, live, 1 - decay)
        for kept_one, live_one in pairs:
            if not kept_one.is_floating_point():
                kept_one.copy_(live_one)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The network holds the average inside the block, its own weights after it; no copies."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def tensors(self) -> dict[str, Tensor]:
        """The averages by their name in the network; tied weights under each of their names."""
        averages = {id(live): kept for live, kept in zip(self._live, self._kept, strict=True)}
        return {name: averages[id(live)] for name, live in self._names.items()}

    @torch.no_grad()
    def load(self, tensors: dict[str, Tensor], updates: int) -> None:
        """Put back what `tensors` gave."""
        for name, average in self.tensors().items():
            average.copy_(tensors[name])
        self.updates = updates

    def _swap(self) -> None:
        for number, live in enumerate(self._live):
            live.data, self._kept[number] = self._kept[number], live.data


def _still(network: nn.Module) -> set[int]:
    """Identities of the tensors that training does not change."""
    weights = {id(weight) for weight in network.parameters() if not weight.requires_grad}
    at_rest = (module for module in network.modules() if not module.training)
    return weights | {id(buffer) for module in at_rest for buffer in module.buffers(recurse=False)}
