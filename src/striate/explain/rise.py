"""RISE: show the image through random masks, and average the masks by the score."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from striate.errors import UsageError
from striate.explain._fill import Fill, replacement
from striate.explain._perturbed import asking
from striate.explain._score import Score


def rise(
    network: nn.Module,
    images: Tensor,
    score: Score,
    *,
    masks: int = 1000,
    cells: int = 7,
    probability: float = 0.5,
    fill: Fill = "grey",
    seed: int = 0,
    batch_size: int = 32,
) -> Tensor:
    """The mean of random masks, each weighted by the score of the image seen through it.

        map = 1 / (M · p) · sum_i score(x ⊙ m_i) · m_i

    A mask is a grid of cells, each open with probability p, enlarged bilinearly by one cell more
    than the image and cut out at a random place.

    Shape: images [N, C, H, W] -> map [N, H, W]; of the sign of the scores, for nothing is
        subtracted: a probability as the score shows most.
    Args:
        masks: M; the paper takes 4000 to 8000, and the error falls with its square root.
        cells: of the grid, along each side.
        probability: p, that a cell is open, in 0..1.
        fill: what is seen behind a mask, see `replacement`; the paper's is "grey".
        seed: of the masks, which are the same for all images.
        batch_size: images at a time, masked copies counted.
    Raises:
        UsageError: an option is out of its range.
    Source: Petsiuk et al. 2018, "RISE: Randomized Input Sampling for Explanation of Black-box
        Models", arXiv:1806.07421, eq. 6 and section 3.2.
    """
    if masks < 1 or cells < 1 or not 0 < probability < 1:
        raise UsageError(
            "explain-rise",
            "rise: masks and cells must be at least 1 and probability between 0 and 1, got "
            f"masks={masks}, cells={cells}, probability={probability}.",
        )
    passes = masks * len(images)
    with asking(network, images, score, batch_size, passes=passes) as asked:
        height, width = images.shape[2:]
        made = Masks(masks, cells, probability, (height, width), seed)

        def keep(which: slice, _slab: slice) -> Tensor:
            return made.some(which).to(asked.images)[:, None]  # [k, 1, H, W]

        heat = torch.zeros(len(images), height, width).to(asked.scores)
        instead = replacement(asked.images, fill)
        for which, slab, scores in asked.masked(keep, masks, instead):
            shown = made.some(which).to(asked.scores)
            heat[slab] += torch.einsum("kn,khw->nhw", scores, shown)
        return (heat / (masks * probability)).to(images.dtype)


class Masks:
    """Random masks, made when they are wanted: only their grids and places are kept."""

    def __init__(
        self, count: int, cells: int, probability: float, size: tuple[int, int], seed: int
    ) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.size, self.cell = size, tuple(-(-side // cells) for side in size)  # pixels, rounded up
        grid = torch.rand(count, 1, cells, cells, generator=generator)
        self.grids = (grid < probability).float()
        self.enlarged = tuple((cells + 1) * side for side in self.cell)
        self.places = torch.stack(
            [torch.randint(side, (count,), generator=generator) for side in self.cell], dim=1
        ).tolist()

    def some(self, which: slice) -> Tensor:
        """[k, H, W], 0..1."""
        wide = F.interpolate(
            self.grids[which], size=self.enlarged, mode="bilinear", align_corners=False
        )[:, 0]
        height, width = self.size
        places = self.places[which]
        return torch.stack(
            [
                one[top : top + height, left : left + width]
                for one, (top, left) in zip(wide, places, strict=True)
            ]
        )
