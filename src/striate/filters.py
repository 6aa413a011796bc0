"""The classic image kernels by name, and how to run a kernel over a picture.

Networks compute *cross-correlation*: the kernel is laid on the picture as it is written.
*Convolution* proper turns it by 180° first: `I * K = I ⋆ rot180(K)`. Both are offered.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from striate.errors import ShapeError, UsageError, unknown_name

Floats = NDArray[np.float64]
Mode = Literal["correlation", "convolution"]
Padding = Literal["reflect", "edge", "zero", "same", "valid"]
Shown = Literal["clipped", "signed", "stretched"]
Numbers = tuple[tuple[float, ...], ...]

MODES: tuple[Mode, ...] = ("correlation", "convolution")
BORDERS: Mapping[Padding, Literal["mirror", "nearest", "constant"]] = {  # as SciPy calls them
    "reflect": "mirror", "edge": "nearest", "zero": "constant", "same": "constant",
    "valid": "constant",
}  # fmt: skip


@dataclass(frozen=True)
class Kernel:
    """A kernel as books print it: rows of numbers, over a common divisor.

    Args:
        numbers: the rows, before the division.
        about: what it does to a picture, in a few words.
        shown: how its answers become a picture; see `to_uint8`.

    >>> KERNELS["gaussian"].weights[0].tolist()
    [0.0625, 0.125, 0.0625]
    """

    numbers: Numbers
    divisor: float = 1
    about: str = ""
    shown: Shown = "clipped"

    @property
    def weights(self) -> Floats:
        """What the pixels are multiplied by, float64 [rows, columns]."""
        return np.array(self.numbers, np.float64) / self.divisor

    def transposed(self, about: str) -> "Kernel":
        """Rows and columns exchanged."""
        return Kernel(tuple(zip(*self.numbers, strict=True)), self.divisor, about, self.shown)

    def __str__(self) -> str:
        rows = " / ".join(" ".join(f"{n:g}" for n in row) for row in self.numbers)
        return rows if self.divisor == 1 else f"{rows} ÷ {self.divisor:g}"


def brighten(gain: float) -> Kernel:
    """The identity times `gain`: every pixel brighter (above 1) or darker (below 1)."""
    return Kernel(((0, 0, 0), (0, gain, 0), (0, 0, 0)), about=f"every pixel × {gain:g}")


_SOBEL = Kernel(((1, 0, -1), (2, 0, -2), (1, 0, -1)), 1, "left − right: upright edges", "signed")
_GRADIENT = Kernel(((-1, 1), (-1, 1)), 1, "right − left: upright edges", "signed")

KERNELS: Mapping[str, Kernel] = {
    "identity": Kernel(((0, 0, 0), (0, 1, 0), (0, 0, 0)), about="nothing changes"),
    "edge_corners": Kernel(
        ((1, 0, -1), (0, 0, 0), (-1, 0, 1)), 1, "corners and slanting edges", "signed"
    ),
    "edge_cross": Kernel(
        ((0, 1, 0), (1, -4, 1), (0, 1, 0)), 1, "edges: the four neighbours − 4 × self", "signed"
    ),
    "edge_all": Kernel(
        ((-1, -1, -1), (-1, 8, -1), (-1, -1, -1)), 1, "edges in every direction", "signed"
    ),
    "sharpen": Kernel(((0, -1, 0), (-1, 5, -1), (0, -1, 0)), about="edges added to the picture"),
    "strong_sharpen": Kernel(
        ((0, -3, 0), (-3, 21, -3), (0, -3, 0)), 9, "sharper: a third of the edges added"
    ),
    "box_blur": Kernel(((1,) * 3,) * 3, 9, "the mean of 3×3 pixels"),
    "low_pass": Kernel(((1,) * 8,) * 8, 64, "the mean of 8×8 pixels: fine detail is lost"),
    "gaussian": Kernel(((1, 2, 1), (2, 4, 2), (1, 2, 1)), 16, "a soft blur"),
    "sobel_x": _SOBEL,
    "sobel_y": _SOBEL.transposed("top − bottom: level edges"),
    "gradient_x": _GRADIENT,
    "gradient_y": Kernel(
        ((-1, -1), (1, 1)), 1, "bottom − top: level edges", "signed"
    ),
    "plus": Kernel(
        ((0, 1, 0), (1, 1, 1), (0, 1, 0)), 1, "brightest where there is a plus sign", "stretched"
    ),
    "brighten": brighten(1.5),
}  # fmt: skip
MAGNITUDES: Mapping[str, tuple[str, str]] = {  # the length of a gradient, √(x² + y²)
    "sobel": ("sobel_x", "sobel_y"),
    "gradient": ("gradient_x", "gradient_y"),
}
NAMES: tuple[str, ...] = (*KERNELS, *MAGNITUDES)


def apply(
    image: ArrayLike,
    kernel: str | Kernel | ArrayLike,
    *,
    mode: Mode = "correlation",
    padding: Padding = "reflect",
) -> Floats:
    """Run a kernel over a picture, each channel by itself; nothing is rounded, cut or scaled.

        correlation: out[i, j] = Σ image[i + a, j + b] · kernel[a, b]
        convolution: the same with the kernel turned by 180°

    Shape: image [H, W] or [H, W, C] -> the same; with "valid" [H - h + 1, W - w + 1(, C)] for a
        kernel of h rows and w columns.
    Args:
        kernel: a name of `NAMES`, a `Kernel`, or numbers [h, w]. "sobel" and "gradient" are the
            length √(x² + y²) of the answers to their `_x` and `_y`.
        padding: what lies outside the picture. "reflect" mirrors it, "edge" repeats its last
            pixels, "zero" and "same" (as in a network) put zeros; "valid" keeps only what the
            kernel covers wholly inside. An even kernel has its odd row or column to the right
            and below, as TensorFlow pads.
    Raises:
        UnknownName: no kernel, mode or padding has that name.
        ShapeError: the picture is no [H, W(, C)], the kernel no [h, w], or it does not fit inside.

    >>> apply([[1, 2, 4]], [[-1, 1]], padding="valid").tolist()
    [[1.0, 2.0]]
    """
    if mode not in MODES:
        raise unknown_name("mode", mode, MODES)
    if padding not in BORDERS:
        raise unknown_name("padding", padding, BORDERS)
    pixels = _numbers("The picture", image)
    if pixels.ndim not in (2, 3) or not pixels.size:
        raise ShapeError(
            "shape-picture",
            f"A picture must be [H, W] or [H, W, C], got {list(pixels.shape)}.",
            "Filter several pictures one by one.",
        )
    if isinstance(kernel, str) and kernel in MAGNITUDES:
        across, down = MAGNITUDES[kernel]
        return np.hypot(
            apply(pixels, across, mode=mode, padding=padding),
            apply(pixels, down, mode=mode, padding=padding),
        )
    weights = _weights(kernel)
    if mode == "convolution":
        weights = weights[::-1, ::-1]
    return _correlate(pixels, weights, padding)


def to_uint8(answers: ArrayLike, shown: Shown, *, limit: float | None = None) -> NDArray[np.uint8]:
    """What a kernel answers, as a picture to look at.

    Args:
        answers: what `apply` gives for a picture of 0..255.
        shown: "clipped": values are kept, rounded, and cut off at 0 and 255 (blur, sharpen).
            "signed": 0 becomes grey 128, `limit` becomes 255 and −`limit` becomes 1, so that dark
            is negative and bright positive (edges). "stretched": 0 becomes black and `limit`
            white (lengths of gradients, detectors).
        limit: the answer that becomes white, for the last two; None is the one farthest from 0.

    >>> to_uint8([[-20, 0, 10]], "signed").tolist()
    [[1, 128, 192]]
    """
    values = _numbers("The answers", answers)
    most = (limit if limit is not None else np.abs(values).max(initial=0)) or 1
    if shown == "signed":
        values = 128 + values * (127 / most)
    elif shown == "stretched":
        values = values * (255 / most)
    elif shown != "clipped":
        raise unknown_name("way to show", shown, ("clipped", "signed", "stretched"))
    return np.rint(values.clip(0, 255)).astype(np.uint8)


def shown_as(kernel: str | Kernel | ArrayLike) -> Shown:
    """How the answers of a kernel are best looked at; numbers that sum to 0 find edges."""
    if isinstance(kernel, str) and kernel in MAGNITUDES:
        return "stretched"
    if isinstance(kernel, str):
        return named(kernel).shown
    if isinstance(kernel, Kernel):
        return kernel.shown
    weights = _weights(kernel)
    return "signed" if abs(weights.sum()) < 1e-9 * np.abs(weights).sum() else "clipped"


def named(name: str) -> Kernel:
    """The kernel of that name.

    Raises:
        UnknownName: there is none; the closest names are given.
    """
    if name not in KERNELS:
        raise unknown_name("kernel", name, NAMES)
    return KERNELS[name]


def parse(text: str) -> str | Kernel:
    """A name of `NAMES`, or a kernel written as its rows with "/" between them.

    Raises:
        UnknownName: it is no name and no rows of numbers.
        UsageError: the rows differ in length, or a number is not finite.

    >>> parse("0 1 0/1 -4 1/0 1 0").weights.sum()
    np.float64(0.0)
    """
    if text in NAMES:
        return text
    try:
        rows = tuple(tuple(map(float, row.replace(",", " ").split())) for row in text.split("/"))
    except ValueError:
        raise unknown_name("kernel", text, NAMES) from None
    if len({len(row) for row in rows}) > 1 or not rows[0]:
        raise UsageError(
            "filter-ragged",
            f"The rows of a kernel must have equally many numbers, got {text!r}.",
            'Write rows with "/" between them: "0 1 0/1 -4 1/0 1 0".',
        )
    if not np.isfinite(rows).all():
        raise UsageError(
            "filter-not-finite", f"The numbers of a kernel must be finite, got {text!r}."
        )
    return Kernel(rows, about="a kernel of your own", shown=shown_as(np.array(rows)))


def _weights(kernel: str | Kernel | ArrayLike) -> Floats:
    if isinstance(kernel, str):
        return named(kernel).weights
    weights = kernel.weights if isinstance(kernel, Kernel) else _numbers("A kernel", kernel)
    if weights.ndim != 2 or not weights.size:
        raise ShapeError(
            "shape-kernel",
            f"A kernel must be rows of numbers, [h, w], got {list(weights.shape)}.",
            "Each channel gets the same kernel; there is no third axis.",
        )
    return weights


def _correlate(pixels: Floats, weights: Floats, padding: Padding) -> Floats:
    from scipy import ndimage  # here, since it takes a while

    (height, width), (rows, columns) = pixels.shape[:2], weights.shape
    if padding == "valid" and (rows > height or columns > width):
        raise ShapeError(
            "shape-kernel-too-large",
            f"A kernel of {rows}×{columns} does not fit inside a picture of {height}×{width}.",
            'Use padding="reflect", or a larger picture.',
        )
    centred = np.pad(weights, ((1 - rows % 2, 0), (1 - columns % 2, 0)))  # even: a row of zeros
    if pixels.ndim == 3:
        centred = centred[..., None]
    found: Floats = ndimage.correlate(pixels, centred, mode=BORDERS[padding])
    if padding == "valid":
        top, left = (rows - 1) // 2, (columns - 1) // 2
        found = found[top : top + height - rows + 1, left : left + width - columns + 1]
    return found


def _numbers(what: str, values: Any) -> Floats:
    try:
        return np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise UsageError(
            "filter-not-numbers", f"{what} must be an array of numbers, got {values!r:.60}."
        ) from None
