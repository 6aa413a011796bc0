"""Which pixels a position of a layer sees: measured by the gradient, and drawn on a photograph."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageDraw
from torch import Tensor, nn

from striate.errors import ExplainError
from striate.explain._hooks import evaluating, uncompiled
from striate.explain._upto import maps_up_to
from striate.explain.pictures import Picture, overlay

NOTHING = 1e-7  # of the strongest gradient: below is rounding
TWO_DEVIATIONS = 0.0455  # of the strongest: where Luo et al. 2016 draw the border
SEEN, THEORY, EFFECT = (255, 255, 255), (255, 176, 0), (100, 200, 255)


class Box(NamedTuple):
    """Pixels [top, bottom) × [left, right) of an image."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def width(self) -> int:
        return self.right - self.left

    def within(self, height: int, width: int) -> "Box":
        """The part of it that lies on the image."""
        return Box(
            max(self.top, 0), max(self.left, 0), min(self.bottom, height), min(self.right, width)
        )


def receptive_field(
    network: nn.Module,
    images: Tensor,
    *,
    layer: str,
    position: tuple[int, int] | None = None,
    seed: int = 0,
) -> Tensor:
    """How strongly each pixel moves one position of a layer: the effective receptive field.

        field(p) = mean_n sum_c |d (sum_k s_k A_k(position)) / d x_c(p)|,  s_k = ±1 by lot

    Luo et al. take one channel and the mean of signed gradients; signs by lot keep channels from
    cancelling each other, and the absolute value images.

    Shape: images [N, C, H, W] -> [H, W], >= 0, not normalised. A photograph tells what is seen of
        it; noise (see `noise_like`) what is seen in general.
    Args:
        layer: dotted name of a module that gives a map [N, K, h, w].
        position: row and column in the map; None: its middle.
        seed: fixes the signs.
    Raises:
        UnknownName: the network has no such layer.
        ExplainError: the layer gives no map, has no such position, or no gradient leads back.
    Source: Luo et al. 2016, "Understanding the Effective Receptive Field in Deep Convolutional
        Neural Networks", arXiv:1701.04128, section 3.
    """
    with torch.inference_mode(False), torch.enable_grad():
        network = uncompiled(network)
        leaf = images.detach().clone().requires_grad_()
        with evaluating(network):
            maps = maps_up_to(network, leaf.clone(), layer)
        rows, columns = maps.shape[2:]
        row, column = (rows // 2, columns // 2) if position is None else position
        if not (0 <= row < rows and 0 <= column < columns):
            raise ExplainError(
                "explain-position",
                f"Layer {layer!r} has {rows} × {columns} positions, got {(row, column)}.",
                "Rows and columns count from 0.",
            )
        lots = torch.Generator().manual_seed(seed)
        signs = 2.0 * torch.randint(2, maps.shape[:2], generator=lots) - 1
        total = (maps[:, :, row, column] * signs.to(maps)).sum()
        (gradient,) = torch.autograd.grad(total, leaf)
        return gradient.abs().sum(dim=1).mean(dim=0)


def noise_like(images: Tensor, count: int = 16, seed: int = 0) -> Tensor:
    """Noise of the shape, mean and spread of an image: [count, C, H, W]."""
    lots = torch.Generator().manual_seed(seed)
    noise = torch.randn((count, *images.shape[1:]), generator=lots).to(images)
    return noise * images.std() + images.mean() if images.std() > 0 else noise


def support(field: Tensor, least: float = NOTHING) -> Box:
    """The smallest box around every pixel with more than `least` of the strongest gradient.

    With the default it is the theoretical receptive field on the image, as far as noise excites
    the network to use all of it; with `TWO_DEVIATIONS`, 0.0455, the effective one of Luo et al.

    Raises:
        ExplainError: no pixel has any influence.
    """
    seen = field > least * field.max()
    if not bool(seen.any()):
        raise ExplainError(
            "explain-no-gradient",
            "No pixel moves this position: its units are off for all of these images.",
            "Measure with other images, or with noise_like(images).",
        )
    rows = seen.any(dim=1).nonzero()[:, 0].tolist()
    columns = seen.any(dim=0).nonzero()[:, 0].tolist()
    return Box(rows[0], columns[0], rows[-1] + 1, columns[-1] + 1)


class Fields:
    """The box of pixels that every position of a layer sees, from measurements at the corners.

    The far edges of the boxes of the first positions and the near edges of the last ones lie on
    the image; from position to position they move by the layer's stride.

    Args:
        network, layer: as for `receptive_field`.
        images: [N, C, H, W], for size and kind; noise is measured, 8 images for each corner.
    """

    def __init__(self, network: nn.Module, images: Tensor, *, layer: str, seed: int = 0) -> None:
        noise = noise_like(images[:1], 8, seed)
        with torch.no_grad(), evaluating(uncompiled(network)):
            layer_gives = maps_up_to_shape(uncompiled(network), noise[:1], layer)
        self.size = (int(images.shape[2]), int(images.shape[3]))
        self.positions = layer_gives
        rows, columns = layer_gives

        def box(row: int, column: int) -> Box:
            return support(
                receptive_field(network, noise, layer=layer, position=(row, column), seed=seed)
            )

        first, last = box(0, 0), box(rows - 1, columns - 1)
        second = box(min(1, rows - 1), min(1, columns - 1))
        one_before = box(max(rows - 2, 0), max(columns - 2, 0))
        self._rows = _Axis(
            rows, self.size[0], (first.bottom, second.bottom), (one_before.top, last.top)
        )
        self._columns = _Axis(
            columns, self.size[1], (first.right, second.right), (one_before.left, last.left)
        )

    def __call__(self, row: int, column: int) -> Box:
        """The box of a position, cut at the borders of the image."""
        top, bottom = self._rows.span(row)
        left, right = self._columns.span(column)
        return Box(top, left, bottom, right)


class _Axis:
    """Edges along one axis."""

    def __init__(self, positions: int, size: int, far: tuple[int, int], near: tuple[int, int]):
        self.positions, self.size, self.far, self.near = positions, size, far[0], near[1]
        steps = [b - a for a, b in (far, near) if b - a > 0]
        self.stride = max(steps) if steps else size / positions

    def span(self, position: int) -> tuple[int, int]:
        near = round(self.near - (self.positions - 1 - position) * self.stride)
        far = round(self.far + position * self.stride)
        near, far = max(near, 0), min(far, self.size)
        return (near, far) if near < far else (0, self.size)


def maps_up_to_shape(network: nn.Module, images: Tensor, layer: str) -> tuple[int, int]:
    """Rows and columns of the map that a layer gives."""
    with torch.enable_grad():
        maps = maps_up_to(network, images.detach().clone().requires_grad_().clone(), layer)
    return int(maps.shape[2]), int(maps.shape[3])


def receptive_field_picture(
    image: Any, field: Tensor | npt.NDArray[np.float32], theoretical: Box | None = None
) -> Picture:
    """The effective receptive field as a heat map on the photograph, with boxes around it.

    White: all pixels with any influence. Blue: those with more than 4.55 % of the strongest.
    Orange: the theoretical field, where it is given; one that leaves the image is cut.

    Shape: image uint8 [H, W, 3] or grey; field [H, W] -> uint8 [H, W, 3].
    """
    measured = torch.as_tensor(np.asarray(field))
    picture = overlay(image, measured.numpy())
    drawn = Image.fromarray(picture)
    pen = ImageDraw.Draw(drawn)
    thick = max(1, round(min(picture.shape[:2]) / 150))
    boxes = [(support(measured), SEEN), (support(measured, TWO_DEVIATIONS), EFFECT)]
    if theoretical is not None:
        boxes.insert(0, (theoretical.within(*picture.shape[:2]), THEORY))
    for grow, (box, colour) in zip((thick, 0, 0)[3 - len(boxes) :], boxes, strict=True):
        corners = (box.left - grow, box.top - grow, box.right - 1 + grow, box.bottom - 1 + grow)
        pen.rectangle(corners, outline=colour, width=thick)
    return np.asarray(drawn)
