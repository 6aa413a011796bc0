"""Eigen-CAM: its definition by NumPy, and closed answers."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from explain.test_cam import fresh
from striate.explain import class_score, eigen_cam


def by_numpy(maps: Tensor, centred: bool) -> Tensor:
    heats = []
    for image in maps.double().numpy():
        matrix = image.reshape(len(image), -1).T
        matrix = matrix - matrix.mean(axis=0) if centred else matrix
        values, vectors = np.linalg.eigh(matrix.T @ matrix)
        first = vectors[:, values.argmax()]
        heats.append((matrix @ (first * np.sign(first.sum()))).reshape(image.shape[1:]))
    return torch.tensor(np.stack(heats), dtype=maps.dtype)


@pytest.mark.parametrize("centred", [False, True])
def test_eigen_cam_is_its_definition(centred: bool) -> None:
    network, images = fresh()
    maps = network.eval().features(images).detach()
    expected = F.interpolate(by_numpy(maps, centred)[:, None], size=(16, 12), mode="bilinear")
    ours = eigen_cam(network, images, class_score(0), centred=centred)
    torch.testing.assert_close(ours, expected[:, 0], rtol=1e-4, atol=1e-5)
    assert (ours.amin() < -0.01) == centred  # maps >= 0 have a common direction >= 0


def test_maps_that_are_one_picture_in_different_strengths_give_that_picture() -> None:
    """A_k = s_k P: the direction is s / |s|, the map |s| P."""
    picture, strengths = torch.rand(5, 4), torch.tensor([3.0, 0.0, 4.0])
    images = (strengths[:, None, None] * picture)[None]
    ours = eigen_cam(nn.Sequential(nn.Identity(), nn.Flatten()), images, class_score(0), layer="0")
    torch.testing.assert_close(ours[0], 5 * picture)


def test_half_precision_is_decomposed_in_single() -> None:
    images = torch.rand(2, 3, 6, 5)
    network = nn.Sequential(nn.Identity(), nn.Flatten())
    ours = eigen_cam(network, images.bfloat16(), class_score(0), layer="0")
    assert ours.dtype == torch.bfloat16
    full = eigen_cam(network, images, class_score(0), layer="0")
    torch.testing.assert_close(ours.float(), full, rtol=0.02, atol=0.02)
