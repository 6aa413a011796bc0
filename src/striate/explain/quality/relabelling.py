"""Label randomisation: does the map tell what was learned from what was learned by heart?"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from striate.engines.folding import sharing_copy
from striate.explain._gradient import check_counts, parts
from striate.explain._hooks import evaluating, uncompiled
from striate.explain._score import Score
from striate.explain.quality._maps import checked
from striate.explain.quality.randomisation import (
    Randomisation,
    make_random,
    rank_correlation,
)
from striate.explain.quality.sensitivity import Method


def label_randomisation(
    permuted: nn.Module, images: Tensor, score: Score, maps: Tensor, method: Method
) -> Randomisation:
    """Whether the maps differ from those of a network that learned permuted labels by heart.

        correlation = Spearman(|map of the network|, |map of the other|)

    Shape: images [N, C, H, W], maps [N, H, W] -> `Randomisation` with correlations [1, N].
    Args:
        permuted: a network like that of the maps, trained until it knows the permuted labels; see
            `learned_by_heart`.
        maps: of the network that learned the true labels.
        method: what made the maps; options by `functools.partial`.
    Source: Adebayo et al. 2018, "Sanity Checks for Saliency Maps", arXiv:1810.03292, section 3.2.
    """
    others = method(uncompiled(permuted), images, score)
    correlation = rank_correlation(checked(maps, images), others)
    return Randomisation(("the labels it was trained on",), correlation[None])


def learned_by_heart(
    network: nn.Module,
    images: Tensor,
    labels: Tensor,
    *,
    epochs: int = 100,
    batch_size: int = 32,
    learning_rate: float = 1e-3,
    seed: int = 0,
) -> tuple[nn.Module, float]:
    """A copy of the network, made random and trained on permuted labels, and its accuracy on them.

    It stops as soon as it knows all labels. Made for small networks and some hundred images.

    Shape: images [N, C, H, W], labels [N], integers.
    """
    check_counts("learned_by_heart", epochs=epochs, batch_size=batch_size)
    generator = torch.Generator().manual_seed(seed)
    with torch.inference_mode(False), torch.enable_grad():
        pupil = sharing_copy(uncompiled(network))
        for module in pupil.modules():
            make_random(module, generator)
        for weight in pupil.parameters():
            weight.requires_grad_()
        order = torch.randperm(len(labels), generator=generator).to(labels.device)
        permuted = labels.detach().clone()[order]
        optimizer = torch.optim.Adam(pupil.parameters(), learning_rate)
        accuracy = 0.0
        for _ in range(epochs):
            _epoch(pupil, optimizer, images, permuted, batch_size, generator)
            accuracy = _accuracy(pupil, images, permuted, batch_size)
            if accuracy == 1.0:
                break
    return pupil, accuracy


def _epoch(
    pupil: nn.Module,
    optimizer: torch.optim.Optimizer,
    images: Tensor,
    labels: Tensor,
    batch_size: int,
    generator: torch.Generator,
) -> None:
    for module in pupil.modules():
        module.training = True
    for chosen in torch.split(torch.randperm(len(labels), generator=generator), batch_size):
        batch = chosen.to(labels.device)
        loss = F.cross_entropy(pupil(images[batch]), labels[batch])
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()


@torch.no_grad()
def _accuracy(pupil: nn.Module, images: Tensor, labels: Tensor, batch_size: int) -> float:
    with evaluating(pupil):
        right = [
            (pupil(images[part]).argmax(dim=1) == labels[part]).float().sum()
            for part in parts(len(labels), batch_size)
        ]
    return float(torch.stack(right).sum()) / len(labels)
