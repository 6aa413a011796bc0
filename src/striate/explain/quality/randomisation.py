"""Randomisation checks: does the map depend on what the network has learned?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from striate.engines.folding import sharing_copy
from striate.errors import ExplainError
from striate.explain._gradient import check_counts
from striate.explain._hooks import uncompiled
from striate.explain._score import Score
from striate.explain.locate import trace
from striate.explain.quality._maps import checked
from striate.explain.quality.sensitivity import Method

FAILS = "FAILS the randomisation check"
SAME = 0.5  # rank correlation from which maps of unlike networks count as the same


@dataclass(frozen=True, eq=False)
class Randomisation:
    """How alike the maps of a network stay when what it has learned is destroyed.

    Args:
        destroyed: what was destroyed at each step, in words; all before it is destroyed too.
        correlations: rank correlation with the maps of the whole network, [steps, N], −1..1.
    """

    destroyed: tuple[str, ...]
    correlations: Tensor

    @property
    def similarity(self) -> Tensor:
        """Mean over the steps, [N]; low is good."""
        return self.correlations.mean(dim=0)

    @property
    def passed(self) -> bool:
        return changes(self.similarity)

    def to_json(self) -> dict[str, Any]:
        by_step = self.correlations.mean(dim=1).tolist()
        return {
            "passed": self.passed,
            "similarity": float(self.similarity.mean()),
            "steps": [
                {"destroyed": what, "correlation": value}
                for what, value in zip(self.destroyed, by_step, strict=True)
            ],
        }


def changes(similarity: Tensor | NDArray[np.float64]) -> bool:
    """The verdict: maps that stay as alike as this, on average over the images, fail.

    They show the image and not what the network makes of it, like an edge detector.
    """
    return bool(similarity.mean() < SAME)


def parameter_randomisation(
    network: nn.Module,
    images: Tensor,
    score: Score,
    maps: Tensor,
    method: Method,
    *,
    steps: int = 4,
    seed: int = 0,
) -> Randomisation:
    """Destroy the weights from the top layer down, and see whether the maps change.

        correlation = Spearman(|map of the network|, |map with its upper layers destroyed|)

    First the last layer with weights, then ever more, in groups of about equal numbers of layers;
    at the end all. Convolutions and linear layers get normal weights of mean 0 and of the size
    that they had; the numbers of biases and norms are shuffled.

    Shape: images [N, C, H, W], maps [N, H, W] -> `Randomisation` with correlations [steps, N].
    Args:
        method: what made the maps; options by `functools.partial`.
        steps: groups of layers, at most as many as there are.
        seed: of the weights.
    Raises:
        ShapeError: the maps are not finite [N, H, W].
        ExplainError: the network has no weights, or cannot be copied.
    Source: Adebayo et al. 2018, "Sanity Checks for Saliency Maps", arXiv:1810.03292, section 3.1,
        "cascading randomization".
    Differs: weights keep their size, so that no layer falls silent; layers go in groups; the
        verdict, at a mean correlation of 0.5, is ours.
    """
    maps = checked(maps, images)
    check_counts("parameter_randomisation", steps=steps)
    found, names = [], []
    for name, copy in destroyed(uncompiled(network), images, steps, seed):
        found.append(rank_correlation(maps, method(copy, images, score)))
        names.append(name)
    return Randomisation(tuple(names), torch.stack(found))


def destroyed(
    network: nn.Module, images: Tensor, steps: int, seed: int
) -> Iterator[tuple[str, nn.Module]]:
    """A private copy with ever more of its weights destroyed, and the lowest that are."""
    order = weighted_from_top(network, images)
    if not order:
        raise ExplainError(
            "explain-no-weights", "The network has no weights that could be made random."
        )
    try:
        copy = sharing_copy(network)
    except Exception as error:  # modules of others may hold what cannot be copied
        raise ExplainError(
            "explain-no-copy",
            f"The network cannot be copied, so its weights cannot be made random: {error}.",
            "Judge its maps by deletion, insertion or road.",
        ) from error
    generator = torch.Generator().manual_seed(seed)
    modules = dict(copy.named_modules())
    for group in grouped(order, steps):
        for name in group:
            make_random(modules[name], generator)
        yield f"down to {group[-1] or 'the network itself'}", copy


def grouped(order: list[str], steps: int) -> list[list[str]]:
    """The first alone, the others in at most `steps` − 1 groups of about equal length."""
    if steps == 1 or len(order) == 1:
        return [order]
    others = order[1:]
    parts = np.array_split(np.arange(len(others)), min(steps - 1, len(others)))
    return [order[:1], *([others[number] for number in part] for part in parts)]


def weighted_from_top(network: nn.Module, images: Tensor) -> list[str]:
    """Names of the modules with weights of their own, the last that runs first; those that are
    not run as modules come at the end."""
    own = [name for name, module in network.named_modules() if list(module.parameters(False))]
    ran = [run.name for run in trace(network, images)]
    ordered = list(dict.fromkeys(name for name in reversed(ran) if name in own))
    return ordered + [name for name in reversed(own) if name not in ordered]


@torch.no_grad()
def make_random(module: nn.Module, generator: torch.Generator) -> None:
    """Give the module tensors of its own: weights and statistics with random numbers of the same
    size as before."""
    for name, weight in list(module.named_parameters(recurse=False)):
        module._parameters[name] = nn.Parameter(_random(weight, generator), requires_grad=False)
    for name, buffer in list(module.named_buffers(recurse=False)):
        module._buffers[name] = (
            _random(buffer, generator) if buffer.is_floating_point() else buffer.clone()
        )


def _random(numbers: Tensor, generator: torch.Generator) -> Tensor:
    if numbers.ndim < 2:
        order = torch.randperm(numbers.numel(), generator=generator).to(numbers.device)
        return numbers.flatten()[order].reshape(numbers.shape)
    size = numbers.square().mean().sqrt()
    return size * torch.randn(numbers.shape, generator=generator).to(numbers)


def rank_correlation(maps: Tensor, others: Tensor) -> Tensor:
    """Spearman's correlation of the absolute values, equal numbers sharing their rank.

    A map that is the same everywhere is as all others like it (1), and unlike any other (0).

    Shape: [N, H, W] twice -> [N], −1..1.
    """
    from scipy.stats import rankdata  # here, since it takes a second

    ranks = [
        torch.from_numpy(rankdata(each.detach().abs().flatten(1).cpu().numpy(), axis=1))
        for each in (maps, others)
    ]
    first, second = (each - each.mean(dim=1, keepdim=True) for each in ranks)
    length, other = first.norm(dim=1), second.norm(dim=1)
    both_flat = ((length == 0) & (other == 0)).to(first)
    product = (length * other).clamp_min(torch.finfo(first.dtype).tiny)
    return (((first * second).sum(dim=1) / product) + both_flat).to(maps)
