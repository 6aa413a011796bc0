"""The operations whose outputs see only a window of the input, as torch is called for them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from striate.explain._regions import Pair, Window

Operation = Callable[..., Any]


@dataclass(frozen=True)
class Windowed:
    """A window's geometry, what lies outside the map, and the arithmetic without any padding."""

    window: Window
    outside: float
    compute: Callable[[Tensor], Tensor]


def pair(value: Any) -> Pair:
    """What torch takes as one number or as (rows, columns)."""
    if isinstance(value, int):
        return value, value
    numbers = tuple(value)
    return (numbers[0], numbers[0]) if len(numbers) == 1 else (numbers[0], numbers[1])


def conv2d(
    _input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Windowed:
    kernel, steps = pair(weight.shape[2:]), pair(dilation)
    if padding == "same":  # torch pads the odd pixel below and right
        above, left = (d * (k - 1) // 2 for d, k in zip(steps, kernel, strict=True))
        padding = (above, left)
    elif padding == "valid":
        padding = 0
    window = Window(kernel, pair(stride), pair(padding), steps)
    compute = partial(
        F.conv2d, weight=weight, bias=bias, stride=stride, dilation=dilation, groups=groups
    )
    return Windowed(window, 0.0, compute)


def max_pool2d(
    _input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,  # noqa: ARG001  # only the size of the output, which is known
    return_indices: bool = False,
) -> Windowed | None:
    if return_indices:
        return None
    kernel, steps = pair(kernel_size), pair(dilation)
    strides = kernel if stride is None or stride == [] else pair(stride)
    compute = partial(F.max_pool2d, kernel_size=kernel, stride=strides, dilation=steps)
    return Windowed(Window(kernel, strides, pair(padding), steps), -torch.inf, compute)


def avg_pool2d(
    _input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Windowed | None:
    if ceil_mode or (pair(padding) != (0, 0) and not count_include_pad):
        return None  # windows over the border divide by fewer pixels
    kernel = pair(kernel_size)
    strides = kernel if stride is None or stride == [] else pair(stride)
    compute = partial(
        F.avg_pool2d, kernel_size=kernel, stride=strides, divisor_override=divisor_override
    )
    return Windowed(Window(kernel, strides, pair(padding)), 0.0, compute)


def pad(
    _input: Tensor, sides: Any, mode: str = "constant", value: float | None = None
) -> Windowed | None:
    if mode != "constant" or len(sides) != 4 or min(sides) < 0:
        return None
    left, _, above, _ = sides
    return Windowed(Window((1, 1), padding=(above, left)), value or 0.0, lambda patch: patch)


WINDOWED: dict[Operation, Callable[..., Windowed | None]] = {
    torch.conv2d: conv2d,
    F.max_pool2d: max_pool2d,
    F.avg_pool2d: avg_pool2d,
    F.pad: pad,
}

# Every pixel of the output comes from the same pixel of the inputs.
POINTWISE: frozenset[Operation] = frozenset(
    {
        *(F.relu, F.relu6, F.hardtanh, F.leaky_relu, F.elu, F.celu, F.selu, F.gelu, F.silu),
        *(F.mish, F.hardswish, F.hardsigmoid, F.softplus, F.softsign, F.logsigmoid),
        *(torch.relu, torch.sigmoid, torch.tanh, torch.clamp),
        *(Tensor.relu, Tensor.sigmoid, Tensor.tanh, Tensor.clamp),
        *(torch.add, torch.sub, torch.mul, torch.div, torch.maximum, torch.minimum),
        *(Tensor.add, Tensor.sub, Tensor.mul, Tensor.div, Tensor.neg, Tensor.__rsub__),
    }
)

IN_PLACE: dict[Operation, Operation] = {
    torch.relu_: torch.relu,
    Tensor.relu_: torch.relu,
    Tensor.sigmoid_: torch.sigmoid,
    Tensor.tanh_: torch.tanh,
    Tensor.clamp_: torch.clamp,
    Tensor.add_: torch.add,
    Tensor.sub_: torch.sub,
    Tensor.mul_: torch.mul,
    Tensor.div_: torch.div,
}
