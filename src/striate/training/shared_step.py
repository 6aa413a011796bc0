"""Steps that several processes take together: each with its part of the batch, one update."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn

from striate.training.ranks import Ranks
from striate.training.shared_norm import SharedNorms

BUCKET = 8 * 2**20  # bytes of gradients that are sent at once


@dataclass
class Bucket:
    """Weights whose gradients are summed by one message.

    Args:
        flat: the gradients one after the other, then a 1 for each weight that has one.
        places: the part of `flat` of each weight, in its shape and memory layout.
    """

    weights: list[Tensor]
    flat: Tensor
    places: list[Tensor]
    missing: int = 0  # gradients that the backward pass has yet to give
    wait: Callable[[], None] | None = None


class GradientSum:
    """Sums gradients over the processes while the backward pass still runs.

    Buckets go on their way in one order, that of the weights from the last to the first, so that
    all processes agree on it and a repetition adds in the same order. A weight that no process
    used has no gradient, as ever.
    """

    def __init__(self, weights: Sequence[Tensor], ranks: Ranks) -> None:
        self.ranks = ranks
        self.buckets = _buckets(weights)
        self._of = {weight: bucket for bucket in self.buckets for weight in bucket.weights}
        self._hooks = [_after_gradient(weight, self._ready) for weight in weights]
        self._next = len(self.buckets)  # the first bucket that is not on its way

    def begin(self) -> None:
        """The coming backward pass is the step's last."""
        self._next = 0
        for bucket in self.buckets:
            bucket.missing = len(bucket.weights)

    def finish(self) -> None:
        """Wait until every weight has the sum of the processes' gradients."""
        self._send(even_incomplete=True)
        for bucket in self.buckets:
            assert bucket.wait is not None  # noqa: S101  it was sent
            bucket.wait()
            bucket.wait = None
            lacks = any(weight.grad is None for weight in bucket.weights)
            known = bucket.flat[-len(bucket.weights) :].tolist() if lacks else None
            for number, (weight, place) in enumerate(
                zip(bucket.weights, bucket.places, strict=True)
            ):
                weight.grad = place if known is None or known[number] else None

    def close(self) -> None:
        """Leave the weights as they were found."""
        for hook in self._hooks:
            hook.remove()
        for weight in self._of:
            weight.grad = None

    def _ready(self, weight: Tensor) -> None:
        if self._next < len(self.buckets):
            self._of[weight].missing -= 1
            self._send(even_incomplete=False)

    def _send(self, even_incomplete: bool) -> None:
        while self._next < len(self.buckets):
            bucket = self.buckets[self._next]
            if bucket.missing and not even_incomplete:
                return
            _fill(bucket)
            bucket.wait = self.ranks.begin_sum(bucket.flat)
            self._next += 1


def _after_gradient(weight: Tensor, call: Callable[[Tensor], None]) -> Any:
    return weight.register_post_accumulate_grad_hook(call)  # type: ignore[no-untyped-call]


@torch.no_grad()
def _fill(bucket: Bucket) -> None:
    given = [(p, w.grad) for p, w in zip(bucket.places, bucket.weights, strict=True)]
    places = [place for place, gradient in given if gradient is not None]
    torch._foreach_copy_(places, [gradient for _, gradient in given if gradient is not None])
    flags = bucket.flat[-len(given) :].fill_(1)
    if len(places) < len(given):
        for number, (place, gradient) in enumerate(given):
            if gradient is None:
                place.zero_()
                flags[number] = 0


def _buckets(weights: Sequence[Tensor]) -> list[Bucket]:
    """From the last weight to the first, as the backward pass comes by."""
    found = []
    for _, alike in groupby(reversed(weights), key=lambda w: (w.dtype, w.device)):
        taken: list[Tensor] = []
        size = 0
        for weight in alike:
            taken.append(weight)
            size += weight.nbytes
            if size >= BUCKET:
                found.append(_bucket(taken))
                taken, size = [], 0
        if taken:
            found.append(_bucket(taken))
    return found


def _bucket(weights: list[Tensor]) -> Bucket:
    count = sum(weight.numel() for weight in weights)
    flat = torch.zeros(count + len(weights), dtype=weights[0].dtype, device=weights[0].device)
    places, start = [], 0
    for weight in weights:
        part = flat[start : start + weight.numel()]
        places.append(part.as_strided(weight.shape, weight.stride(), part.storage_offset()))
        start += weight.numel()
    return Bucket(weights, flat, places)


@dataclass
class SharedStep:
    """What the steps of this process have in common with those of the others.

    Args:
        asks_to_stop: whether this process was asked to stop.
        images: of the last step, over all processes.
        stop: whether any process had been asked to stop at the last step.
    """

    ranks: Ranks
    gradients: GradientSum
    norms: SharedNorms
    asks_to_stop: Callable[[], bool]
    images: int = field(default=0, init=False)
    stop: bool = field(default=False, init=False)

    def begin_last_backward(self) -> None:
        """The coming backward pass is the step's last; its gradients may be sent as they come."""
        self.gradients.begin()

    def finish(self, loss: float, images: int) -> float:
        """The step's loss over all processes; the gradients are their sums afterwards."""
        told = torch.tensor([loss, images, self.asks_to_stop()], dtype=torch.float64)
        told = told.to(self.gradients.buckets[0].flat.device)
        wait = self.ranks.begin_sum(told)
        self.gradients.finish()
        wait()
        total, count, stop = told.tolist()
        self.images, self.stop = round(count), bool(stop)
        return total


@contextmanager
def shared_steps(
    network: nn.Module,
    weights: Sequence[Tensor],
    ranks: Ranks,
    asks_to_stop: Callable[[], bool],
) -> Iterator[SharedStep]:
    """Inside the block the processes' steps are one.

    Args:
        weights: those of the network that are trained.
    """
    gradients = GradientSum(weights, ranks)
    try:
        with SharedNorms(network, ranks) as norms:
            yield SharedStep(ranks, gradients, norms, asks_to_stop)
    finally:
        gradients.close()
