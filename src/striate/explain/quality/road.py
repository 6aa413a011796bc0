"""ROAD: remove and debias, where pixels that are gone leave no trace of the mask."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from striate.errors import UsageError
from striate.explain._perturbed import asking
from striate.explain._score import Score
from striate.explain.quality._maps import checked, removal_order

SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
WEIGHTS = {  # of the eight neighbours, (rows, columns) away; the paper's, section 4.2
    (row, column): 1 / 6 if row * column == 0 else 1 / 12
    for row in (-1, 0, 1)
    for column in (-1, 0, 1)
    if (row, column) != (0, 0)
}


def road(
    network: nn.Module,
    images: Tensor,
    score: Score,
    maps: Tensor,
    *,
    shares: Sequence[float] = SHARES,
    noise: float = 0.01,
    seed: int = 0,
    batch_size: int = 32,
) -> Tensor:
    """How much more the answer needs the relevant pixels than the irrelevant ones; high is good.

        (mean_s score(x without its s least relevant) − mean_s score(x without its s most)) / 2

    What is removed is filled in from its surroundings by noisy linear imputation (`imputed`), so
    that the shape of the hole tells the network nothing.

    Shape: images [N, C, H, W], maps [N, H, W] -> [N].
    Args:
        score: what is watched, for example `class_probability(5)`.
        maps: of any attribution method; only the order of their pixels counts.
        shares: s, of the pixels, each in 0..1 without the ends.
        noise: standard deviation of what is added to filled-in pixels, in units of the images.
        seed: of the noise, which is the same for all images.
        batch_size: images at a time, changed copies counted.
    Raises:
        ShapeError: the maps are not finite [N, H, W].
        UsageError: a share is not between 0 and 1.
    Source: Rong et al. 2022, "A Consistent and Efficient Evaluation Strategy for Attribution
        Methods", arXiv:2202.00449, section 4; the difference of both orders: Gildenblat 2021,
        pytorch-grad-cam.
    """
    most, least = road_curves(
        network, images, score, maps, shares=shares, noise=noise, seed=seed, batch_size=batch_size
    )
    return (least - most).mean(dim=1) / 2


def road_curves(
    network: nn.Module,
    images: Tensor,
    score: Score,
    maps: Tensor,
    *,
    shares: Sequence[float] = SHARES,
    noise: float = 0.01,
    seed: int = 0,
    batch_size: int = 32,
) -> tuple[Tensor, Tensor]:
    """The scores without each share of the most, and of the least relevant pixels: [N, shares]."""
    if not shares or not all(0 < share < 1 for share in shares):
        raise UsageError(
            "explain-shares",
            f"road: shares must be between 0 and 1, got {list(shares)}.",
            "What is filled in needs some pixels that are left.",
        )
    places = removal_order(checked(maps, images))  # [N, H, W]
    pixels = places[0].numel()
    counts = [round(share * pixels) for share in shares]
    changes = [places < count for count in counts] + [places >= pixels - count for count in counts]
    generator = torch.Generator().manual_seed(seed)
    added = noise * torch.randn(images.shape[1:], generator=generator)  # [C, H, W]
    with asking(network, images, score, batch_size) as asked:
        found = asked.scores.new_empty((len(changes), len(images)))
        for slab in asked.slabs:
            for which in _parts(len(changes), asked.copies):
                batch = [
                    imputed(image, gone[number]) + gone[number] * added.to(image)
                    for gone in changes[which]
                    for number, image in enumerate(asked.images[slab], start=slab.start)
                ]
                output = asked.network(torch.stack(batch))
                found[which, slab] = asked.scores_of(output, slab)
    return found[: len(counts)].T, found[len(counts) :].T


def imputed(image: Tensor, gone: Tensor) -> Tensor:
    """The image with every pixel that is gone the weighted mean of its neighbours, all at once.

        x_p = sum_q w_pq x_q / sum_q w_pq    for all p that are gone, q the up to 8 neighbours of p

    Shape: image [C, H, W], gone [H, W] bool -> [C, H, W]. One pixel must be left.
    Source: Rong et al. 2022, arXiv:2202.00449, section 4.2.
    """
    from scipy.sparse import csc_matrix  # here, since it takes a while
    from scipy.sparse.linalg import splu

    missing = gone.flatten().cpu().numpy()
    flat = image.flatten(1).double().cpu().numpy()  # [C, H·W]
    unknown = np.flatnonzero(missing)
    if not len(unknown):
        return image.clone()
    number = np.full(missing.size, -1)
    number[unknown] = np.arange(len(unknown))
    rows, columns, values = [], [], []
    diagonal = np.zeros(len(unknown))
    known = np.zeros((len(unknown), len(flat)))
    for here, there, weight in _neighbours(unknown, gone.shape[0], gone.shape[1]):
        diagonal[here] += weight
        inside = missing[there]
        rows.append(here[inside])
        columns.append(number[there[inside]])
        values.append(np.full(int(inside.sum()), -weight))
        known[here[~inside]] += weight * flat[:, there[~inside]].T
    everyone = np.arange(len(unknown))
    system = csc_matrix(
        (
            np.concatenate([*values, diagonal]),
            (np.concatenate([*rows, everyone]), np.concatenate([*columns, everyone])),
        )
    )
    solved = splu(system, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}).solve(known)
    filled = flat.copy()
    filled[:, unknown] = solved.T
    return torch.from_numpy(filled).to(image).reshape(image.shape)


def _neighbours(
    pixels: NDArray[np.int64], height: int, width: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], float]]:
    """For each direction: which of the pixels have a neighbour there, where, and its weight."""
    row, column = np.divmod(pixels, width)
    for (down, right), weight in WEIGHTS.items():
        inside = (row + down >= 0) & (row + down < height)
        inside &= (column + right >= 0) & (column + right < width)
        here = np.flatnonzero(inside)
        yield here, (row[here] + down) * width + column[here] + right, weight


def _parts(count: int, size: int) -> Iterator[slice]:
    for first in range(0, count, size):
        yield slice(first, min(first + size, count))
