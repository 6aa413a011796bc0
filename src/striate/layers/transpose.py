"""Transposed convolution: from small maps to large ones."""

from dataclasses import dataclass, field
from typing import Any

from torch import nn

from striate.errors import ShapeError
from striate.layers._layer import Sizes, with_axes
from striate.layers.convolution import Grouped, Maker
from striate.nn import ConvTranspose1dSame, ConvTranspose2dSame, ConvTranspose3dSame
from striate.shapes import Shape, spread, transposed_size, written

_PLAIN: dict[int, Maker] = {
    1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d,
}  # fmt: skip
_SAME: dict[int, Maker] = {
    1: ConvTranspose1dSame, 2: ConvTranspose2dSame, 3: ConvTranspose3dSame,
}  # fmt: skip


@dataclass(frozen=True)
class _ConvTranspose(Grouped):
    """Paint every input value as a scaled kernel, `strides` apart, and add up where they meet.

    It runs a convolution of the same options backwards, so it undoes its sizes, not its values.

        valid: size' = (size - 1) * stride + max(kernel, stride);  same: size' = size * stride

    Shape: (…, channels) -> (…', filters).
    Args:
        padding: "valid" crops nothing; "same" crops to size * stride, the odd pixel at the end,
            exactly as TensorFlow does; a number, or one for each axis, crops that many pixels on
            each side of what "valid" gives.
        output_padding: pixels added at the end of each axis, below `strides`; only with `padding`
            in numbers, where it replaces the stride that "valid" keeps free: as in PyTorch.
        filters, kernel_size, strides, dilation_rate, groups, activation: as in `Conv2D`.
    Raises:
        ShapeError: a size is not a whole number, nothing is left, or the groups do not fit.
        UnknownName: no activation, initializer or penalty has that name.
    Source: Dumoulin and Visin 2016, "A guide to convolution arithmetic", arXiv:1603.07285, ch. 4.
    """

    output_padding: Sizes | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.output_padding is not None:
            self._check_output_padding()

    def _check_output_padding(self) -> None:
        self._check_window("output_padding", least=0)
        if isinstance(self.padding, str):
            self._refuse("padding", self.padding, "in numbers where there is an output_padding")
        added, strides = spread(self.output_padding or 0, self.rank), self.window.stride
        if any(more >= step for more, step in zip(added, strides, strict=True)):
            self._refuse("output_padding", self.output_padding, f"below strides={self.strides}")

    @property
    def _added(self) -> tuple[int, ...]:
        """Pixels at the end of each axis that no kernel paints."""
        if self.output_padding is not None:
            return spread(self.output_padding, self.rank)
        pairs = zip(self.window.stride, self.window.spans, strict=True)
        return tuple(max(stride - span, 0) for stride, span in pairs)

    def output_shape(self, shape: Shape, where: str = "") -> Shape:
        self._check_groups(shape, where)
        output = (*map(self._along, range(self.rank), shape[:-1]), self.filters)
        if min(output) >= 1:
            return output
        raise ShapeError(
            "shape-window-too-large",
            f"{where or self.kind}: padding={self.padding} crops away all that an input of "
            f"{with_axes(shape)} gives; the output would be "
            f"{written(tuple(max(size, 0) for size in output))}.",
            'Use padding="valid" or "same", or a smaller number.',
        )

    def _along(self, axis: int, size: int) -> int:
        window = self.window
        stride, span = window.stride[axis], window.spans[axis]
        if window.padding is None:
            return size * stride
        crop = (window.padding[axis], window.padding[axis])
        return transposed_size(size, span, stride, crop) + self._added[axis]

    def modules(self, shape: Shape) -> dict[str, nn.Module]:
        window = self.window
        same = window.padding is None
        options: dict[str, Any] = {"dilation": window.dilation, "groups": self.groups}
        if not same:
            options |= {"padding": window.padding, "output_padding": self._added}
        make = (_SAME if same else _PLAIN)[self.rank]
        sizes = (shape[-1], self.filters, window.kernel, window.stride)
        return self._then_activation({"": self._begun(make(*sizes, bias=self.use_bias, **options))})


@dataclass(frozen=True)
class Conv1DTranspose(_ConvTranspose):
    """Transposed convolution over (steps, channels); all else as in `Conv2DTranspose`."""

    rank = 1


@dataclass(frozen=True)
class Conv2DTranspose(_ConvTranspose):
    __doc__ = _ConvTranspose.__doc__
    rank = 2


@dataclass(frozen=True)
class Conv3DTranspose(_ConvTranspose):
    """Transposed convolution over (depth, height, width, channels); as in `Conv2DTranspose`."""

    rank = 3
