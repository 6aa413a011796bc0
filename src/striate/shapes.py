"""Whole-number arithmetic of layers: output sizes, padding, weights, work, receptive field.

People write shapes as (height, width, channels), (steps, channels) for signals, (depth, height,
width, channels) for volumes, or (features,) for vectors; never with a batch axis. Along one axis:

    effective kernel  F' = (F - 1) * dilation + 1
    output size       W2 = floor((W - F' + P) / S) + 1,  P = pixels added on both sides together
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, prod
from numbers import Integral

from striate.errors import ShapeError

Pair = tuple[int, int]
Shape = tuple[int, ...]


def pair(value: int | Sequence[int]) -> Pair:
    """One number for both axes, or (height, width)."""
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def spread(value: int | Sequence[int], axes: int) -> tuple[int, ...]:
    """One number for all axes, or one for each.

    >>> spread(2, axes=3)
    (2, 2, 2)
    """
    return (value,) * axes if isinstance(value, int) else tuple(value)


def effective_kernel(kernel: int, dilation: int = 1) -> int:
    """Pixels that a dilated kernel spans.

    >>> effective_kernel(3, dilation=2)
    5
    """
    return (kernel - 1) * dilation + 1


def output_size(
    size: int, kernel: int, stride: int = 1, padding: Pair = (0, 0), dilation: int = 1
) -> int:
    """Positions of a window along one axis; 0 or less where it does not fit.

    >>> output_size(227, kernel=11, stride=4)
    55
    """
    return (size + sum(padding) - effective_kernel(kernel, dilation)) // stride + 1


def same_padding(size: int, kernel: int, stride: int = 1, dilation: int = 1) -> Pair:
    """Pixels to add before and after for `ceil(size / stride)` outputs, the odd one after.

    Source: tensorflow.org/api_docs/python/tf/nn, "Notes on padding".

    >>> same_padding(224, kernel=3, stride=2)
    (0, 1)
    """
    span = (ceil(size / stride) - 1) * stride + effective_kernel(kernel, dilation)
    total = max(span - size, 0)
    return total // 2, total - total // 2


def transposed_size(
    size: int, kernel: int, stride: int = 1, padding: Pair = (0, 0), dilation: int = 1
) -> int:
    """Pixels along one axis that a transposed convolution paints, less those it crops.

        W2 = (W - 1) * S + F' - P

    >>> transposed_size(7, kernel=3, stride=2)
    15
    """
    return (size - 1) * stride + effective_kernel(kernel, dilation) - sum(padding)


def unread(
    size: int, kernel: int, stride: int = 1, padding: Pair = (0, 0), dilation: int = 1
) -> frozenset[int]:
    """Pixels of an axis that no position of the window touches: skipped over or left at the end.

    >>> unread(12, kernel=3, stride=2)  # the last position covers pixels 8..10
    frozenset({11})
    """
    positions = range(output_size(size, kernel, stride, padding, dilation))
    read = {
        position * stride + tap * dilation - padding[0]
        for position in positions
        for tap in range(kernel)
    }
    return frozenset(range(size)) - read


def conv_weights(
    kernel: int | Pair, channels: int, filters: int, *, groups: int = 1, bias: bool = True
) -> int:
    """F * F * D * K weights plus K biases, where D counts the channels one filter sees.

    >>> conv_weights(3, channels=64, filters=128)
    73856
    """
    return prod(pair(kernel)) * (channels // groups) * filters + bias * filters


def dense_weights(features: int, units: int, *, bias: bool = True) -> int:
    """One weight per pair of input and output, plus one bias per output.

    >>> dense_weights(65_536, 1_024, bias=False)
    67108864
    """
    return features * units + bias * units


@dataclass(frozen=True)
class Im2col:
    """Convolution as one product of matrices, shapes as (rows, columns): filters @ patches."""

    patches: Pair  # one column per position, one row per weight of a filter
    filters: Pair
    product: Pair


def im2col(
    input_shape: Shape, kernel: int | Pair, filters: int, stride: int | Pair = 1, padding: int = 0
) -> Im2col:
    """Shapes of the three matrices for an input (height, width, channels).

    >>> im2col((227, 227, 3), kernel=11, filters=96, stride=4)
    Im2col(patches=(363, 3025), filters=(96, 363), product=(96, 3025))
    """
    height, width, channels = input_shape
    (rows, columns), (down, right) = pair(kernel), pair(stride)
    border = (padding, padding)
    positions = output_size(height, rows, down, border) * output_size(width, columns, right, border)
    taps = rows * columns * channels
    return Im2col((taps, positions), (filters, taps), (filters, positions))


@dataclass(frozen=True)
class ReceptiveField:
    """What one output sees of the image along one axis, in pixels of the image.

    Args:
        size: pixels from the first to the last one seen.
        jump: pixels between the fields of two neighbouring outputs; a fraction after enlarging,
            0 where all outputs see the same.
        start: first pixel that output 0 sees; negative inside the padding.
    Source: Araujo et al. 2019, "Computing Receptive Fields of Convolutional Neural Networks",
        distill.pub/2019/computing-receptive-fields, recurrences 1-3.

    >>> ReceptiveField().through(kernel=3).through(kernel=3).size
    5
    """

    size: float = 1
    jump: float = 1
    start: float = 0

    @property
    def centre(self) -> float:
        """Middle of what output 0 sees, in pixels; pixel 0 has its centre at 0."""
        return self.start + (self.size - 1) / 2

    def through(
        self, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1
    ) -> "ReceptiveField":
        """The field after a window; `padding` counts the pixels before the first."""
        grown = self.size + (effective_kernel(kernel, dilation) - 1) * self.jump
        return ReceptiveField(grown, self.jump * stride, self.start - padding * self.jump)

    def enlarged(self, factor: float, kernel: int = 1, padding: int = 0) -> "ReceptiveField":
        """The field after a transposed window, each output seeing up to `kernel` inputs."""
        start = self.start - padding * self.jump
        return ReceptiveField(self.size + (kernel - 1) * self.jump, self.jump / factor, start)

    def everywhere(self, positions: int) -> "ReceptiveField":
        """The field of outputs that all see whatever any of so many outputs sees."""
        return ReceptiveField(self.size + (positions - 1) * self.jump, 0, self.start)

    def over(self, positions: int) -> "ReceptiveField":
        """The field of what sees this many neighbouring outputs, such as a pool over all."""
        return self.through(kernel=positions, stride=positions)

    def union(self, other: "ReceptiveField") -> "ReceptiveField | None":
        """What a sum or concatenation of two paths sees; None where their jumps differ."""
        if self.jump != other.jump:
            return None
        start = min(self.start, other.start)
        end = max(self.start + self.size, other.start + other.size)
        return ReceptiveField(end - start, self.jump, start)


def checked_shape(where: str, shape: object) -> Shape:
    """A shape that people wrote, as a tuple of plain ints.

    Raises:
        ShapeError: it is none of the shapes that this module's docstring lists.
    """
    sizes = tuple(shape) if isinstance(shape, tuple | list) else (shape,)
    whole = all(isinstance(size, Integral) and int(size) > 0 for size in sizes)
    if whole and 1 <= len(sizes) <= 4:
        return tuple(int(size) for size in sizes)
    fix = ""
    if len(sizes) == 4:
        fix = f"Leave out the batch axis: {sizes[1:]}."
    raise ShapeError(
        "shape-bad-input",
        f"{where}: an input shape is (height, width, channels) or (features,), all whole numbers "
        f"≥ 1, got {shape!r}.",
        fix,
    )


def written(shape: Shape) -> str:
    """A shape as people say it.

    >>> written((28, 28, 1))
    '28×28×1'
    """
    return "×".join(map(str, shape)) if len(shape) > 1 else f"{shape[0]} features"
