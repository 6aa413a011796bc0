"""Batch norm over a batch that lies in several processes, on any device."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from striate.training.ranks import Ranks


class SharedNorms:
    """Inside the block the network's batch norms see the whole batch while they train.

    The modules stay what they are, in type, name and state; only their `forward` is another.
    """

    def __init__(self, network: nn.Module, ranks: Ranks) -> None:
        self.ranks = ranks
        self.norms = [m for m in network.modules() if isinstance(m, _BatchNorm) and _is_plain(m)]

    def __enter__(self) -> Self:
        for norm in self.norms:
            norm.forward = partial(_forward, norm, self.ranks)  # type: ignore[method-assign]
        return self

    def __exit__(self, *_: object) -> None:
        for norm in self.norms:
            del norm.forward

    @contextmanager
    def at_rest(self) -> Iterator[None]:
        """Inside the block they are as they were, so that a network can be copied or rewritten."""
        self.__exit__()
        try:
            yield
        finally:
            self.__enter__()


def _is_plain(norm: _BatchNorm) -> bool:
    """Whether it is no norm of somebody's own with a forward pass of its own."""
    return type(norm).forward in (_BatchNorm.forward, nn.SyncBatchNorm.forward)


def _forward(norm: _BatchNorm, ranks: Ranks, x: Tensor) -> Tensor:
    if not norm.training:
        return type(norm).forward(norm, x)
    norm._check_input_dim(x)  # type: ignore[no-untyped-call]
    mean, variance, count = _moments(x, ranks)
    _follow(norm, mean, variance, count)
    apply: Any = _Norm.apply
    return apply(x, norm.weight, norm.bias, mean, variance, norm.eps, count, ranks)


@torch.no_grad()
def _moments(x: Tensor, ranks: Ranks) -> tuple[Tensor, Tensor, float]:
    """Mean and biased variance of each channel over all processes, [C], and of how many values.

    Each process's own moments are joined in float64, where squares of means cancel harmlessly.
    """
    # the moments as torch's own batch norm finds them, many times quicker than `var_mean`
    found = torch.batch_norm_update_stats(x, None, None, 0.0)
    mean, variance = (each.double() for each in found)
    own = x.numel() / x.shape[1]
    sums = torch.cat([mean, variance + mean * mean, mean.new_ones(1)]) * own
    ranks.sum_(sums)
    count = sums[-1].item()
    first, second = (sums[:-1] / count).chunk(2)
    variance = (second - first * first).clamp_min(0)
    return first.to(found[0].dtype), variance.to(found[1].dtype), count


@torch.no_grad()
def _follow(norm: _BatchNorm, mean: Tensor, variance: Tensor, count: float) -> None:
    """Move the running statistics, if any, by the norm's own rule."""
    if norm.running_mean is None or norm.running_var is None:
        return
    if norm.num_batches_tracked is not None:
        norm.num_batches_tracked.add_(1)
    momentum = norm.momentum
    if momentum is None:  # the plain average of all batches
        momentum = 1 / float(norm.num_batches_tracked or 1)
    norm.running_mean.lerp_(mean.to(norm.running_mean.dtype), momentum)
    unbiased = variance * (count / max(count - 1, 1))
    norm.running_var.lerp_(unbiased.to(norm.running_var.dtype), momentum)


class _Norm(torch.autograd.Function):
    """y = weight * (x - mean) / sqrt(variance + eps) + bias, where mean and variance are of x.

    With h = (x - mean) / sqrt(variance + eps), sums over all processes and n values a channel:

        dx = weight / sqrt(variance + eps) * (dy - sum(dy) / n - h * sum(dy * h) / n)

    Weight and bias get this process's part of their gradients, as all weights do.

    Source: Ioffe and Szegedy 2015, "Batch Normalization", arXiv:1502.03167, section 3.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor | None, bias: Tensor | None,
        mean: Tensor, variance: Tensor, eps: float, count: float, ranks: Ranks,
    ) -> Tensor:  # fmt: skip
        ctx.save_for_backward(x, weight, mean, variance)
        ctx.eps, ctx.count, ctx.ranks = eps, count, ranks
        return F.batch_norm(x, mean, variance, weight, bias, training=False, eps=eps)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (dy,) = gradients
        x, weight, mean, variance = ctx.saved_tensors
        own = torch.ones_like(mean) if weight is None else weight
        # the gradients of a norm whose statistics are fixed
        dx, d_weight, d_bias = torch.ops.aten.native_batch_norm_backward(
            dy, x, own, mean, variance, None, None, False, ctx.eps, [True, True, True]
        )
        sums = torch.stack([d_weight, d_bias]).double()  # sum(dy * h) and sum(dy)
        ctx.ranks.sum_(sums)
        sums = (sums / ctx.count).to(mean.dtype)
        shape = [1, -1] + [1] * (x.ndim - 2)
        deviation = (variance + ctx.eps).sqrt()
        slope = own / deviation * sums[0] / deviation  # of what h takes away
        level = own / deviation * sums[1] - slope * mean
        dx = dx.addcmul_(x, slope.view(shape).to(dx.dtype), value=-1).sub_(
            level.view(shape).to(dx.dtype)
        )
        if weight is None:
            return dx, None, None, None, None, None, None, None
        return dx, d_weight, d_bias, None, None, None, None, None
