"""Which tensor operations move a window over their input, and how."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import torch
from torch import Tensor

from striate.shapes import ReceptiveField, effective_kernel, unread

aten = torch.ops.aten


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

    def over(self, field: ReceptiveField) -> ReceptiveField:
        """What an output of the window sees, whose inputs see `field`."""
        return field.through(self.kernel, self.stride, self.padding, self.dilation)


@dataclass(frozen=True)
class Enlarging:
    """A transposed window along one axis: each output sees up to `kernel` inputs.

    Args:
        factor: outputs for each input.
        padding: inputs before the first that output 0 would see.
    """

    factor: float
    kernel: int = 1
    padding: int = 0

    def unread(self, size: int) -> frozenset[int]:  # noqa: ARG002
        """None: everything is read."""
        return frozenset()

    def over(self, field: ReceptiveField) -> ReceptiveField:
        """What an output sees, whose inputs see `field`."""
        return field.enlarged(self.factor, self.kernel, self.padding)


Windows = tuple[Window | Enlarging, ...]  # for the last axes of the tensor, in their order


def windows_of(operation: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Windows | None:
    """The windows that an operation moves over its first argument; None where it moves none."""
    rule = WINDOWS.get(operation.overloadpacket)
    image = args[0] if args else None
    if rule is None or not isinstance(image, Tensor):
        return None
    return rule(*args, **kwargs)


def _each(axes: int, kernel: Any, stride: Any, padding: Any = 0, dilation: Any = 1) -> Windows:
    def at(value: Any, axis: int) -> int:
        return value if isinstance(value, int) else value[axis if len(value) > 1 else 0]

    return tuple(
        Window(at(kernel, i), at(stride or kernel, i), at(padding, i), at(dilation, i))
        for i in range(axes)
    )


def _convolution(
    _x: Tensor,
    weight: Tensor,
    _: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    transposed: bool,
    *__: Any,
) -> Windows:
    windows = _each(weight.ndim - 2, weight.shape[2:], stride, padding, dilation)
    return tuple(map(_transposed, windows)) if transposed else windows  # type: ignore[arg-type]


def _transposed(window: Window) -> Enlarging:
    """Output o sees the inputs i with i * stride + tap * dilation - padding = o."""
    reach = effective_kernel(window.kernel, window.dilation)
    before = (reach - 1 - window.padding) // window.stride
    return Enlarging(window.stride, ceil(reach / window.stride), before)


def _pooled(axes: int) -> Callable[..., Windows]:
    def rule(
        _: Tensor, kernel: Any, stride: Any = (), padding: Any = 0, dilation: Any = 1, *__: Any
    ) -> Windows:
        return _each(axes, kernel, stride, padding, dilation)

    return rule


def _averaged(axes: int) -> Callable[..., Windows]:
    def rule(_: Tensor, kernel: Any, stride: Any = (), padding: Any = 0, *__: Any) -> Windows:
        return _each(axes, kernel, stride, padding)

    return rule


def _adaptive(x: Tensor, output: Sequence[int]) -> Windows:
    """Windows of several sizes, where they do not divide evenly, count as the largest."""
    sizes = x.shape[-len(output) :]
    return tuple(map(_share, sizes, output))


def _share(size: int, parts: int) -> Window | Enlarging:
    if size % parts == 0:
        return Window(size // parts, size // parts)
    ends = [(i * size // parts, -(-(i + 1) * size // parts)) for i in range(parts)]
    return Enlarging(parts / size, max(end - start for start, end in ends))


def _padded(x: Tensor, borders: Sequence[int], *_: Any) -> Windows:
    starts = [*borders[::2], *[0] * (x.ndim - len(borders) // 2)]  # the last axis comes first
    return tuple(Window(1, 1, start) for start in reversed(starts[: x.ndim]))


def _upsampled(neighbours: int, axes: int) -> Callable[..., Windows]:
    def rule(x: Tensor, size: Sequence[int] | None, *rest: Any, **_: Any) -> Windows:
        """`rest` ends in the scales where no size is given."""
        given = [each for each in rest if isinstance(each, list | tuple)]
        scales = given[-1] if size is None else map(lambda o, i: o / i, size, x.shape[-axes:])
        return tuple(Enlarging(scale, neighbours, (neighbours - 1) // 2) for scale in scales)

    return rule


def _unpooled(x: Tensor, _places: Tensor, size: Sequence[int]) -> Windows:
    """Wherever in its window a value is put, it sees what the maximum it replaces saw."""
    return tuple(Enlarging(o / i) for o, i in zip(size, x.shape[-len(size) :], strict=True))


WINDOWS: dict[Any, Callable[..., Windows | None]] = {
    aten.convolution: _convolution,
    aten.max_pool2d_with_indices: _pooled(2),
    aten.max_pool3d_with_indices: _pooled(3),
    aten.avg_pool1d: _averaged(1),
    aten.avg_pool2d: _averaged(2),
    aten.avg_pool3d: _averaged(3),
    aten._adaptive_avg_pool2d: _adaptive,
    aten._adaptive_avg_pool3d: _adaptive,
    aten.adaptive_max_pool2d: _adaptive,
    aten.adaptive_max_pool3d: _adaptive,
    aten.constant_pad_nd: _padded,
    aten.reflection_pad2d: _padded,
    aten.replication_pad2d: _padded,
    aten.upsample_nearest1d: _upsampled(1, 1),
    aten.upsample_nearest2d: _upsampled(1, 2),
    aten.upsample_nearest3d: _upsampled(1, 3),
    aten.max_unpool2d: _unpooled,
    aten.upsample_bilinear2d: _upsampled(2, 2),
    aten.upsample_bicubic2d: _upsampled(4, 2),
}
"""Operations whose outputs see a window of the input each."""
