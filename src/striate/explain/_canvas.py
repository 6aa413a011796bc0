"""Images as numbers to climb on: what an image is made of, and what keeps it like an image."""

import math
from collections.abc import Sequence
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

Scale = Sequence[float] | None  # mean or standard deviation of each channel, images in 0..1

# Square root of the covariance of colours in ImageNet's photographs (Olah et al. 2017).
COLOURS = ((0.26, 0.09, 0.02), (0.27, 0.00, -0.05), (0.27, -0.09, 0.03))
SPREAD = 0.01  # deviation of the numbers at the start


class Canvas(Protocol):
    """Numbers that are changed, and the image in 0..1 that they make."""

    numbers: Tensor

    def image(self) -> Tensor: ...


class FourierCanvas:
    """An image by its frequencies, each with the weight that it has in photographs, and by colours
    that photographs make independent of each other.

        image = sigmoid(colours @ irfft2(numbers / max(frequency, 1 / side)))

    Shape: -> [N, C, H, W] in 0..1; colours are mixed where C = 3.
    Source: Olah et al. 2017, "Feature Visualization", doi:10.23915/distill.00007, section
        "Preconditioning and Parameterization".
    """

    def __init__(self, shape: tuple[int, int, int, int], lots: torch.Generator) -> None:
        count, channels, self.height, self.width = shape
        rows = torch.fft.fftfreq(self.height)[:, None]
        columns = torch.fft.rfftfreq(self.width)[None]
        frequency = torch.sqrt(rows**2 + columns**2).clamp_min(1 / max(self.height, self.width))
        self.weight = math.sqrt(self.height * self.width) / frequency
        draw = torch.randn((count, channels, *frequency.shape, 2), generator=lots)
        self.numbers = SPREAD * draw
        self.colours = torch.tensor(COLOURS) / torch.tensor(COLOURS).norm(dim=0).max()

    def image(self) -> Tensor:
        spectrum = torch.view_as_complex(self.numbers) * self.weight.to(self.numbers.device)
        pixels = torch.fft.irfft2(spectrum, s=(self.height, self.width)) / 4
        if pixels.shape[1] == 3:
            mixing = self.colours.to(pixels)
            pixels = torch.einsum("nchw,dc->ndhw", pixels, mixing)
        return pixels.sigmoid()


class PixelCanvas:
    """An image by its pixels: image = sigmoid(numbers), so that it stays in 0..1."""

    def __init__(self, shape: tuple[int, int, int, int], lots: torch.Generator) -> None:
        self.numbers = SPREAD * torch.randn(shape, generator=lots)

    def image(self) -> Tensor:
        return self.numbers.sigmoid()


def normalised(images: Tensor, mean: Scale, std: Scale) -> Tensor:
    """Images in 0..1 as the network wants them: (images - mean) / std."""
    if mean is not None:
        images = images - torch.tensor(mean).to(images).view(-1, 1, 1)
    if std is not None:
        images = images / torch.tensor(std).to(images).view(-1, 1, 1)
    return images


def in_unit_range(images: Tensor, mean: Scale, std: Scale) -> Tensor:
    """The way back: normalised images to 0..1."""
    if std is not None:
        images = images * torch.tensor(std).to(images).view(-1, 1, 1)
    if mean is not None:
        images = images + torch.tensor(mean).to(images).view(-1, 1, 1)
    return images.clamp(0, 1)


def total_variation(images: Tensor, power: float = 1.0) -> Tensor:
    """How much neighbouring pixels differ, [N].

        TV = mean_p ((x(p right) - x(p))² + (x(p below) - x(p))²)^(power / 2)

    Source: Mahendran & Vedaldi 2015, arXiv:1412.0035, eq. 5.
    """
    right = images[:, :, :-1, 1:] - images[:, :, :-1, :-1]
    below = images[:, :, 1:, :-1] - images[:, :, :-1, :-1]
    squared = right**2 + below**2
    return (squared + 1e-8).pow(power / 2).mean(dim=(1, 2, 3))  # no infinite slope at 0


def moved(images: Tensor, jitter: float, zoom: float, turn: float, lots: torch.Generator) -> Tensor:
    """Shifted, enlarged and turned a little, each image by its own lot; the border is mirrored.

    Args:
        jitter: most pixels of shift along each axis.
        zoom: most share by which it is enlarged or shrunk.
        turn: most degrees.
    """
    if not (jitter or zoom or turn):
        return images
    count, _, height, width = images.shape
    lot = 2 * torch.rand((count, 4), generator=lots) - 1  # [-1, 1)
    scale = 1 + zoom * lot[:, 0]
    angle = math.radians(turn) * lot[:, 1]
    across, down = 2 * jitter * lot[:, 2] / width, 2 * jitter * lot[:, 3] / height
    cos, sin = angle.cos() / scale, angle.sin() / scale
    slant = height / width
    rows = [torch.stack([cos, -sin * slant, across], 1), torch.stack([sin / slant, cos, down], 1)]
    grid = F.affine_grid(torch.stack(rows, 1).to(images), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)
