"""Convolution and cross-correlation of one signal or image with one kernel, in four ways.

Networks compute *cross-correlation*: the kernel is laid on the image, not turned. Convolution
proper turns it by 180° first. With dilation D and stride S, in one dimension:

    correlate   y[i] = sum_f k[f] x[i S + f D]
    convolve    y[i] = sum_f k[F-1-f] x[i S + f D],   so   convolve(x, k) = correlate(x, rot180(k))

All functions take one axis (signals), two (images) or more, and give the same numbers.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from striate.byhand._window import Array, Padding, Window, numbers, window
from striate.errors import ShapeError, unknown_name
from striate.shapes import effective_kernel


def correlate(
    x: ArrayLike,
    kernel: ArrayLike,
    padding: Padding = "valid",
    stride: int | Sequence[int] = 1,
    dilation: int | Sequence[int] = 1,
    *,
    method: str = "loops",
) -> Array:
    """Cross-correlation x ⋆ k: at every position, multiply what lies under the kernel and add up.

    Shape: x [*size], kernel [*kernel size] of as many axes -> [*positions].
    Args:
        padding: zeros around x: "valid" none; "same" as many as give ceil(size / stride) outputs,
            the odd one after; "full" so many that the kernel still touches x with one corner; or
            a number for each side.
        method: a name of `METHODS`: "loops", "im2col", "toeplitz" or "fft".
    Raises:
        ShapeError: x and kernel differ in their axes, or the kernel does not fit.
        UsageError: a stride, dilation or padding that is none.
        UnknownName: no such method.

    >>> correlate([1, 2, 3, 4], [1, 0, -1])
    array([-2., -2.])
    """
    signal, weights = numbers(x), numbers(kernel)
    if signal.ndim != weights.ndim or signal.ndim == 0:
        raise ShapeError(
            "shape-byhand-axes",
            f"correlate: x and kernel must have as many axes, got {list(signal.shape)} and "
            f"{list(weights.shape)}.",
            "For images with channels see conv.",
        )
    if method not in METHODS:
        raise unknown_name("way to correlate", method, METHODS)
    over = window("correlate", signal.shape, weights.shape, stride, padding, dilation)
    return METHODS[method](signal, weights, over)


def convolve(
    x: ArrayLike,
    kernel: ArrayLike,
    padding: Padding = "valid",
    stride: int | Sequence[int] = 1,
    dilation: int | Sequence[int] = 1,
    *,
    method: str = "loops",
) -> Array:
    """Convolution proper x * k = x ⋆ rot180(k). Args and Raises: as in `correlate`.

    >>> convolve([1, 2, 3, 4], [1, 0, -1])
    array([2., 2.])
    """
    return correlate(x, rot180(kernel), padding, stride, dilation, method=method)


def rot180(kernel: ArrayLike) -> Array:
    """A kernel turned by half a turn: flipped along every axis.

    >>> rot180([[1, 2], [3, 4]])
    array([[4., 3.],
           [2., 1.]])
    """
    return np.flip(numbers(kernel))


def toeplitz(
    kernel: ArrayLike,
    size: int | Sequence[int],
    padding: Padding = "valid",
    stride: int | Sequence[int] = 1,
    dilation: int | Sequence[int] = 1,
) -> Array:
    """The matrix T for which T x = x ⋆ k: a row an output, a column an input, mostly zeros.

        T[i, i S + f D - before] = k[f]

    In one dimension its diagonals are constant (a Toeplitz matrix); in two it is made of such
    blocks. Its transpose is the way back: dx = Tᵀ dy.

    Shape: -> [number of positions, number of pixels], both row by row.

    >>> toeplitz([1, 2, 3], 4, padding="same")
    array([[2., 3., 0., 0.],
           [1., 2., 3., 0.],
           [0., 1., 2., 3.],
           [0., 0., 1., 2.]])
    """
    weights = numbers(kernel)
    sizes = (size,) if isinstance(size, int) else tuple(size)
    return _toeplitz(weights, window("toeplitz", sizes, weights.shape, stride, padding, dilation))


def _loops(x: Array, kernel: Array, over: Window) -> Array:
    """The definition, term by term."""
    padded = over.pad(x)
    y = np.zeros(over.positions)
    for place in over.places():
        covered = over.under(padded, place)
        for tap in over.taps():
            y[place] += kernel[tap] * covered[tap]
    return y


def _im2col(x: Array, kernel: Array, over: Window) -> Array:
    """Every window as the column of a matrix; then one row times that matrix."""
    columns = over.patches(over.pad(x)).reshape(kernel.size, -1)  # [taps, positions]
    return (kernel.reshape(1, -1) @ columns).reshape(over.positions)


def _by_toeplitz(x: Array, kernel: Array, over: Window) -> Array:
    """The kernel as a matrix; then that matrix times one column."""
    return (_toeplitz(kernel, over) @ x.reshape(-1)).reshape(over.positions)


def _fft(x: Array, kernel: Array, over: Window) -> Array:
    """The convolution theorem: F(x * k) = F(x) F(k), with zeros so that nothing wraps around.

    It gives every full position at stride 1; of these the valid ones of the padded x are kept.
    """
    padded, spread = over.pad(x), rot180(_dilated(kernel, over.dilation))
    axes = tuple(range(x.ndim))
    full = tuple(n + span - 1 for n, span in zip(padded.shape, spread.shape, strict=True))
    spectrum = np.fft.rfftn(padded, full, axes) * np.fft.rfftn(spread, full, axes)
    y = np.fft.irfftn(spectrum, full, axes)
    kept = (
        slice(span - 1, n, stride)
        for span, n, stride in zip(spread.shape, padded.shape, over.stride, strict=True)
    )
    return y[tuple(kept)]


def _dilated(kernel: Array, dilation: tuple[int, ...]) -> Array:
    """A kernel with D - 1 zeros between its neighbours."""
    out = np.zeros(tuple(map(effective_kernel, kernel.shape, dilation)))
    out[tuple(slice(None, None, apart) for apart in dilation)] = kernel
    return out


def _toeplitz(kernel: Array, over: Window) -> Array:
    matrix = np.zeros((*over.positions, *over.size))
    for place in over.places():
        for tap in over.taps():
            if over.holds(pixel := over.pixel(place, tap)):
                matrix[(*place, *pixel)] = kernel[tap]
    return matrix.reshape(np.prod(over.positions), np.prod(over.size))


METHODS: dict[str, Callable[[Array, Array, Window], Array]] = {
    "loops": _loops,
    "im2col": _im2col,
    "toeplitz": _by_toeplitz,
    "fft": _fft,
}
"""Ways to compute `correlate`. All agree; they differ in time and memory."""
