"""What convolution and pooling share: where a window stands and what lies under it.

Along one axis, with kernel F, stride S, dilation D and P zeros added on both sides together:

    span       F' = (F - 1) D + 1
    positions  floor((W - F' + P) / S) + 1
    under position i, tap f: pixel i S + f D of the padded input
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from striate.errors import ShapeError, UsageError
from striate.shapes import Pair, effective_kernel, output_size, same_padding, written

Array = NDArray[np.float64]
Place = tuple[int, ...]
Padding = Literal["valid", "same", "full"] | int | Sequence[int]


def numbers(values: ArrayLike) -> Array:
    """Anything that holds numbers (an array, lists, a torch tensor) as float64."""
    detach: Any = getattr(values, "detach", None)
    return np.asarray(detach().cpu() if detach else values, dtype=np.float64)


@dataclass(frozen=True)
class Window:
    """A window over an input of `size`; every tuple has one entry an axis.

    Args:
        borders: pixels added (before, after).
        positions: places where the window can stand, which is the size of the output.
    """

    size: Place
    kernel: Place
    stride: Place
    dilation: Place
    borders: tuple[Pair, ...]
    positions: Place

    @property
    def axes(self) -> int:
        return len(self.size)

    def pad(self, x: Array, fill: float = 0.0) -> Array:
        """[…, *size] -> […, *padded size]: the borders added to the last axes."""
        rest = ((0, 0),) * (x.ndim - self.axes)
        return np.pad(x, (*rest, *self.borders), constant_values=fill)

    def crop(self, padded: Array) -> Array:
        """[…, *padded size] -> […, *size]: the borders taken away again."""
        inside = (slice(before, before + n) for (before, _), n in self._axes(self.size))
        return padded[_last(inside)]

    def places(self) -> Iterator[Place]:
        """Every position, the last axis first."""
        return product(*map(range, self.positions))

    def taps(self) -> Iterator[Place]:
        """Every place in the kernel, the last axis first."""
        return product(*map(range, self.kernel))

    def under(self, padded: Array, place: Place) -> Array:
        """[…, *padded size] -> […, *kernel]: what the window covers at one position."""
        covered = (
            slice(at * stride, at * stride + effective_kernel(taps, apart), apart)
            for at, stride, taps, apart in zip(
                place, self.stride, self.kernel, self.dilation, strict=True
            )
        )
        return padded[_last(covered)]

    def pixel(self, place: Place, tap: Place) -> Place:
        """The input's pixel that a tap reads; outside 0..size-1 in the border."""
        return tuple(
            at * stride + f * apart - before
            for at, f, stride, apart, (before, _) in zip(
                place, tap, self.stride, self.dilation, self.borders, strict=True
            )
        )

    def holds(self, pixel: Place) -> bool:
        """Whether a pixel lies in the input and not in its border."""
        return all(0 <= at < n for at, n in zip(pixel, self.size, strict=True))

    def patches(self, padded: Array) -> Array:
        """[…, *padded size] -> […, *kernel, *positions]: all that lies under all positions."""
        out = np.empty((*padded.shape[: -self.axes], *self.kernel, *self.positions))
        for tap in self.taps():
            out[_before_last(tap, self.axes)] = padded[self._read_by(tap)]
        return out

    def gather(self, patches: Array) -> Array:
        """[…, *kernel, *positions] -> […, *padded size]: each pixel the sum of what read it.

        The transpose of `patches`, for the way back.
        """
        leading = patches.shape[: -2 * self.axes]
        padded = (n + sum(border) for border, n in self._axes(self.size))
        out = np.zeros((*leading, *padded))
        for tap in self.taps():
            out[self._read_by(tap)] += patches[_before_last(tap, self.axes)]
        return out

    def _read_by(self, tap: Place) -> Any:
        """The pixels that one tap reads over all positions, as slices of the padded input."""
        read = (
            slice(f * apart, f * apart + (n - 1) * stride + 1, stride)
            for f, apart, n, stride in zip(
                tap, self.dilation, self.positions, self.stride, strict=True
            )
        )
        return _last(read)

    def _axes(self, sizes: Place) -> Iterator[tuple[Pair, int]]:
        return zip(self.borders, sizes, strict=True)


def window(
    where: str,
    size: Place,
    kernel: Place,
    stride: int | Sequence[int] = 1,
    padding: Padding = "valid",
    dilation: int | Sequence[int] = 1,
) -> Window:
    """The window for an input of this size.

    Args:
        where: who asks, for messages.
        padding: "valid" adds nothing, "same" enough for ceil(size / stride) outputs as TensorFlow
            pads, "full" a kernel less one on each side; a number, or one an axis, is added on
            each side.
    Raises:
        ShapeError: the kernel does not fit.
        UsageError: a stride, dilation or padding is none.
    """
    strides = per_axis(where, "stride", stride, len(size))
    dilations = per_axis(where, "dilation", dilation, len(size))
    spans = tuple(map(effective_kernel, kernel, dilations))
    borders = _borders(where, size, kernel, strides, padding, dilations)
    positions = tuple(map(output_size, size, kernel, strides, borders, dilations))
    if min(positions) < 1:
        raise ShapeError(
            "shape-window-too-large",
            f"{where}: a kernel that spans {_sizes(spans)} does not fit into an input of "
            f"{_sizes(size)} with borders {list(borders)}.",
            'Use padding="same", or a smaller kernel.',
        )
    return Window(size, kernel, strides, dilations, borders, positions)


def per_axis(
    where: str, name: str, value: int | Sequence[int], axes: int, least: int = 1
) -> tuple[int, ...]:
    """One number for every axis, or one each.

    Raises:
        UsageError: not as many as there are axes, or less than `least`.
    """
    each = (value,) * axes if isinstance(value, int) else tuple(value)
    if len(each) != axes or any(number < least for number in each):
        raise UsageError(
            "usage-byhand-setting",
            f"{where}: {name} must be a whole number ≥ {least}, or {axes} of them, got {value!r}.",
        )
    return each


def _last(index: Iterable[Any]) -> Any:
    """An index of the last axes."""
    return (..., *index)


def _before_last(index: Iterable[Any], axes: int) -> Any:
    """An index of the axes before the last ones."""
    return (..., *index, *[slice(None)] * axes)


def _borders(
    where: str, size: Place, kernel: Place, stride: Place, padding: Padding, dilation: Place
) -> tuple[Pair, ...]:
    if padding == "valid":
        return ((0, 0),) * len(size)
    if padding == "same":
        return tuple(map(same_padding, size, kernel, stride, dilation))
    if padding == "full":
        return tuple((span - 1, span - 1) for span in map(effective_kernel, kernel, dilation))
    if isinstance(padding, str):
        raise UsageError(
            "usage-byhand-setting",
            f'{where}: padding must be "valid", "same", "full" or numbers, got {padding!r}.',
        )
    return tuple((n, n) for n in per_axis(where, "padding", padding, len(size), least=0))


def _sizes(sizes: Place) -> str:
    return written(sizes) if len(sizes) > 1 else str(sizes[0])
