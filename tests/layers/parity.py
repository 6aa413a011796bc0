"""How a layer is held against a definition: same weights, same output, same gradients."""

from collections.abc import Callable, Mapping

import pytest
import torch
from hypothesis import strategies as st
from torch import Tensor, nn

from striate import layers
from striate.errors import ShapeError
from striate.layers import Layer

TOLERANCE = {"rtol": 1e-7, "atol": 1e-7}
many_cases = pytest.mark.parametrize("cases", [12, pytest.param(100, marks=pytest.mark.slow)])
ranks = st.integers(1, 3)
channels = st.integers(1, 4)


def sizes(rank: int, least: int = 1, most: int = 4) -> st.SearchStrategy[int | tuple[int, ...]]:
    """One number for all axes, or one for each."""
    number = st.integers(least, most)
    return st.one_of(number, st.tuples(*[number] * rank))


def shapes(rank: int, channel: st.SearchStrategy[int] = channels) -> st.SearchStrategy:
    """Inputs as people write them; single pixels too."""
    largest = {0: 9, 1: 12, 2: 9, 3: 5}[rank]
    return st.tuples(*[st.integers(1, largest)] * rank, channel)


def paddings(rank: int) -> st.SearchStrategy:
    return st.one_of(st.sampled_from(["valid", "same"]), sizes(rank, 0, 2))


def each(value: int | tuple[int, ...], rank: int) -> tuple[int, ...]:
    return (value,) * rank if isinstance(value, int) else value


def kind(stem: str, rank: int) -> type[Layer]:
    return getattr(layers, stem.format(rank))


def same_borders(
    size: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
) -> list[int]:
    """As TensorFlow documents it, case by case; for `F.pad`, so the last axis comes first."""
    borders = []
    for n, k, s, d in reversed(list(zip(size, kernel, stride, dilation, strict=True))):
        span = d * (k - 1) + 1
        along = max(span - s, 0) if n % s == 0 else max(span - n % s, 0)
        borders += [along // 2, along - along // 2]
    return borders


def fits(layer: Layer, shape: tuple[int, ...]) -> bool:
    """False, and torch agrees, where the layer says that such an input does not fit."""
    try:
        layer.output_shape(shape)
    except ShapeError:
        return False
    return True


def _by_name(network: nn.Sequential) -> dict[str, Tensor]:
    """ "weight" and so on; "depthwise.weight" where a layer is made of several modules."""
    several = sum(any(True for _ in part.parameters()) for part in network) > 1
    named = {}
    for name, weight in network.named_parameters():
        module, _, rest = name.partition(".")
        named[f"{module.rpartition('_')[2]}.{rest}" if several else rest] = weight
    return named


def check_parity(
    layer: Layer,
    shape: tuple[int, ...],
    reference: Callable[[Tensor, Mapping[str, Tensor]], Tensor],
    *,
    seed: int = 0,
) -> nn.Sequential:
    """The built layer gives what `reference(x, weights)` gives, and so do all gradients.

    In float64, so that what two orders of adding up differ by stays far below the tolerance.
    """
    torch.manual_seed(seed)
    network = layers.build([layer], shape).double()
    with torch.no_grad():
        for weight in network.parameters():
            weight.normal_()
    x = torch.randn(2, shape[-1], *shape[:-1], dtype=torch.float64, requires_grad=True)
    weights = _by_name(network)
    ours, theirs = network(x), reference(x, weights)
    assert (*ours.shape[2:], ours.shape[1]) == layers.infer([layer], shape)[-1]
    torch.testing.assert_close(ours, theirs, **TOLERANCE)
    upstream = torch.randn_like(ours)
    inputs = [x, *weights.values()]
    torch.testing.assert_close(
        torch.autograd.grad(ours, inputs, upstream),
        torch.autograd.grad(theirs, inputs, upstream),
        **TOLERANCE,
    )
    return network
