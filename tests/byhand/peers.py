"""Drawing cases for `byhand`, and torch's answer to them."""

from dataclasses import dataclass

import hypothesis
import numpy as np
import torch
from hypothesis import strategies as st

TOLERANCE = {"rtol": 1e-10, "atol": 1e-10}


def given(*strategies):
    """hypothesis's own without its deadline: the machine may be busy."""
    return lambda test: hypothesis.settings(deadline=None)(hypothesis.given(*strategies)(test))


@dataclass(frozen=True)
class Moves:
    """How a window moves over an input of `size`; one entry an axis."""

    size: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: tuple[int, ...]

    def positions(self):
        return tuple(
            (n + 2 * p - (k - 1) * d - 1) // s + 1
            for n, k, s, d, p in zip(
                self.size, self.kernel, self.stride, self.dilation, self.padding, strict=True
            )
        )


@st.composite
def moves(draw, max_axes=2, pooling=False):
    """Windows that fit, degenerate ones (one pixel, one position) among them.

    `pooling` keeps to what torch's pooling takes: no dilation, borders of half a window at most.
    """
    axes = draw(st.integers(1, max_axes))

    def each(low, high):
        return tuple(draw(st.integers(low, high)) for _ in range(axes))

    kernel, stride = each(1, 4), each(1, 3)
    dilation = (1,) * axes if pooling else each(1, 3)
    padding = tuple(draw(st.integers(0, k // 2 if pooling else 3)) for k in kernel)
    spans = ((k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True))
    least = (max(1, span - 2 * p) for span, p in zip(spans, padding, strict=True))
    size = tuple(n + extra for n, extra in zip(least, each(0, 4), strict=True))
    return Moves(size, kernel, stride, dilation, padding)


def draw_numbers(seed, *shapes):
    """Signed random arrays, the same for the same seed."""
    random = np.random.default_rng(seed)
    return [random.normal(size=shape) for shape in shapes]


def autograd(function, arrived, *inputs):
    """torch's outputs and its gradients for the inputs, when `arrived` is the outputs' gradient."""
    tensors = [torch.tensor(each, dtype=torch.float64, requires_grad=True) for each in inputs]
    outputs = function(*tensors)
    gradients = torch.autograd.grad(outputs, tensors, torch.as_tensor(arrived).expand_as(outputs))
    return outputs.detach().numpy(), *(gradient.numpy() for gradient in gradients)


def agree(ours, theirs):
    np.testing.assert_allclose(ours, theirs, **TOLERANCE)


seeds = st.integers(0, 2**32 - 1)
