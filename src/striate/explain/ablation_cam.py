"""Class activation maps without gradients: what is lost when a feature map is taken away?"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from striate.explain._behind import resumable
from striate.explain._gradient import check_batch_size
from striate.explain._hooks import evaluating
from striate.explain._score import Score, of_part
from striate.explain.cam import asked, enlarged


def ablation_cam(
    network: nn.Module,
    images: Tensor,
    score: Score,
    *,
    layer: str | None = None,
    batch_size: int = 32,
) -> Tensor:
    """Feature maps weighted by the share of the score that is lost without them.

        weight_k = (score - score with A_k set to zero) / score
        map = relu(sum_k weight_k * A_k), enlarged to the image

    Only what follows the layer runs for every k. A score below zero turns the signs, so explain
    classes that the network believes in; a score of zero has no shares, and the loss itself is
    the weight.

    Shape: images [N, C, H, W] -> map [N, H, W], >= 0, not normalised.
    Args:
        score: what to explain, for example `class_score(5)`.
        layer: dotted name of the module whose output is A, [N, K, h, w]; of a module that runs
            several times, the last run. None: the last layer that gives a map.
        batch_size: ablated copies at a time. There are K for every image.
    Raises:
        UnknownName: the network has no such layer.
        ExplainError: the layer gives no map.
        UsageError: `batch_size` is below 1.
    Source: Desai and Ramaswamy 2020, "Ablation-CAM: Visual Explanations for Deep Convolutional
        Network via Gradient-free Localization", WACV.
    """
    check_batch_size(batch_size)
    with torch.inference_mode(False), torch.no_grad():
        network, images, name = asked(network, images, layer)
        heats = []
        for number in range(len(images)):
            own = of_part(score, len(images), slice(number, number + 1))
            with (
                evaluating(network),
                resumable(network, images[number : number + 1], name) as (maps, answer, resume),
            ):
                before = own(answer)  # [1]
                after = []
                for channels in torch.split(torch.arange(maps.shape[1]), batch_size):
                    copies = maps.repeat(len(channels), 1, 1, 1)
                    copies[torch.arange(len(channels)), channels] = 0
                    after.append(scores_of_copies(own, resume(copies), len(channels)))
            weights = (before - torch.cat(after)) / before.where(before != 0, 1)  # [K]
            heats.append(torch.einsum("k,khw->hw", weights.to(maps.dtype), maps[0]).relu())
        return enlarged(torch.stack(heats), images)


def scores_of_copies(own: Score, output: Any, copies: int) -> Tensor:
    """The scores of several variants of one image, [copies]; `own` scores one at a time."""
    one_by_one = [
        own(tree_map(lambda tensor, at=number: tensor[at : at + 1], output))
        for number in range(copies)
    ]
    return torch.cat(one_by_one)
