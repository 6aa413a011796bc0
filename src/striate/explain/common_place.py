"""Where the maps of many images agree: a place that decides a class, such as a watermark's."""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from striate.errors import ExplainError

PART = 3  # the place is a third of the image's height and width
HALF = 0.5  # of a map's mass


@dataclass(frozen=True)
class CommonPlace:
    """The ninth of the image that holds most of what speaks for a class.

    Args:
        mean: the mean of the maps, each with mass 1; [H, W].
        box: top, left, bottom, right; pixels.
        shares: of each map's mass the part in the box, 0..1; [N].
        images: maps that have any mass.
    """

    mean: Tensor
    box: tuple[int, int, int, int]
    shares: Tensor
    images: int

    @property
    def agreeing(self) -> int:
        """Images with more than half of their mass in the box."""
        return int((self.shares > HALF).sum())

    @property
    def common(self) -> bool:
        """Whether most images have more than half of their mass in the box."""
        return self.images > 1 and 2 * self.agreeing > self.images

    @property
    def words(self) -> str:
        """The place in words: `at the top left`, `in the middle`."""
        top, left, bottom, right = self.box
        height, width = self.mean.shape
        row = ("top", "", "bottom")[min(3 * (top + bottom) // (2 * height), 2)]
        column = ("left", "", "right")[min(3 * (left + right) // (2 * width), 2)]
        said = " ".join(filter(None, (row, column)))
        return f"at the {said}" if said else "in the middle"


def common_place(maps: Tensor) -> CommonPlace:
    """Find the place where the mass of most maps lies.

    The mass of a map is its positive part, divided by its sum. The place is the window of a third
    of the height and width with the largest mass in the mean of all maps.

    Shape: maps [N, H, W].
    Raises:
        ExplainError: no map has anything positive.
    """
    mass = maps.double().clamp_min(0)
    total = mass.sum(dim=(1, 2))
    mass = mass[total > 0] / total[total > 0, None, None]
    if not len(mass):
        raise ExplainError(
            "explain-no-mass",
            f"None of the {len(maps)} maps has a positive value, so they have no common place.",
            "Explain another target, or by another method.",
        )
    mean = mass.mean(dim=0)
    rows, columns = (-(-side // PART) for side in mean.shape)
    windows = F.avg_pool2d(mean[None, None], (rows, columns), stride=1)[0, 0]
    top, left = divmod(int(windows.argmax()), windows.shape[1])
    box = (top, left, top + rows, left + columns)
    shares = mass[:, top : top + rows, left : left + columns].sum(dim=(1, 2))
    return CommonPlace(mean.to(maps.dtype), box, shares, len(mass))
