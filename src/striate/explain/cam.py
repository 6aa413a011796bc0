"""Class activation maps: by the weights of a linear head, and by the gradient."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from striate.errors import ExplainError
from striate.explain._hooks import (
    as_maps,
    cutting,
    evaluating,
    last_of,
    named_layer,
    recording,
    recording_input,
    uncompiled,
)
from striate.explain._score import Score, summed
from striate.explain.locate import classifier_layer, last_spatial_layer

Heat = Callable[[Tensor, Tensor], Tensor]  # maps, gradient: [N, K, h, w] -> [N, h, w]


def cam(network: nn.Module, images: Tensor, score: Score, *, layer: str | None = None) -> Tensor:
    """Feature maps weighted as the linear head weights their means.

        logit_c = sum_k w_ck * mean_hw(A_k) + b_c
        map_c = sum_k w_ck * A_k, enlarged to the image

    Over the layer's own positions the map averages to the logit without its bias.

    Shape: images [N, C, H, W] -> map [N, H, W], signed, not normalised.
    Args:
        score: what to explain. `class_score(c)` takes row c of the head's weights; any other
            score takes the rows weighted by its slope at the logits.
        layer: dotted name of the module whose output is pooled; None: the last that gives a map.
    Raises:
        UnknownName: the network has no such layer.
        ExplainError: the answer is not one linear layer over the means of the maps.
    Source: Zhou et al. 2016, "Learning Deep Features for Discriminative Localization",
        arXiv:1512.04150, eq. 1-2.
    """
    with torch.inference_mode(False), torch.no_grad():
        network, images, name = asked(network, images, layer)
        head = classifier_layer(network, images)
        with (
            evaluating(network),
            recording(network, name) as outputs,
            recording_input(network, head) as pooled,
            recording(network, head) as logits,
        ):
            answer = answer_of(network, images)
        maps = as_maps(last_of(outputs, name), name)
        linear = named_layer(network, head)
        if not isinstance(linear, nn.Linear) or not _alike(answer, last_of(logits, head)):
            raise _no_linear_head(f"its answer is not what a linear layer gives ({head!r})")
        if _alike(last_of(pooled, head), maps.relu().mean(dim=(2, 3))):
            maps = maps.relu()  # a ReLU between layer and pooling belongs to the features
        elif not _alike(last_of(pooled, head), maps.mean(dim=(2, 3))):
            raise _no_linear_head(f"{head!r} is not given the means of the maps of {name!r}")
        weights = _slope(score, answer) @ linear.weight  # [N, K]
        return enlarged(torch.einsum("nk,nkhw->nhw", weights, maps), images)


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

    def heat(maps: Tensor, gradient: Tensor) -> Tensor:
        return torch.einsum("nk,nkhw->nhw", gradient.mean(dim=(2, 3)), maps).relu()

    return by_gradient(network, images, score, layer, heat)


def by_gradient(
    network: nn.Module, images: Tensor, score: Score, layer: str | None, heat: Heat
) -> Tensor:
    """What `heat` makes of a layer's maps and their gradient, enlarged to the images."""
    with torch.inference_mode(False):
        network, images, name = asked(network, images, layer)
        maps, gradient = layer_gradient(network, images, score, name)
        return enlarged(heat(maps, gradient), images)


def layer_gradient(
    network: nn.Module, images: Tensor, score: Score, layer: str
) -> tuple[Tensor, Tensor]:
    """A layer's maps and the gradient of the score with respect to them, both [N, K, h, w]."""
    for grad_mode in (torch.no_grad, torch.enable_grad):
        with grad_mode(), evaluating(network), cutting(network, layer) as outputs:
            total = summed(score, answer_of(network, images), len(images))
        if total.requires_grad:
            break  # else a no_grad() inside the network, as around a frozen part, ended ours
    maps = as_maps(last_of(outputs, layer), layer)
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


def asked(network: nn.Module, images: Tensor, layer: str | None) -> tuple[nn.Module, Tensor, str]:
    """The network whose modules run, images that may enter a graph, and the layer's name.

    To be called outside of inference mode.
    """
    network, images = uncompiled(network), images.detach()
    if images.is_inference():
        images = images.clone()
    return network, images, last_spatial_layer(network, images) if layer is None else layer


def layer_maps(network: nn.Module, images: Tensor, layer: str) -> Tensor:
    """What a layer gives in its last run, [N, K, h, w], without a graph."""
    with torch.no_grad(), evaluating(network), recording(network, layer) as outputs:
        answer_of(network, images)
    return as_maps(last_of(outputs, layer), layer)


def answer_of(network: nn.Module, images: Tensor) -> Any:
    """What the network says of a copy of the images, since it may work in place.

    On a CPU the copy is channels last, which takes a quarter off the time of convolutions; a
    network that cannot read it so, since it views maps as vectors, is asked again.
    """
    if images.device.type == "cpu":
        with suppress(RuntimeError):  # an error of another kind comes again below
            return network(images.clone(memory_format=torch.channels_last))
    return network(images.clone())


def enlarged(heat: Tensor, images: Tensor) -> Tensor:
    """Bilinear, by pixel centres: [N, h, w] -> [N, H, W] of the images, in their dtype."""
    size = images.shape[2:]
    return F.interpolate(heat[:, None], size=size, mode="bilinear")[:, 0].to(images.dtype)


def _slope(score: Score, logits: Tensor) -> Tensor:
    """d score / d logits, [N, classes]."""
    with torch.enable_grad():
        leaf = logits.detach().clone().requires_grad_()
        total = summed(score, leaf, len(leaf))
    if not total.requires_grad:
        raise ExplainError(
            "explain-no-gradient",
            "The score does not depend on the logits by a way that has a gradient.",
            "Use class_score(…), or a score that does not detach.",
        )
    return torch.autograd.grad(total, leaf)[0]


def _alike(first: object, second: Tensor) -> bool:
    """Equal but for rounding."""
    if not isinstance(first, Tensor) or first.shape != second.shape:
        return False
    allowed = 1e-4 if second.dtype in (torch.float32, torch.float64) else 2e-2
    return bool((first - second).abs().max() <= allowed * second.abs().max())


def _no_linear_head(reason: str) -> ExplainError:
    return ExplainError(
        "explain-no-linear-head",
        f"cam needs a network that ends with average pooling and one linear layer: {reason}.",
        "Use grad_cam, which equals it where both apply, up to a factor and the clipping.",
    )
