"""Class activation maps that use the gradient otherwise than Grad-CAM.

All take the maps A of a layer and g = d score / d A, both [N, K, h, w], and share their shapes,
arguments and errors with `grad_cam`.
"""

import torch
from torch import Tensor, nn

from striate.explain._score import Score
from striate.explain.cam import by_gradient


def grad_cam_plus_plus(
    network: nn.Module, images: Tensor, score: Score, *, layer: str | None = None
) -> Tensor:
    """Feature maps weighted by the positive gradients, each by its share in the map.

        alpha_kij = g_kij^2 / (2 g_kij^2 + sum_ab(A_kab) g_kij^3)
        weight_k = sum_ij alpha_kij * relu(g_kij)
        map = relu(sum_k weight_k * A_k), enlarged to the image

    Shape: images [N, C, H, W] -> map [N, H, W], >= 0, not normalised.
    Source: Chattopadhay et al. 2018, "Grad-CAM++", arXiv:1710.11063, eq. 19.
    Differs: the paper explains exp(score), whose derivatives are g exp(score); that factor is one
        number per image, beyond what a float can hold from a score of 89, and is left out.
    """

    def heat(maps: Tensor, gradient: Tensor) -> Tensor:
        # alpha * relu(g) = relu(g) / (2 + sum(A) g), which needs no small number against 0 / 0
        divisor = 2 + maps.sum(dim=(2, 3), keepdim=True) * gradient
        shares = torch.where(divisor == 0, 0, gradient.relu() / divisor)
        return torch.einsum("nk,nkhw->nhw", shares.sum(dim=(2, 3)), maps).relu()

    return by_gradient(network, images, score, layer, heat)


def hirescam(
    network: nn.Module, images: Tensor, score: Score, *, layer: str | None = None
) -> Tensor:
    """Feature maps times the gradient, position by position.

        map = sum_k g_k * A_k, enlarged to the image

    Where everything behind the layer is linear, the map adds up to the score without its bias.

    Shape: images [N, C, H, W] -> map [N, H, W], signed, not normalised.
    Source: Draelos and Carin 2020, "Use HiResCAM instead of Grad-CAM for faithful explanations of
        convolutional neural networks", arXiv:2011.08891.
    """

    def heat(maps: Tensor, gradient: Tensor) -> Tensor:
        return (gradient * maps).sum(dim=1)

    return by_gradient(network, images, score, layer, heat)


def xgrad_cam(
    network: nn.Module, images: Tensor, score: Score, *, layer: str | None = None
) -> Tensor:
    """Feature maps weighted by the mean gradient, taken where the map itself is.

        weight_k = sum_ij(A_kij / sum_ab(A_kab) * g_kij)
        map = sum_k weight_k * A_k, enlarged to the image

    Conservation: in a network of ReLUs without biases the map adds up to the score. A feature map
    that sums to zero has no such weights and counts for nothing.

    Shape: images [N, C, H, W] -> map [N, H, W], signed, not normalised.
    Source: Fu et al. 2020, "Axiom-based Grad-CAM: Towards Accurate Visualization and Explanation
        of CNNs", arXiv:2008.02312.
    """

    def heat(maps: Tensor, gradient: Tensor) -> Tensor:
        total = maps.sum(dim=(2, 3))  # [N, K]
        weights = torch.where(total == 0, 0, (gradient * maps).sum(dim=(2, 3)) / total)
        return torch.einsum("nk,nkhw->nhw", weights, maps)

    return by_gradient(network, images, score, layer, heat)


def layer_cam(
    network: nn.Module, images: Tensor, score: Score, *, layer: str | None = None
) -> Tensor:
    """Feature maps times the positive gradient, position by position; for early layers too.

        map = relu(sum_k relu(g_k) * A_k), enlarged to the image

    Shape: images [N, C, H, W] -> map [N, H, W], >= 0, not normalised.
    Source: Jiang et al. 2021, "LayerCAM: Exploring Hierarchical Class Activation Maps for
        Localization", IEEE TIP 30, doi:10.1109/TIP.2021.3089943.
    """

    def heat(maps: Tensor, gradient: Tensor) -> Tensor:
        return (gradient.relu() * maps).sum(dim=1).relu()

    return by_gradient(network, images, score, layer, heat)
