"""Class activation maps."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from striate.errors import ExplainError
from striate.explain._hooks import cutting, evaluating, last_of, uncompiled
from striate.explain._score import Score, summed
from striate.explain.locate import last_spatial_layer


def grad_cam(
    network: nn.Module, images: Tensor, score: Score, *, layer: str | None = None
) -> Tensor:
    """Feature maps weighted by how strongly the score responds to them.

        weight_k = mean_hw(d score / d A_k)
        map = relu(sum_k weight_k * A_k), enlarged to the image

    Shape: images [N, C, H, W] -> map [N, H, W], >= 0, not normalised.
    Args:
        score: what to explain, for example `class_score(5)`.
        layer: dotted name of the module whose output is A, [N, K, h, w]; of a module that runs
            several times, the last run. None: the last layer that gives a map.
    Raises:
        UnknownName: the network has no such layer.
        ExplainError: the layer gives no map, or the score does not depend on it.
    Source: Selvaraju et al. 2017, "Grad-CAM", arXiv:1610.02391, eq. 1-2.
    """
    with torch.inference_mode(False):
        network, images = uncompiled(network), images.detach()
        if images.is_inference():
            images = images.clone()
        name = last_spatial_layer(network, images) if layer is None else layer
        maps, gradient = layer_gradient(network, images, score, name)
        weights = gradient.mean(dim=(2, 3), keepdim=True)  # [N, K, 1, 1]
        heat = (weights * maps).sum(dim=1, keepdim=True).relu()  # [N, 1, h, w]
        enlarged = F.interpolate(heat, size=images.shape[2:], mode="bilinear")
    return enlarged[:, 0].to(images.dtype)


def layer_gradient(
    network: nn.Module, images: Tensor, score: Score, layer: str
) -> tuple[Tensor, Tensor]:
    """A layer's maps and the gradient of the score with respect to them, both [N, K, h, w]."""
    for grad_mode in (torch.no_grad, torch.enable_grad):
        with grad_mode(), evaluating(network), cutting(network, layer) as outputs:
            total = summed(score, network(images), len(images))
        if total.requires_grad:
            break  # else a no_grad() inside the network, as around a frozen part, ended ours
    maps = last_of(outputs, layer)
    if maps.ndim != 4:
        raise ExplainError(
            "explain-layer-shape",
            f"Layer {layer!r} must give a map [N, K, h, w], got {list(maps.shape)}.",
            "Name a layer before the features are flattened.",
        )
    gradient = None
    if total.requires_grad:  # autograd.grad and not backward(): weights keep their .grad
        (gradient,) = torch.autograd.grad(total, maps, allow_unused=True)
    if gradient is None:
        raise ExplainError(
            "explain-no-gradient",
            f"The score does not depend on layer {layer!r} by a way that has a gradient.",
            "Name a layer on the way to the answer; a network that detaches cannot be explained "
            "by gradients.",
        )
    return maps.detach(), gradient
