"""How a layer with weights hands its relevance to its inputs."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Weighted:
    """A convolution or dense layer, a batch normalisation after it folded in.

        z = apply(x, weight) + bias

    Args:
        apply: without the bias.
        bias: in the shape that is added to z; None: there is none.
        back: (weight, share) -> sum_k weight_jk * share_k, for every input j.
    """

    x: Tensor
    weight: Tensor
    bias: Tensor | None
    apply: Callable[[Tensor, Tensor], Tensor]
    back: Callable[[Tensor, Tensor], Tensor]


def stable(z: Tensor, epsilon: float) -> Tensor:
    """z moved away from 0 by epsilon; 0 itself upwards."""
    return z + torch.where(z < 0, -epsilon, epsilon)


def by_epsilon(layer: Weighted, relevance: Tensor, epsilon: float) -> Tensor:
    """R_j = x_j sum_k w_jk R_k / (z_k + epsilon sign z_k)."""
    z = layer.apply(layer.x, layer.weight)
    z = z if layer.bias is None else z + layer.bias
    return layer.x * layer.back(layer.weight, relevance / stable(z, epsilon))


def by_gamma(
    layer: Weighted, relevance: Tensor, epsilon: float, gamma: float | None = None
) -> Tensor:
    """As epsilon, with what excites made stronger: x w + gamma max(0, x w), and so the bias.

    gamma = None: only what excites, max(0, x w): the z-plus rule.
    """
    part, bias = 1.0 if gamma is None else gamma, layer.bias
    base = torch.zeros_like(layer.weight) if gamma is None else layer.weight
    above = base + part * layer.weight.clamp(min=0)  # for x > 0
    below = base + part * layer.weight.clamp(max=0)  # for x < 0
    positive, negative = layer.x.clamp(min=0), layer.x.clamp(max=0)
    z = layer.apply(positive, above) + layer.apply(negative, below)
    if bias is not None:
        z = z + (0 if gamma is None else bias) + part * bias.clamp(min=0)
    share = relevance / stable(z, epsilon)
    return positive * layer.back(above, share) + negative * layer.back(below, share)


def by_flat(layer: Weighted, relevance: Tensor, epsilon: float) -> Tensor:
    """Evenly to all inputs of an output, whatever their values and weights."""
    ones = torch.ones_like(layer.weight)
    count = layer.apply(torch.ones_like(layer.x), ones)
    return layer.back(ones, relevance / stable(count, epsilon))


def by_box(layer: Weighted, relevance: Tensor, epsilon: float, low: Tensor, high: Tensor) -> Tensor:
    """z-box: by x w - low w⁺ - high w⁻, which is never negative for low <= x <= high."""
    weight = layer.weight
    excites, inhibits = weight.clamp(min=0), weight.clamp(max=0)
    low, high = low.expand_as(layer.x), high.expand_as(layer.x)
    z = layer.apply(layer.x, weight) - layer.apply(low, excites) - layer.apply(high, inhibits)
    share = relevance / stable(z, epsilon)
    return (
        layer.x * layer.back(weight, share)
        - low * layer.back(excites, share)
        - high * layer.back(inhibits, share)
    )
