"""What convolution and pooling share: a window that moves over a feature map."""

from dataclasses import dataclass
from math import ceil

from striate.errors import ShapeError
from striate.layers._layer import Padding, Sizes, numeric_padding, with_axes
from striate.shapes import Shape, effective_kernel, output_size, spread, written


@dataclass(frozen=True)
class Window:
    """One number for each axis; `padding` is per side, None for "same"."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...] | None
    dilation: tuple[int, ...]

    @classmethod
    def of(
        cls, rank: int, kernel: Sizes, strides: Sizes, padding: Padding, dilation: Sizes = 1
    ) -> "Window":
        """The window that a layer's options describe."""
        borders = numeric_padding(padding, rank)
        return cls(spread(kernel, rank), spread(strides, rank), borders, spread(dilation, rank))

    @property
    def spans(self) -> tuple[int, ...]:
        """Pixels from the first to the last that the window reads."""
        return tuple(map(effective_kernel, self.kernel, self.dilation))

    @property
    def symmetric_padding(self) -> tuple[int, ...] | None:
        """`padding`, or that of "same" where it is alike on both sides for every input."""
        if self.padding is not None:
            return self.padding
        if any(step > 1 for step in self.stride) or any(span % 2 == 0 for span in self.spans):
            return None
        return tuple(span // 2 for span in self.spans)

    def positions(self, sizes: Shape) -> Shape:
        """Where the window fits along each axis; 0 or less where it does not."""
        return tuple(self._along(axis, size) for axis, size in enumerate(sizes))

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
        output = (*self.positions(shape[:-1]), channels)
        if min(output) >= 1:
            return output
        empty = tuple(max(size, 0) for size in output)
        raise ShapeError(
            "shape-window-too-large",
            f"{where}: a {noun} of {'×'.join(map(str, self.spans))} does not fit into its input "
            f"of {with_axes(shape)}; the output would be {written(empty)}.",
            self._fix(shape, noun),
        )

    def _fix(self, shape: Shape, noun: str) -> str:
        if len(shape) == 3 and shape[0] <= 4 < min(shape[1:]):
            turned = (shape[1], shape[2], shape[0])
            return f"Shapes are (height, width, channels); did you mean {turned}?"
        return f'Use padding="same", a smaller {noun}, or fewer strides and poolings before it.'
