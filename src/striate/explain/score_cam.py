"""Class activation maps without gradients: the network is shown what each feature map lights up."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from striate.explain._perturbed import asking
from striate.explain._score import Score
from striate.explain.cam import asked, enlarged, layer_maps


def score_cam(
    network: nn.Module,
    images: Tensor,
    score: Score,
    *,
    layer: str | None = None,
    batch_size: int = 16,
) -> Tensor:
    """Feature maps weighted by the score of the image seen through them.

        H_k = A_k enlarged to the image, its range brought to 0..1
        weight = softmax_k(score(image * H_k))
        map = relu(sum_k weight_k * A_k), enlarged to the image

    Shape: images [N, C, H, W] -> map [N, H, W], >= 0, not normalised.
    Args:
        score: what to explain, for example `class_score(5)`.
        layer: dotted name of the module whose output is A, [N, K, h, w]; of a module that runs
            several times, the last run. None: the last layer that gives a map.
        batch_size: masked images at a time. There are K for every image.
    Raises:
        UnknownName: the network has no such layer.
        ExplainError: the layer gives no map.
        UsageError: `batch_size` is below 1.
    Source: Wang et al. 2020, "Score-CAM: Score-Weighted Visual Explanations for Convolutional
        Neural Networks", arXiv:1910.01279, algorithm 1.
    Differs: the paper takes the score of a black image off every score, which the softmax undoes.
        A map that is the same everywhere has no range, and is left out.
    """
    with torch.inference_mode(False), torch.no_grad():
        network, images, name = asked(network, images, layer)
        maps = layer_maps(network, images, name)
        varied = maps.amax(dim=(2, 3)) > maps.amin(dim=(2, 3))  # [N, K]
        order = varied.byte().argsort(dim=1, descending=True, stable=True)
        maps = maps[torch.arange(len(maps))[:, None], order]  # those that vary first
        count = int(varied.sum(dim=1).max())

        def masks(which: slice, of: slice) -> Tensor:
            return _in_full_range(maps[of, which], images.shape[2:]).transpose(0, 1)

        passes = count * len(images)
        with asking(network, images, score, batch_size, passes=passes) as questions:
            scores = questions.masked_scores(
                masks, count, torch.zeros_like(images)
            ).mT  # [N, count]
        level = ~varied.gather(1, order)[:, :count]
        weights = scores.masked_fill(level, -torch.inf).softmax(dim=1).nan_to_num()
        weights = weights.to(maps.dtype)  # all zero where no map varies
        return enlarged(torch.einsum("nk,nkhw->nhw", weights, maps[:, :count]).relu(), images)


def _in_full_range(maps: Tensor, size: torch.Size) -> Tensor:
    """Enlarged, then brought to 0..1 each: [n, k, h, w] -> [n, k, H, W]."""
    masks = F.interpolate(maps, size=size, mode="bilinear")
    low, high = masks.amin(dim=(2, 3), keepdim=True), masks.amax(dim=(2, 3), keepdim=True)
    return (masks - low) / torch.where(high > low, high - low, 1)
