"""Convolution, ReLU and max-pooling as one, whose backward pass skips what pooling dropped."""

import ctypes
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from striate.training.kernel import compiled

SOURCE = Path(__file__).with_suffix(".c")
LANES = 16  # values in a vector of the source
FEWEST_WEIGHTS = 25  # of one output; with fewer the dense way is as fast
MOST_VECTORS = 128  # in the kernel of one output
LARGEST_WINDOW = 15  # a place in it must be a byte, and not CUT of the source
GRAIN = 2**20  # multiply-adds that are worth a thread


@dataclass(frozen=True)
class Geometry:
    """What the source is compiled for: pixels, the same in both directions."""

    channels: int
    outputs: int
    kernel: int
    step: int
    window: int
    stride: int

    @property
    def row(self) -> int:
        """Values in a row of the kernel, with the zeros that fill its last vector."""
        return -(-self.kernel * self.channels // LANES) * LANES

    def pooled(self, size: Sequence[int]) -> tuple[int, int, int]:
        """Outputs, height and width of what comes from padded images [height, width]."""
        maps = [(side - self.kernel) // self.step + 1 for side in size]
        tall, wide = ((side - self.window) // self.stride + 1 for side in maps)
        return self.outputs, tall, wide

    @classmethod
    def of(cls, conv: nn.Module, pool: nn.Module) -> "Geometry | None":
        """That of a convolution and of the max-pooling after it; `None` if it is not for us."""
        if type(conv) is not nn.Conv2d or type(pool) is not nn.MaxPool2d:
            return None
        square = (conv.kernel_size, conv.stride, _pair(pool.kernel_size), _pair(pool.stride))
        known = (
            conv.groups == 1
            and conv.padding_mode == "zeros"
            and not isinstance(conv.padding, str)
            and _pair(conv.dilation) == _pair(pool.dilation) == (1, 1)
            and _pair(pool.padding) == (0, 0)
            and not (pool.ceil_mode or pool.return_indices)
            and all(tall == wide for tall, wide in square)
        )
        if not known:
            return None
        geometry = cls(conv.in_channels, conv.out_channels, *(tall for tall, _ in square))
        pays = (
            conv.in_channels * geometry.kernel**2 >= FEWEST_WEIGHTS
            and geometry.kernel * geometry.row <= MOST_VECTORS * LANES
            and 2 <= geometry.window <= LARGEST_WINDOW
        )
        return geometry if pays and _library(geometry) else None


class PooledConvolution:
    """Three modules called as one: `pool(relu(conv(x)))`, with equal gradients but for rounding.

    Where that does not apply (on a GPU, in half precision, without gradients) it calls the modules.

    Shape: [N, C, H, W] -> [N, K, h, w].
    Args:
        flat: what follows wants the pixels of a channel side by side, as a dense layer does;
            else the channels of a pixel.
    """

    def __init__(
        self, conv: nn.Conv2d, relu: nn.ReLU, pool: nn.MaxPool2d, geometry: Geometry, *, flat: bool
    ) -> None:
        self.conv, self.relu, self.pool = conv, relu, pool
        self.geometry, self.flat = geometry, flat
        self.padding = [int(pixels) for pixels in conv.padding]

    def __call__(self, x: Tensor) -> Tensor:
        if not self._applies(x):
            return self.pool(self.relu(self.conv(x)))
        weights = self.conv.weight, self.conv.bias
        return _Pooled.apply(x, *weights, self.padding, self.geometry, self.flat)  # type: ignore[no-untyped-call]

    def _applies(self, x: Tensor) -> bool:
        if not torch.is_grad_enabled() or torch.is_autocast_enabled("cpu"):
            return False
        if x.device.type != "cpu" or not x.dtype == self.conv.weight.dtype == torch.float32:
            return False
        if x.ndim != 4 or x.shape[1] != self.geometry.channels:
            return False  # torch says what is wrong
        return min(self.geometry.pooled(_padded(x, self.padding))) > 0


class _Pooled(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        padding: Sequence[int],
        geometry: Geometry,
        flat: bool,
    ) -> Tensor:
        shape = (len(x), *geometry.pooled(size := _padded(x, padding)))
        pooled = torch.empty(shape, memory_format=_layout(flat))
        where = torch.empty(shape, dtype=torch.uint8, memory_format=_layout(flat))
        library = _library(geometry)
        if geometry.outputs <= LANES:
            kernels = torch.zeros(geometry.kernel, geometry.kernel, geometry.channels, LANES)
            biases = torch.zeros(LANES)
            kernels[..., : geometry.outputs] = weight.permute(2, 3, 1, 0)
            if bias is not None:
                biases[: geometry.outputs] = bias
            images = _in_a_row(x, padding)
            sizes = _sizes(pooled, size, flat)
            _call(library.convolve_and_pool, *sizes, images, kernels, biases, pooled, where)
        else:
            maps = F.conv2d(x, weight, bias, geometry.step, padding)
            maps = maps.contiguous(memory_format=torch.channels_last)
            _call(library.pool, *_sizes(pooled, maps.shape[2:], flat), maps, pooled, where)
        ctx.save_for_backward(x, weight, where)
        ctx.rest = padding, geometry, flat, bias is not None
        return pooled

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, where = ctx.saved_tensors
        padding, geometry, flat, has_bias = ctx.rest
        gradient = gradient.contiguous(memory_format=_layout(flat))
        size = _padded(x, padding)
        image = size[0] * size[1] * geometry.channels  # values
        used = geometry.kernel * geometry.channels
        room = LANES if used < geometry.row else 0  # the last row's vectors reach beyond it
        images = _in_a_row(x, padding, room)
        slopes = torch.zeros(len(images)) if ctx.needs_input_grad[0] else None
        rows = torch.zeros(len(weight), geometry.kernel, geometry.row)
        rows[:, :, :used] = weight.permute(0, 2, 3, 1).flatten(2)
        parts = _parts(gradient.numel() * rows[0].numel(), len(x))
        if room and slopes is not None:
            parts = 1  # they would write into one another's images
        sums, bias_sums = torch.zeros(parts, *rows.shape), torch.zeros(parts, len(weight))

        def one(part: int) -> None:
            start, end = (len(x) * edge // parts for edge in (part, part + 1))
            mine, pixels = gradient[start:end], gradient[0, 0].numel()
            sizes = _sizes(mine, size, flat)
            offsets, values = torch.empty(pixels + 1, dtype=torch.int32), torch.empty(pixels + 1)
            to = None if slopes is None else slopes[start * image :]
            among = (images[start * image :], rows, sums[part], bias_sums[part], to)
            backward = _library(geometry).pool_backward
            _call(backward, *sizes, mine, where[start:end], *among, offsets, values)

        if parts == 1:
            one(0)
        else:
            list(_threads(parts).map(one, range(parts)))
        kernels = sums.sum(dim=0)[:, :, :used].view(*weight.shape[:1], *weight.shape[2:], -1)
        return (
            None if slopes is None else _without_border(slopes, size, padding, x),
            kernels.permute(0, 3, 1, 2),
            bias_sums.sum(dim=0) if has_bias else None,
            *(None, None, None),
        )


def _padded(x: Tensor, padding: Sequence[int]) -> list[int]:
    return [side + 2 * border for side, border in zip(x.shape[2:], padding, strict=True)]


def _sizes(pooled: Tensor, size: Sequence[int], flat: bool) -> list[int]:
    """What both functions of the source begin with; `size` is that of the maps [N, K, H, W]."""
    images, outputs, tall, wide = pooled.shape
    steps = (1, tall * wide) if flat else (outputs, 1)  # to the next pixel, to the next output
    return [images, *size, tall, wide, *steps]


def _call(function: Any, *values: int | Tensor | None) -> None:
    """Tensors by the address of their memory; Python's other threads run meanwhile."""
    function(*(value.data_ptr() if isinstance(value, Tensor) else value for value in values))


def _in_a_row(x: Tensor, padding: Sequence[int], room: int = 0) -> Tensor:
    """Images channels last with zeros around them, all in a row with room for values behind them;
    their own memory where it is like that."""
    images, channels, height, width = x.shape
    if not (any(padding) or room):
        return x.permute(0, 2, 3, 1).reshape(-1)
    tall, wide = _padded(x, padding)
    row = torch.zeros(images * tall * wide * channels + room)
    inside = row[: len(row) - room].view(images, tall, wide, channels)
    inside = inside[:, padding[0] : padding[0] + height, padding[1] : padding[1] + width]
    inside.copy_(x.permute(0, 2, 3, 1))
    return row


def _without_border(
    row: Tensor, size: Sequence[int], padding: Sequence[int], like: Tensor
) -> Tensor:
    """The reverse: [N, C, H, W] as `like`, a view."""
    images, channels, height, width = like.shape
    shape = images, *size, channels
    whole = row[: math.prod(shape)].view(shape).permute(0, 3, 1, 2)
    return whole[:, :, padding[0] : padding[0] + height, padding[1] : padding[1] + width]


def _parts(multiply_adds: int, images: int) -> int:
    """How many threads share a batch: bits depend on it, so it follows from sizes alone."""
    return max(1, min(torch.get_num_threads(), images, multiply_adds // GRAIN))


def _pair(size: Any) -> tuple[int, int]:
    return size if isinstance(size, tuple) else (size, size)


def _layout(flat: bool) -> torch.memory_format:
    return torch.contiguous_format if flat else torch.channels_last


@cache
def _library(geometry: Geometry) -> Any:
    macros = {name.upper(): getattr(geometry, name) for name in geometry.__dataclass_fields__}
    library = compiled(SOURCE, macros)
    if library is not None:
        size, address = ctypes.c_ssize_t, ctypes.c_void_p
        library.pool.argtypes = [size] * 7 + [address] * 3
        library.pool_backward.argtypes = [size] * 7 + [address] * 9
        if geometry.outputs <= LANES:
            library.convolve_and_pool.argtypes = [size] * 7 + [address] * 5
    return library


@cache
def _threads(count: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count, thread_name_prefix="pooled_convolution")
