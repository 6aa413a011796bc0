"""One optimizer step."""

import math
from collections.abc import Sequence
from contextlib import nullcontext

import torch
from torch import Tensor
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from striate.training.batches import Batch
from striate.training.learner import Learner
from striate.training.objective import total_loss
from striate.training.optimizers import set_learning_rate

MASK = (1 << 64) - 1


class NotFinite(Exception):  # caught by fit, which can name the files
    """The step's loss or gradient is infinite or not a number; nothing was changed."""

    def __init__(self, loss: float, gradient_norm: float) -> None:
        super().__init__(loss, gradient_norm)
        self.loss = loss
        self.gradient_norm = gradient_norm


def step(learner: Learner, group: Sequence[Batch], learning_rate: float, seed: int) -> float:
    """Forward and backward over the group's batches, one update of the weights; the mean loss.

    Where processes share their steps, the gradients and the loss are those of all their batches.

    Random numbers within it, as of dropout, depend on `seed` alone.

    Raises:
        NotFinite: before the update; the learner is as it was.
    """
    _seed_random_numbers(learner.device, seed)
    learner.keep_buffers()
    for weight in learner.weights:  # zero_grad takes 10 times as long
        weight.grad = None
    loss = 0.0
    for number, batch in enumerate(group, start=1):
        loss += _backward(learner, batch, len(group), last=number == len(group))
    if learner.shared:
        loss = learner.shared.finish(loss, sum(len(batch.indices) for batch in group))
    norm = _gradient_norm(learner)
    if not (math.isfinite(loss) and (math.isfinite(norm) or learner.scaler)):
        learner.undo_forward()
        raise NotFinite(loss, norm)
    set_learning_rate(learner.optimizer, learning_rate)
    _update(learner)
    if learner.ema:
        learner.ema.update()
    return loss


def step_seed(seed: int, number: int) -> int:
    """A seed for one step, or of a step for one process: well mixed, so that neighbours share
    nothing.

    Source: Steele et al. 2014, "Fast Splittable Pseudorandom Number Generators" (splitmix64).
    """
    mixed = (seed * 0x9E3779B97F4A7C15 + number + 1) * 0x9E3779B97F4A7C15 & MASK
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB & MASK
    return mixed ^ (mixed >> 31)


def forward(learner: Learner, batch: Batch) -> Tensor:
    """The batch's mean loss, in mixed precision where the learner has one."""
    amp = learner.amp
    with torch.autocast(learner.device.type, amp) if amp else nullcontext():
        outputs = learner.network(batch.images)
        return total_loss(learner.objective, outputs, batch.targets, batch.weights)


def _seed_random_numbers(device: torch.device, seed: int) -> None:
    """What `torch.manual_seed` does for the devices in use; that one takes 0.1 ms over the rest."""
    torch.default_generator.manual_seed(seed)
    if device.type in ("cuda", "mps"):
        getattr(torch, device.type).manual_seed(seed)


def _backward(learner: Learner, batch: Batch, parts: int, last: bool) -> float:
    loss = forward(learner, batch) / parts
    if learner.shared:
        loss = loss * batch.share
        if last:
            learner.shared.begin_last_backward()
    (learner.scaler.scale(loss) if learner.scaler else loss).backward()  # type: ignore[no-untyped-call]
    return loss.item()  # after backward: a GPU has the work before it is waited for


def _gradient_norm(learner: Learner) -> float:
    """The gradient's Euclidean norm over all weights, cut to `clip_norm` where that is less."""
    if learner.scaler:
        learner.scaler.unscale_(learner.optimizer)
    gradients = [weight.grad for weight in learner.weights if weight.grad is not None]
    norm = get_total_norm(gradients)
    if learner.clip_norm:
        clip_grads_with_norm_(learner.weights, learner.clip_norm, norm)
    return norm.item()


def _update(learner: Learner) -> None:
    if learner.scaler:
        learner.scaler.step(learner.optimizer)
        learner.scaler.update()
    else:
        learner.optimizer.step()
