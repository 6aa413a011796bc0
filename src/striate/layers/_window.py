"""What convolution and pooling share: a window that moves over a feature map."""

from dataclasses import dataclass
from math import ceil

from striate.errors import ShapeError
from striate.shapes import Pair, Shape, effective_kernel, output_size, written


@dataclass(frozen=True)
class Window:
    """All as (height, width); `padding` is per side, None for "same"."""

    kernel: Pair
    stride: Pair
    padding: Pair | None
    dilation: Pair = (1, 1)

    def positions(self, height: int, width: int) -> Pair:
        """Rows and columns of the output; 0 or less where the window does not fit."""
        return self._along(0, height), self._along(1, width)

    def _along(self, axis: int, size: int) -> int:
        if self.padding is None:
            return ceil(size / self.stride[axis])
        border = (self.padding[axis], self.padding[axis])
        return output_size(size, self.kernel[axis], self.stride[axis], border, self.dilation[axis])

    def moved_over(self, shape: Shape, channels: int, where: str, noun: str) -> Shape:
        """The output shape for an input (height, width, …).

        Raises:
            ShapeError: the window is larger than the padded input.
        """
        output = (*self.positions(shape[0], shape[1]), channels)
        if min(output) >= 1:
            return output
        empty = tuple(max(size, 0) for size in output)
        spans = tuple(map(effective_kernel, self.kernel, self.dilation))
        raise ShapeError(
            "shape-window-too-large",
            f"{where}: a {noun} of {written(spans)} does not fit into its input of "
            f"{written(shape)} (height×width×channels); the output would be {written(empty)}.",
            self._fix(shape, noun),
        )

    def _fix(self, shape: Shape, noun: str) -> str:
        if shape[0] <= 4 < min(shape[1:]):
            turned = (shape[1], shape[2], shape[0])
            return f"Shapes are (height, width, channels); did you mean {turned}?"
        return f'Use padding="same", a smaller {noun}, or fewer strides and poolings before it.'
