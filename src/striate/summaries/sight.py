"""How each tensor operation moves what its output sees of the image."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import torch
from torch import Tensor

from striate.shapes import ReceptiveField
from striate.summaries.windows import Windows

aten = torch.ops.aten


@dataclass(frozen=True)
class Axis:
    """Where the outputs along one axis of the image lie in a tensor, and what each sees.

    Args:
        size: outputs along the axis; 1 where it has been pooled or mixed away.
        inner: numbers from one output to the next when the tensor is written row by row; this
            stays the same when the tensor is viewed in another shape.
    """

    field: ReceptiveField
    size: int
    inner: int

    def dim(self, shape: Sequence[int]) -> int | None:
        """The dimension of a tensor that is this axis; None where it is merged or cut up."""
        return next(
            (
                dim
                for dim in range(len(shape))
                if shape[dim] == self.size and prod(shape[dim + 1 :]) == self.inner
            ),
            None,
        )

    def mixed(self) -> "Axis":
        """All outputs together, as a dense layer or a global pool sees them."""
        return Axis(self.field.over(self.size), 1, 1)

    def everywhere(self) -> "Axis":
        """As many outputs as before, each seeing what any of them saw."""
        return replace(self, field=self.field.everywhere(self.size))


Sight = tuple[Axis, ...]  # along the rows (height) and columns (width)
Input = tuple[Tensor, Sight]

POINTWISE = {  # besides what torch tags so; statistics of a normalisation are not counted
    aten._native_batch_norm_legit_no_training,
    aten.native_batch_norm,
    aten.cudnn_batch_norm,
    aten.native_group_norm,
    aten.native_layer_norm,
    aten._fused_rms_norm,
    aten.cat,
    aten.expand,
    aten.clone,
    aten._to_copy,
    aten.native_dropout,
    aten.copy_,
    aten.copy,
    aten.hardswish,
    aten.hardswish_,
    aten.hardsigmoid,
    aten.hardsigmoid_,
    aten.hardtanh,
    aten.hardtanh_,
    aten._prelu_kernel,
    aten.elu_,
    aten.silu_,
    aten.stack,
}
SAME_ORDER = {  # the numbers stay in their order, in another shape
    aten.view,
    aten._unsafe_view,
    aten.reshape,
    aten.unsqueeze,
    aten.squeeze,
    aten.alias,
    aten.detach,
    aten.lift_fresh,
}
REDUCED = {aten.mean, aten.sum, aten.amax, aten.amin, aten.prod, aten.logsumexp}
SOFTMAX = {aten._softmax, aten._safe_softmax, aten._log_softmax}
PRODUCTS = {aten.mm: 0, aten.addmm: 1, aten.bmm: 0, aten.baddbmm: 1}  # position of the left matrix
MIXED = {
    aten._scaled_dot_product_flash_attention_for_cpu,
    aten._scaled_dot_product_flash_attention,
    aten._scaled_dot_product_efficient_attention,
    aten._scaled_dot_product_fused_attention_overrideable,
    aten._native_multi_head_attention,
}
FACTORIES = {aten.ones_like, aten.zeros_like, aten.empty_like, aten.new_ones, aten.new_zeros}
"""Operations that take an input's shape and not its values."""


def image_sight(image: Tensor) -> Sight:
    """Every pixel sees itself."""
    return tuple(
        Axis(ReceptiveField(), image.shape[dim], prod(image.shape[dim + 1 :]))
        for dim in range(2, image.ndim)
    )


def seen_through(windows: Windows, image: Input, out: Tensor) -> Sight | None:
    """What a window's output sees; None where an axis of the image is hidden."""
    tensor, sight = image
    axes = []
    before = tensor.ndim - len(windows)
    for dim, axis in _numbered(tensor, sight):
        if dim is None and axis.size > 1:
            return None
        if dim is None:
            axes.append(axis)  # everything has been seen already
            continue
        field = windows[dim - before].over(axis.field) if dim >= before else axis.field
        axes.append(Axis(field, out.shape[dim], prod(out.shape[dim + 1 :])))
    return tuple(axes)


def _numbered(tensor: Tensor, sight: Sight) -> list[tuple[int | None, Axis]]:
    """Each axis with its dimension; axes of one pixel, which fit anywhere, stand last."""
    dims = [axis.dim(tensor.shape) for axis in sight]
    found = [dim for dim in dims if dim is not None]
    if len(set(found)) < len(found):  # [N, C, 1, 1], or [N, C] after it
        first = tensor.ndim - len(dims)
        dims = [first + number if first > 1 else None for number in range(len(dims))]
    return list(zip(dims, sight, strict=True))


def seen_together(
    operation: Any, args: Sequence[Any], inputs: Sequence[Input], out: Tensor
) -> Sight | None:
    """What the output of an operation without a window sees; None where that is not known."""
    packet = operation.overloadpacket
    tensor, sight = inputs[0]
    if any(len(other) != len(sight) for _, other in inputs):
        return None  # inputs of several ends: of an image and of a vector
    if packet in SAME_ORDER:
        return tuple(_viewed(axis, out) for axis in sight)
    if packet in (aten.permute, aten.transpose, aten.t):
        return _turned(_order(packet, args, tensor.ndim), tensor, sight, out)
    if packet in (aten.slice, aten.select, aten.split, aten.split_with_sizes, aten.unbind):
        return _cut(packet, args, tensor, sight, out)
    if packet in REDUCED:
        return _reduced(args, tensor, sight, out)
    if packet in SOFTMAX:
        dim = args[1] % tensor.ndim
        return tuple(a.everywhere() if d == dim else a for d, a in _numbered(tensor, sight))
    if packet in PRODUCTS and len(inputs) == 1 and args[PRODUCTS[packet]] is tensor:
        return tuple(_multiplied(axis, tensor, out) for axis in sight)
    if packet in MIXED or packet in PRODUCTS:
        sights = zip(*(sight for _, sight in inputs), strict=True)
        return tuple(_joined([axis.mixed() for axis in axes]) for axes in sights)
    if packet is aten.as_strided_ and all(axis.size == 1 for axis in sight):
        return sight
    if any(tensor.ndim > out.ndim for tensor, _ in inputs):
        return None
    if packet in POINTWISE or torch.Tag.pointwise in operation.tags:
        return _broadcast(inputs, out)
    return None


def _viewed(axis: Axis, out: Tensor) -> Axis:
    """Flattened into the last dimension, every output may see every position."""
    if axis.dim(out.shape) is None and out.ndim and axis.inner < out.shape[-1]:
        return axis.mixed()
    return axis


def _order(packet: Any, args: Sequence[Any], ndim: int) -> list[int]:
    if packet is aten.permute:
        return [dim % ndim for dim in args[1]]
    order = [*range(ndim)]
    one, other = (0, ndim - 1) if packet is aten.t else (args[1] % ndim, args[2] % ndim)
    order[one], order[other] = order[other], order[one]
    return order


def _turned(order: Sequence[int], tensor: Tensor, sight: Sight, out: Tensor) -> Sight | None:
    """None where an axis is cut into windows, whose order says nothing about places."""
    axes = []
    for dim, axis in _numbered(tensor, sight):
        if dim is None and axis.size > 1:
            return None
        axes.append(axis if dim is None else _placed(axis, order.index(dim), out))
    return tuple(axes)


def _placed(axis: Axis, dim: int, out: Tensor) -> Axis:
    if axis.size == 1:
        return axis  # one output has no place to keep
    return Axis(axis.field, out.shape[dim], prod(out.shape[dim + 1 :]))


def _cut(packet: Any, args: Sequence[Any], tensor: Tensor, sight: Sight, out: Tensor) -> Sight:
    """A part along one dimension; a part of the image's own axis counts as the whole of it."""
    place = {aten.split: 2, aten.split_with_sizes: 2}.get(packet, 1)
    along = (args[place] if len(args) > place else 0) % tensor.ndim
    gone = tensor.ndim - out.ndim  # 1 where the dimension itself is gone
    axes = []
    for dim, axis in _numbered(tensor, sight):
        if dim is None or (dim == along and (gone or out.shape[dim] < axis.size)):
            axes.append(_sliced(packet, args, axis) if dim is not None else axis.mixed())
        else:
            axes.append(_placed(axis, dim - (gone and dim > along), out))
    return tuple(axes)


def _sliced(packet: Any, args: Sequence[Any], axis: Axis) -> Axis:
    if packet is not aten.slice:
        return axis.mixed()
    start, end, step = [*args[2:], None, None, None][:3]
    rows = range(axis.size)[slice(start, end, step)]
    field = axis.field.through(1, rows.step, -rows.start)
    return Axis(field, len(rows), axis.inner)


def _reduced(args: Sequence[Any], tensor: Tensor, sight: Sight, out: Tensor) -> Sight:
    given = args[1] if len(args) > 1 and args[1] is not None else range(tensor.ndim)
    dims = {dim % tensor.ndim for dim in ([given] if isinstance(given, int) else given)}
    kept = [dim for dim in range(tensor.ndim) if dim not in dims or tensor.ndim == out.ndim]
    return tuple(
        axis.mixed() if dim is None or dim in dims else _placed(axis, kept.index(dim), out)
        for dim, axis in _numbered(tensor, sight)
    )


def _multiplied(axis: Axis, tensor: Tensor, out: Tensor) -> Axis:
    """A matrix product mixes the last dimension and leaves the others apart."""
    if axis.inner < tensor.shape[-1]:
        return axis.mixed()
    return replace(axis, inner=axis.inner // tensor.shape[-1] * out.shape[-1])


def _broadcast(inputs: Sequence[Input], out: Tensor) -> Sight:
    axes = []
    for number in range(len(inputs[0][1])):
        own = [_aligned(tensor, sight, number, out) for tensor, sight in inputs]
        axes.append(_joined(own))
    return tuple(axes)


def _aligned(tensor: Tensor, sight: Sight, number: int, out: Tensor) -> Axis:
    """The axis as it lies in an output of more dimensions or channels."""
    dim, axis = _numbered(tensor, sight)[number]
    if dim is None or axis.size == 1:
        return axis
    dim += out.ndim - tensor.ndim
    return axis.everywhere() if out.shape[dim] != axis.size else _placed(axis, dim, out)


def _joined(axes: Sequence[Axis]) -> Axis:
    """A sum or concatenation; paths that move differently are joined in all they see."""
    lead = max(axes, key=lambda axis: axis.size)
    field: ReceptiveField | None = lead.field
    for axis in axes:
        field = field.union(axis.field) if field and axis.size == lead.size else None
    if field is None:
        spans = [axis.field.everywhere(axis.size) for axis in axes]
        field = spans[0]
        for span in spans[1:]:
            field = field.union(span) or field  # all have jump 0
    return replace(lead, field=field)
