"""Pooling over feature maps."""

from dataclasses import dataclass

from torch import nn

from striate.errors import ShapeError
from striate.layers._layer import Layer, Padding, feature_map, numeric_padding
from striate.layers._window import Window
from striate.nn import AvgPool2dSame, MaxPool2dSame
from striate.shapes import Pair, Shape, pair


@dataclass(frozen=True)
class _Pooling2D(Layer):
    pool_size: int | Pair = 2
    strides: int | Pair | None = None
    padding: Padding = "valid"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_window("pool_size")
        if self.strides is not None:
            self._check_window("strides")
        self._check_padding()
        borders = numeric_padding(self.padding) or (0, 0)
        if any(
            border > size // 2 for border, size in zip(borders, pair(self.pool_size), strict=True)
        ):
            raise ShapeError(
                "shape-padding-too-wide",
                f"{self.kind}: padding must be at most half of pool_size, got "
                f"padding={self.padding!r} and pool_size={self.pool_size!r}.",
                'Use padding="same", or a larger pool_size.',
            )

    @property
    def window(self) -> Window:
        size = pair(self.pool_size)
        stride = size if self.strides is None else pair(self.strides)
        return Window(size, stride, numeric_padding(self.padding))

    def output_shape(self, shape: Shape, where: str = "") -> Shape:
        channels = feature_map(self, shape, where)[2]
        return self.window.moved_over(shape, channels, where or self.kind, "pool_size")


@dataclass(frozen=True)
class MaxPooling2D(_Pooling2D):
    """The largest value in each window; padding never wins.

    Shape: (height, width, channels) -> (height', width', channels).
    Args:
        pool_size: pixels; one number or (height, width).
        strides: pixels between windows; None is `pool_size`.
        padding: as in `Conv2D`; in numbers at most half of `pool_size`.
    """

    def modules(self, shape: Shape) -> dict[str, nn.Module]:  # noqa: ARG002
        window = self.window
        if window.padding is None:
            return {"": MaxPool2dSame(window.kernel, window.stride)}
        return {"": nn.MaxPool2d(window.kernel, window.stride, window.padding)}


@dataclass(frozen=True)
class AveragePooling2D(_Pooling2D):
    """The mean of each window over the pixels that exist: padding is not counted.

    Shape and Args: as in `MaxPooling2D`.
    """

    def modules(self, shape: Shape) -> dict[str, nn.Module]:  # noqa: ARG002
        window = self.window
        if window.padding is None:
            return {"": AvgPool2dSame(window.kernel, window.stride)}
        return {
            "": nn.AvgPool2d(window.kernel, window.stride, window.padding, count_include_pad=False)
        }


@dataclass(frozen=True)
class GlobalAveragePooling2D(Layer):
    """The mean of every channel over the whole map. Shape: (height, width, k) -> (k,)."""

    def output_shape(self, shape: Shape, where: str = "") -> Shape:
        return (feature_map(self, shape, where)[2],)

    def modules(self, shape: Shape) -> dict[str, nn.Module]:  # noqa: ARG002
        return {"": nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())}
