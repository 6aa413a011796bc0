"""Remove and debias: the imputation solved slowly, closed answers, and the peer."""

import numpy as np
import pytest
import torch
from torch import nn

from explain.peers import grad_cam_package, quiet
from striate.errors import UsageError
from striate.explain import class_score
from striate.explain.quality import road, road_curves
from striate.explain.quality.road import SHARES, WEIGHTS, imputed


def test_a_hole_gets_the_weighted_mean_of_its_neighbours():
    image = torch.arange(9.0, dtype=torch.float64).reshape(1, 3, 3) ** 2
    gone = torch.zeros(3, 3, dtype=torch.bool)
    gone[0, 1] = True  # at the border: five neighbours
    filled = imputed(image, gone)
    around = (0 + 4 + 16) / 6 + (9 + 25) / 12
    assert filled[0, 0, 1] == pytest.approx(around / (3 / 6 + 2 / 12))
    assert torch.equal(filled[:, ~gone], image[:, ~gone])


def test_every_filled_pixel_is_the_mean_of_those_around_it():
    torch.manual_seed(0)
    image, gone = torch.randn(3, 9, 7).double(), torch.rand(9, 7) < 0.8
    filled = imputed(image, gone)
    for row, column in gone.nonzero().tolist():
        total, weights = torch.zeros(3).double(), 0.0
        for (down, right), weight in WEIGHTS.items():
            if 0 <= row + down < 9 and 0 <= column + right < 7:
                total += weight * filled[:, row + down, column + right]
                weights += weight
        torch.testing.assert_close(filled[:, row, column], total / weights)


def test_a_slope_is_filled_in_without_a_trace():
    rows, columns = torch.meshgrid(torch.arange(12.0), torch.arange(10.0), indexing="ij")
    image = (2 * rows - 3 * columns)[None]
    gone = torch.zeros(12, 10, dtype=torch.bool)
    gone[3:8, 2:9] = True
    torch.testing.assert_close(imputed(image, gone), image, atol=1e-4, rtol=0)


def spot_finder():
    """Answers with the middle pixel."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(25, 2, bias=False))
    network[1].weight.data = torch.zeros(2, 25)
    network[1].weight.data[0, 12] = 1
    return network


def test_a_map_of_the_one_pixel_that_counts_has_the_known_curves():
    images = torch.zeros(1, 1, 5, 5)
    images[0, 0, 2, 2] = 1
    maps = images[:, 0].clone()
    shares = (0.2, 0.5, 0.8)
    most, least = road_curves(spot_finder(), images, class_score(0), maps, shares=shares, noise=0)
    torch.testing.assert_close(most, torch.zeros(1, 3))
    torch.testing.assert_close(least, torch.ones(1, 3))
    good = road(spot_finder(), images, class_score(0), maps, shares=shares, noise=0)
    bad = road(spot_finder(), images, class_score(0), -maps, shares=shares, noise=0)
    torch.testing.assert_close(good, torch.tensor([0.5]))
    torch.testing.assert_close(bad, torch.tensor([-0.5]))


def test_noise_is_the_same_for_every_image_and_batch():
    torch.manual_seed(1)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3)).double()
    images, maps = torch.randn(3, 3, 8, 8).double(), torch.randn(3, 8, 8).double()
    found = road(network, images, class_score([0, 1, 2]), maps, noise=0.3, batch_size=100)
    again = road(network, images, class_score([0, 1, 2]), maps, noise=0.3, batch_size=2)
    alone = road(network, images[1:2], class_score(1), maps[1:2], noise=0.3)
    torch.testing.assert_close(again, found)
    torch.testing.assert_close(alone, found[1:2])
    other = road(network, images, class_score([0, 1, 2]), maps, noise=0.3, seed=1)
    assert not torch.allclose(other, found)


def test_everything_cannot_be_removed():
    with pytest.raises(UsageError, match=r"got \[0\.5, 1\.0\]"):
        road(
            spot_finder(),
            torch.zeros(1, 1, 5, 5),
            class_score(0),
            torch.zeros(1, 5, 5),
            shares=(0.5, 1.0),
        )


def test_as_pytorch_grad_cam():
    """Without noise, whose random numbers are drawn differently."""
    grad_cam_package()
    from pytorch_grad_cam.metrics.perturbation_confidence import (
        PerturbationConfidenceMetric,
        RemoveLeastRelevantFirst,
        RemoveMostRelevantFirst,
    )
    from pytorch_grad_cam.metrics.road import NoisyLinearImputer

    torch.manual_seed(2)
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten())
    network.append(nn.Linear(32, 5)).eval()
    images, maps = torch.randn(3, 3, 20, 16), torch.rand(3, 20, 16)
    targets = [lambda output, k=k: output[k] for k in range(3)]
    sides = []
    for order in (RemoveLeastRelevantFirst, RemoveMostRelevantFirst):
        by_share = []
        for share in SHARES:  # its percentile is the part that stays
            metric = PerturbationConfidenceMetric(order(100 - 100 * share, NoisyLinearImputer(0)))
            with quiet():
                by_share.append(metric(images, maps.numpy(), targets, network))
        sides.append(np.mean(by_share, axis=0))
    expected = torch.from_numpy((sides[0] - sides[1]) / 2)
    found = road(network, images, class_score([0, 1, 2]), maps, noise=0)
    assert expected.abs().max() > 0.01
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
