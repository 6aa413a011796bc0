"""Filter: what does a kernel do to this picture?"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from striate import filters
from striate.data import decode
from striate.errors import DataError
from striate.files import write_atomic
from striate.report.filtered import Grid, Side, draw_filtered
from striate.tasks.request import FilterRequest

SIGNS = {"correlation": "⋆", "convolution": "∗"}
WHITE = 99.5  # percent of the answers that are no farther from 0 than what is drawn white


@dataclass(frozen=True)
class Filtered:
    """Where the drawing lies, and the answers of the kernel before they were made a picture.

    Args:
        answers: float64 [H, W, C].
    """

    path: Path
    kernel: str
    answers: NDArray[np.float64]

    def to_json(self) -> dict[str, Any]:
        return {
            "path": str(self.path),
            "kernel": self.kernel,
            "shape": list(self.answers.shape),
            "lowest": float(self.answers.min()),
            "highest": float(self.answers.max()),
        }


def carry_out(request: FilterRequest) -> Filtered:
    """Filter a picture and write the drawing.

    Raises:
        UnknownName: no kernel has that name.
        DataError: the picture cannot be read.
        ShapeError: the kernel does not fit inside the picture, and the padding is "valid".
    """
    kernel = filters.parse(request.kernel)
    picture = _read(request)
    answers = filters.apply(picture, kernel, mode=request.mode, padding=request.padding)
    name = kernel if isinstance(kernel, str) else "kernel"
    path = request.output or Path(f"{request.image.stem}-{name}.png")
    shown = filters.shown_as(kernel)
    height, width = picture.shape[:2]
    before = Side(picture, request.image.name, f"{width} × {height} pixels")
    limit = _white(answers)
    after = Side(
        filters.to_uint8(answers, shown, limit=limit),
        _about(kernel),
        _legend(answers, shown, limit),
    )
    write_atomic(path, draw_filtered(before, _grids(kernel), SIGNS[request.mode], after))
    return Filtered(path, name, answers)


def _read(request: FilterRequest) -> NDArray[np.uint8]:
    """The picture, uint8 [H, W, C], no larger than asked."""
    try:
        content = request.image.read_bytes()
    except OSError as error:
        raise DataError(
            "data-unreadable",
            f"Cannot read {request.image}: {error.strerror or error}.",
            "Name an image file.",
        ) from error
    channels = 1 if request.grey else None
    pixels = decode(content, channels=channels, where=str(request.image)).pixels
    longest = max(pixels.shape[:2])
    if not request.side or longest <= request.side:
        return pixels
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    image.thumbnail((request.side, request.side), Image.Resampling.LANCZOS)
    return np.array(image).reshape(image.height, image.width, -1)


def _grids(kernel: str | filters.Kernel) -> list[Grid]:
    if isinstance(kernel, filters.Kernel):
        return [_grid("kernel", kernel)]
    names = filters.MAGNITUDES.get(kernel, (kernel,))
    return [_grid(name, filters.named(name)) for name in names]


def _grid(name: str, kernel: filters.Kernel) -> Grid:
    return Grid(name, np.array(kernel.numbers, np.float64), kernel.divisor)


def _about(kernel: str | filters.Kernel) -> str:
    if isinstance(kernel, str) and kernel in filters.MAGNITUDES:
        return "edges in every direction: √(x² + y²)"
    return (kernel if isinstance(kernel, filters.Kernel) else filters.named(kernel)).about


def _white(answers: NDArray[np.float64]) -> float:
    """The answer that is drawn white: the largest but for a few, which would leave the rest dim."""
    sizes = np.abs(answers)
    return float(np.percentile(sizes, WHITE) or sizes.max())


def _legend(answers: NDArray[np.float64], shown: filters.Shown, limit: float) -> str:
    """How the greys of the answer are to be read."""
    if shown == "signed":
        return f"black −{limit:,.4g} · grey 0 · white +{limit:,.4g}, and beyond"
    if shown == "stretched":
        return f"black 0 · white {limit:,.4g} and more"
    cut = float(np.mean((answers < 0) | (answers > 255)))
    return f"values as they are{f', {cut:.1%} cut off at 0 or 255' if cut else ''}"
