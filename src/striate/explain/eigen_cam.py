"""Class activation maps without a class: what a layer's maps have most in common."""

import torch
from torch import Tensor, nn

from striate.explain._score import Score
from striate.explain.cam import asked, enlarged, layer_maps


def eigen_cam(
    network: nn.Module,
    images: Tensor,
    score: Score,  # noqa: ARG001 - all methods are asked alike
    *,
    layer: str | None = None,
    centred: bool = False,
) -> Tensor:
    """Feature maps projected on the direction among channels in which they are strongest.

        A as a matrix [h w, K] = U S V^T
        map = A v_1, enlarged to the image

    Shape: images [N, C, H, W] -> map [N, H, W], not normalised; of maps >= 0 it is >= 0, else
        signed. A singular vector has no sign of its own: v_1 is taken so that its numbers sum to
        0 or more, thus the map is high where the maps are.
    Args:
        score: not asked; the map is of no class.
        layer: dotted name of the module whose output is A, [N, K, h, w]; None: the last layer
            that gives a map.
        centred: subtract each channel's mean first, as pytorch-grad-cam does and the paper does
            not; then the map is the first principal component, signed.
    Raises:
        UnknownName: the network has no such layer.
        ExplainError: the layer gives no map.
    Source: Muhammad and Yeasin 2020, "Eigen-CAM: Class Activation Map using Principal
        Components", arXiv:2008.00299.
    """
    with torch.inference_mode(False), torch.no_grad():
        network, images, name = asked(network, images, layer)
        maps = layer_maps(network, images, name)
        height, width = maps.shape[2:]
        matrix = maps.flatten(2).mT  # [N, h w, K]
        if matrix.dtype not in (torch.float32, torch.float64):
            matrix = matrix.float()  # no decomposition is written for half precision
        if centred:
            matrix = matrix - matrix.mean(dim=1, keepdim=True)
        _, _, directions = torch.linalg.svd(matrix, full_matrices=False)
        first = directions[:, 0]  # [N, K]
        first = torch.where(first.sum(dim=1, keepdim=True) < 0, -first, first)
        heat = (matrix @ first[:, :, None]).reshape(len(maps), height, width)
        return enlarged(heat, images)
