"""Infidelity: does the map add up to what the score loses?"""

import torch
from torch import Tensor, nn

from striate.errors import UsageError
from striate.explain._fill import Fill, replacement
from striate.explain._gradient import check_counts
from striate.explain._perturbed import asking
from striate.explain._score import Score
from striate.explain.quality._maps import checked


def infidelity(
    network: nn.Module,
    images: Tensor,
    score: Score,
    maps: Tensor,
    *,
    samples: int = 64,
    side: float = 0.25,
    scaled: bool = True,
    fill: Fill = "grey",
    seed: int = 0,
    batch_size: int = 32,
) -> Tensor:
    """How far the map is from adding up to what is lost when a square is taken away; low is good.

        mean_z (beta · sum_p z_p map_p − (score(x) − score(x without z)))²
        beta = mean_z(a d) / mean_z(a²),  a = sum_p z_p map_p,  d = score(x) − score(x without z)

    In squared units of the score: of networks that answer alike, compare only the maps of one.

    Shape: images [N, C, H, W], maps [N, H, W] -> [N], >= 0.
    Args:
        score: what the maps explain.
        samples: squares z, placed at random, the same for all images.
        side: of a square, as a share of the image's shorter side, 0..1.
        scaled: with the best beta, so that the scale of the map does not matter; else beta = 1,
            for maps that claim to add up to the score.
        fill: what is seen in a square, see `replacement`: "grey", "mean", "blur" or a number.
        seed: of the squares.
        batch_size: images at a time, changed copies counted.
    Raises:
        ShapeError: the maps are not finite [N, H, W].
        UsageError: `samples` is below 1, or `side` is not in 0..1.
    Source: Yeh et al. 2019, "On the (In)fidelity and Sensitivity of Explanations",
        arXiv:1901.09392, definition 2.1 with square removal (section 2.3); beta: the authors' code.
    Differs: a map has one number per pixel, so a pixel goes with all its channels.
    """
    maps = checked(maps, images)
    check_counts("infidelity", samples=samples)
    if not 0 < side <= 1:
        raise UsageError(
            "explain-side", f"infidelity: side must be above 0 and at most 1, got {side}."
        )
    height, width = images.shape[2:]
    gone = squares(samples, max(1, round(side * min(height, width))), height, width, seed)
    gone = gone.to(images.device)

    passes = samples * len(images)
    with asking(network, images, score, batch_size, passes=passes) as asked:
        instead = replacement(asked.images, fill)
        left = asked.masked_scores(lambda which, _: ~gone[which, None], samples, instead)
        lost = asked.scores - left  # [samples, N]
        claimed = torch.einsum("khw,nhw->kn", gone.to(lost), maps.to(lost))
        if scaled:
            square = claimed.square().mean(dim=0)
            beta = (claimed * lost).mean(dim=0) / square
            claimed = claimed * torch.where(square > 0, beta, 0.0)
        return (claimed - lost).square().mean(dim=0)


def squares(count: int, side: int, height: int, width: int, seed: int) -> Tensor:
    """Squares inside the image, at random places. -> [count, H, W], bool."""
    generator = torch.Generator().manual_seed(seed)
    top = torch.randint(height - side + 1, (count, 1), generator=generator)
    left = torch.randint(width - side + 1, (count, 1), generator=generator)
    rows, columns = torch.arange(height), torch.arange(width)
    inside_rows = (rows >= top) & (rows < top + side)  # [count, H]
    inside_columns = (columns >= left) & (columns < left + side)  # [count, W]
    return inside_rows[:, :, None] & inside_columns[:, None, :]
