"""How a model eats a photograph: the one function from bytes to the input tensor."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeAlias, cast, get_args

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from striate.data.decode import PIXEL_CAP, WHITE, decode_raster
from striate.data.resize import Fit, Interpolation, bring_to
from striate.errors import FileError, ShapeError, UsageError

Picture: TypeAlias = bytes | np.ndarray | Image.Image

SPARE = 2  # pixels per side that a reduced photograph keeps for one of the canvas, at least


@dataclass(frozen=True)
class Preprocessing:
    """How a photograph becomes the input tensor; stored in the model file.

        canvas = resize(decode(bytes))            uint8, kept in the cache
        input = (centre(canvas) / 255 - mean) / std

    Training, evaluation and prediction all come through here, so the same bytes give bitwise the
    same tensor everywhere.

    Args:
        size: (height, width) that the network sees, pixels; one number means a square.
        channels: 1 (luminance), 3 (RGB), or the number of bands of the arrays or TIFFs.
        canvas: (height, width) that images are first brought to, pixels; room for random crops.
            None is `size`.
        fit: `crop` covers the canvas and cuts the centre, `squash` stretches, `pad` keeps all and
            fills with the background.
        interpolation: Pillow's filters, antialiased but for `nearest`.
        mean, std: per channel on the 0..1 scale; one number counts for all channels.
        background: RGB, 0..255, seen through transparency and beside padded images.
        pixel_cap: larger images are refused before they are decoded, pixels.
        reduced_decoding: JPEG photographs are decoded at 1/8, 1/4 or 1/2 of their size, where at
            least twice the canvas is left; several times as fast, and less than a grey level off
            on average. Only for files: given as an array, or loaded by Pillow before, a picture
            of more than four times the canvas's sides differs by so much.
    Raises:
        UsageError: a value breaks its rule.
    """

    size: tuple[int, int]
    channels: int = 3
    canvas: tuple[int, int] | None = None
    fit: Fit = "crop"
    interpolation: Interpolation = "bilinear"
    mean: tuple[float, ...] = (0.5,)
    std: tuple[float, ...] = (0.5,)
    background: tuple[int, int, int] = WHITE
    pixel_cap: int = PIXEL_CAP
    reduced_decoding: bool = True

    def __post_init__(self) -> None:
        canvas = None if self.canvas is None else _pair("canvas", self.canvas)
        tidy = {
            "size": _pair("size", self.size),
            "canvas": canvas,
            "mean": _numbers(self.mean),
            "std": _numbers(self.std),
            "background": tuple(self.background),
        }
        for name, value in tidy.items():  # one number and JSON's lists are welcome
            object.__setattr__(self, name, value)
        self._check()

    def _check(self) -> None:
        if self.channels < 1:
            raise _wrong("channels must be 1 or more", self.channels)
        if any(big < small for big, small in zip(self.canvas_size, self.size, strict=True)):
            raise _wrong(f"canvas must be at least size {self.size}", self.canvas)
        if self.fit not in get_args(Fit):
            raise _wrong(f"fit must be one of {', '.join(get_args(Fit))}", self.fit)
        if self.interpolation not in get_args(Interpolation):
            choices = ", ".join(get_args(Interpolation))
            raise _wrong(f"interpolation must be one of {choices}", self.interpolation)
        if {len(self.mean), len(self.std)} - {1, self.channels}:
            counts = f"{len(self.mean)} and {len(self.std)}"
            raise _wrong(f"mean and std must have 1 or {self.channels} numbers", counts)
        if not all(0 < value < float("inf") for value in self.std):
            raise _wrong("std must be above 0", self.std)
        if not all(abs(value) < float("inf") for value in self.mean):
            raise _wrong("mean must be finite", self.mean)
        if len(self.background) != 3 or not all(0 <= c <= 255 for c in self.background):
            raise _wrong("background must be three numbers in 0..255", self.background)

    @property
    def canvas_size(self) -> tuple[int, int]:
        """(height, width) of the canvases, pixels."""
        return self.canvas or self.size

    @property
    def canvas_shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of one canvas."""
        return (self.channels, *self.canvas_size)

    def to_canvas(self, image: Picture, where: str = "image") -> np.ndarray:
        """Decode, orient and resize one image.

        Shape: -> uint8 [C, Hc, Wc]; in memory its channels lie together, as [Hc, Wc, C].
        Args:
            where: the image's name in messages.
        Raises:
            DataError: the image cannot be decoded.
        """
        tall, wide = self.canvas_size
        raster = decode_raster(
            image,
            channels=self.channels,
            background=self.background,
            pixel_cap=self.pixel_cap,
            where=where,
            least=(SPARE * tall, SPARE * wide) if self.reduced_decoding else None,
        )
        brought = bring_to(
            raster.image,
            self.canvas_size,
            self.fit,
            self.interpolation,
            self._fill_colour(),
            raster.extent,
        )
        return brought.transpose(2, 0, 1)

    def centre(self, canvases: Tensor) -> Tensor:
        """Cut the middle out: uint8 [N, C, Hc, Wc] -> [N, C, H, W], a view."""
        (height, width), (tall, wide) = self.size, canvases.shape[2:]
        top, left = (tall - height) // 2, (wide - width) // 2
        return canvases[:, :, top : top + height, left : left + width]

    def normalise(self, images: Tensor) -> Tensor:
        """(images / 255 - mean) / std, computed as images * scale + shift.

        Multiplication and addition are rounded one after the other, never fused, so that neither
        device nor batch size can change a bit. The result's memory is channels-last.

        Shape: [N, C, H, W], uint8 or float on the 0..255 scale -> float32 [N, C, H, W].
        """
        if images.ndim != 4 or images.shape[1] != self.channels:
            raise ShapeError(
                "shape-normalise",
                f"Preprocessing: normalise takes [N, {self.channels}, H, W], "
                f"got {list(images.shape)}.",
            )
        count, channels, height, width = images.shape
        mean, std = np.array(self.mean), np.array(self.std)
        scale = np.broadcast_to(1 / (255 * std), channels).astype(np.float32)
        shift = np.broadcast_to(-mean / std, channels).astype(np.float32)
        result = torch.empty(
            images.shape,
            dtype=torch.float32,
            device=images.device,
            memory_format=torch.channels_last,
        )
        result.copy_(images)
        rows = result.permute(0, 2, 3, 1).view(
            count, height, width * channels
        )  # long rows are fast
        rows.mul_(torch.from_numpy(np.tile(scale, width)).to(images.device))
        rows.add_(torch.from_numpy(np.tile(shift, width)).to(images.device))
        return result

    def pixels(self, inputs: Tensor) -> Tensor:
        """The pixels that `normalise` was given: float [N, C, H, W] -> uint8 [N, C, H, W]."""
        spread = torch.tensor(self.std, device=inputs.device).view(-1, 1, 1)
        middle = torch.tensor(self.mean, device=inputs.device).view(-1, 1, 1)
        return (255 * (inputs * spread + middle)).round().clamp(0, 255).to(torch.uint8)

    def __call__(self, images: Sequence[Picture]) -> Tensor:
        """Bytes, arrays [H, W, C] or Pillow images -> the input tensor, float32 [N, C, H, W]."""
        canvases = np.empty((len(images), *self.canvas_size, self.channels), np.uint8)
        for number, image in enumerate(images):
            canvases[number] = self.to_canvas(image, f"image {number}").transpose(1, 2, 0)
        return self.normalise(self.centre(torch.from_numpy(canvases).permute(0, 3, 1, 2)))

    def _fill_colour(self) -> tuple[int, ...]:
        """The background per channel, or one number for all: its luminance unless RGB."""
        if self.channels == 3:
            return self.background
        red, green, blue = self.background
        return (round(0.299 * red + 0.587 * green + 0.114 * blue),)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values by field name."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "Preprocessing":
        """The inverse of `to_json`; what was stored before there was reduced decoding has none.

        Raises:
            FileError: a key is unknown or missing, or a value breaks its rule.
        """
        known = {field.name for field in fields(cls)}
        stored = {"reduced_decoding": False, **stored}
        strange = sorted(set(stored) ^ known)
        if strange:
            raise FileError(
                "file-preprocessing",
                f"The preprocessing must have the keys {', '.join(sorted(known))}; "
                f"unknown or missing: {', '.join(strange)}.",
                "It was written by another version of Striate, or is damaged.",
            )
        try:
            return cls(**stored)
        except (UsageError, TypeError, ValueError) as error:
            raise FileError(
                "file-preprocessing", f"The preprocessing is damaged: {error}"
            ) from error


def _pair(name: str, value: Any) -> tuple[int, int]:
    """(height, width) from a pair or from one number, which means a square."""
    pair = tuple(value) if isinstance(value, Sequence) else (value, value)
    if len(pair) != 2 or not all(isinstance(side, int) and side > 0 for side in pair):
        raise _wrong(f"{name} must be one or two whole numbers above 0", value)
    return cast(tuple[int, int], pair)


def _numbers(value: Any) -> tuple[float, ...]:
    return tuple(map(float, value)) if isinstance(value, Sequence) else (float(value),)


def _wrong(rule: str, got: object) -> UsageError:
    return UsageError("usage-preprocessing", f"Preprocessing: {rule}, got {got}.")
