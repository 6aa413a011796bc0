"""How each tensor operation moves what its output sees of the image."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from striate.shapes import ReceptiveField, unread

aten = torch.ops.aten
Sight = tuple[ReceptiveField, ReceptiveField]  # along the rows (height) and columns (width)


@dataclass(frozen=True)
class Window:
    """A window along one axis, in pixels."""

    kernel: int
    stride: int
    padding: int = 0
    dilation: int = 1

    def unread(self, size: int) -> frozenset[int]:
        """Pixels of an axis of this size that no position of the window touches."""
        border = (self.padding, self.padding)
        return unread(size, self.kernel, self.stride, border, self.dilation)


Windows = tuple[Window, Window]


def _both(kernel: Any, stride: Any, padding: Any = 0, dilation: Any = 1) -> Windows:
    def at(value: Any, axis: int) -> int:
        return value if isinstance(value, int) else value[axis if len(value) > 1 else 0]

    rows, columns = (
        Window(at(kernel, i), at(stride or kernel, i), at(padding, i), at(dilation, i))
        for i in (0, 1)
    )
    return rows, columns


def _convolution(
    _x: Tensor,
    weight: Tensor,
    _: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    transposed: bool,
    *__: Any,
) -> Windows | None:
    return None if transposed else _both(weight.shape[2:], stride, padding, dilation)


def _pooled(
    _: Tensor, kernel: Any, stride: Any = (), padding: Any = 0, dilation: Any = 1, *__: Any
) -> Windows:
    return _both(kernel, stride, padding, dilation)


def _averaged(_: Tensor, kernel: Any, stride: Any = (), padding: Any = 0, *__: Any) -> Windows:
    return _both(kernel, stride, padding)


def _adaptive(x: Tensor, output: Sequence[int]) -> Windows | None:
    height, width = x.shape[2:]
    if height % output[0] or width % output[1]:
        return None  # windows of several sizes
    kernel = (height // output[0], width // output[1])
    return _both(kernel, kernel)


def _reduced(x: Tensor, dim: Sequence[int] = (), *_: Any, **__: Any) -> Windows | None:
    axes = {axis % 4 for axis in dim}
    whole = _both(x.shape[2:], x.shape[2:])
    return {(2, 3): whole, (1,): _both(1, 1)}.get(tuple(sorted(axes)))


def _padded(_x: Tensor, borders: Sequence[int], *_: Any) -> Windows | None:
    left, top = (*borders, 0, 0)[0], (*borders, 0, 0)[2]
    return Window(1, 1, top), Window(1, 1, left)


WINDOWS: dict[Any, Callable[..., Windows | None]] = {
    aten.convolution: _convolution,
    aten.max_pool2d_with_indices: _pooled,
    aten.avg_pool2d: _averaged,
    aten._adaptive_avg_pool2d: _adaptive,
    aten.adaptive_max_pool2d: _adaptive,
    aten.mean: _reduced,
    aten.sum: _reduced,
    aten.amax: _reduced,
    aten.constant_pad_nd: _padded,
}
"""Operations on [N, C, H, W] whose outputs see a window of the input each; None: an odd one."""

IN_PLACE = {  # besides what torch tags as pointwise
    aten._native_batch_norm_legit_no_training,
    aten.native_batch_norm,
    aten.cudnn_batch_norm,
    aten.native_group_norm,
    aten.cat,
    aten.slice,
    aten.split,
    aten.split_with_sizes,
    aten.alias,
    aten.detach,
    aten.clone,
    aten._to_copy,
    aten._softmax,
    aten.addmm,
    aten.mm,
    aten.t,
}
VIEWS = {aten.view, aten._unsafe_view, aten.reshape}
FACTORIES = {aten.ones_like, aten.zeros_like, aten.empty_like, aten.new_ones, aten.new_zeros}
"""Operations that take an input's shape and not its values."""


def windows_of(operation: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Windows | None:
    """The windows that an operation moves over its first argument; None where it moves none."""
    rule = WINDOWS.get(operation.overloadpacket)
    image = args[0] if args else None
    if rule is None or not isinstance(image, Tensor) or image.ndim != 4:
        return None
    return rule(*args, **kwargs)


def seen_through(windows: Windows, sight: Sight) -> Sight:
    """What a window's output sees."""
    rows, columns = (
        field.through(window.kernel, window.stride, window.padding, window.dilation)
        for window, field in zip(windows, sight, strict=True)
    )
    return rows, columns


def seen_together(
    operation: Any, inputs: Sequence[tuple[Tensor, Sight]], out: Tensor
) -> Sight | None:
    """What the output of an operation without a window sees; None where that is not known."""
    if operation.overloadpacket in WINDOWS:
        return None
    if operation.overloadpacket in VIEWS:
        return _viewed(*inputs[0], out)
    known = operation.overloadpacket in IN_PLACE or torch.Tag.pointwise in operation.tags
    if not known or any(tensor.shape[2:] != out.shape[2:] for tensor, _ in inputs):
        return None
    together: Sight | None = inputs[0][1]
    for _, sight in inputs[1:]:
        together = _union(together, sight)
    return together


def _viewed(tensor: Tensor, sight: Sight, out: Tensor) -> Sight | None:
    if tensor.ndim == 4 and out.ndim == 2:  # flattened: every output may see every position
        return sight[0].over(tensor.shape[2]), sight[1].over(tensor.shape[3])
    same = tensor.shape[2:] == out.shape[2:] if tensor.ndim == 4 else out.ndim < 3
    return sight if same or out.shape[-2:] == tensor.shape[-2:] else None


def _union(one: Sight | None, other: Sight) -> Sight | None:
    if one is None:
        return None
    rows, columns = one[0].union(other[0]), one[1].union(other[1])
    return None if rows is None or columns is None else (rows, columns)
