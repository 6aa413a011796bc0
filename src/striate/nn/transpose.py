"""Transposed convolution that undoes the sizes of "same" padding."""

from typing import ClassVar

from torch import Tensor, nn
from torch.nn.modules.conv import _ConvTransposeNd

from striate.shapes import effective_kernel, spread


class _ConvTransposeSame(_ConvTransposeNd):
    """The transpose of a convolution padded as TensorFlow pads "same".

    It paints every input value as a scaled kernel, `stride` pixels apart, and crops
    max(F' - stride, 0) pixels: half of them before, the odd one after the last.

    Shape: [N, in_channels, …] -> [N, out_channels, …], every axis of size * stride.
    Args:
        kernel_size: pixels; one number or one for each axis. So too `stride` and `dilation`.
    Source: tf.nn.conv_transpose is defined as the gradient of tf.nn.convolution.
    """

    rank: ClassVar[int]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] = 1,
        dilation: int | tuple[int, ...] = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        kernel, step = spread(kernel_size, self.rank), spread(stride, self.rank)
        spans = tuple(map(effective_kernel, kernel, spread(dilation, self.rank)))
        pairs = list(zip(spans, step, strict=True))
        super().__init__(  # type: ignore[call-arg]  # the torch class that each class below names
            in_channels,
            out_channels,
            kernel,
            stride=step,
            padding=tuple(max(span - each, 0) // 2 for span, each in pairs),
            output_padding=tuple(max(each - span, 0) for span, each in pairs),
            groups=groups,
            bias=bias,
            dilation=spread(dilation, self.rank),
        )

    def forward(self, x: Tensor) -> Tensor:
        painted = super().forward(x)
        for axis, (size, step) in enumerate(zip(x.shape[2:], self.stride, strict=True), start=2):
            painted = painted.narrow(axis, 0, size * step)  # drops the odd pixel after the last
        return painted


class ConvTranspose1dSame(_ConvTransposeSame, nn.ConvTranspose1d):  # type: ignore[misc]  # no output_size here
    """Transposed convolution padded as TensorFlow pads "same", over [N, C, L]."""

    rank = 1


class ConvTranspose2dSame(_ConvTransposeSame, nn.ConvTranspose2d):  # type: ignore[misc]  # no output_size here
    """Transposed convolution padded as TensorFlow pads "same", over [N, C, H, W]."""

    rank = 2


class ConvTranspose3dSame(_ConvTransposeSame, nn.ConvTranspose3d):  # type: ignore[misc]  # no output_size here
    """Transposed convolution padded as TensorFlow pads "same", over [N, C, D, H, W]."""

    rank = 3
