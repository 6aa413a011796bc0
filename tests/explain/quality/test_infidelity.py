"""Infidelity: linear networks, and captum."""

import pytest
import torch
from torch import nn

from explain.peers import captum, depthwise, quiet
from striate.errors import UsageError
from striate.explain import class_score
from striate.explain.quality import infidelity
from striate.explain.quality.infidelity import squares


def linear(pixels, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(pixels, 3)).double()


def contributions(network, images, target):
    weight = network[1].weight[target].detach().reshape(images.shape[1:])
    return (weight * images).sum(dim=1)


def test_the_contributions_of_a_linear_network_are_faithful_at_any_scale():
    network, images = linear(3 * 36), torch.randn(4, 3, 6, 6).double()
    true = contributions(network, images, 1)
    for options, scale in (({"scaled": False}, 1.0), ({}, 1.0), ({}, -40.0)):
        found = infidelity(network, images, class_score(1), scale * true, **options)
        torch.testing.assert_close(found, torch.zeros(4).double(), atol=1e-20, rtol=0)
    wrong = infidelity(network, images, class_score(1), 3 * true, scaled=False)
    assert (wrong > 1e-3).all()
    assert (infidelity(network, images, class_score(1), torch.randn(4, 6, 6).double()) > 1e-3).all()


def test_a_map_of_nothing_misses_all_that_is_lost():
    network, images = linear(16), torch.randn(2, 1, 4, 4).double()
    gone = squares(50, 1, 4, 4, seed=0).double()
    lost = torch.einsum("khw,nhw->kn", gone, contributions(network, images, 0))
    for scaled in (True, False):
        found = infidelity(
            network,
            images,
            class_score(0),
            torch.zeros(2, 4, 4).double(),
            samples=50,
            scaled=scaled,
        )
        torch.testing.assert_close(found, lost.square().mean(dim=0))


def test_squares_lie_inside_and_anywhere():
    found = squares(500, 2, 5, 4, seed=1)
    assert (found.sum(dim=(1, 2)) == 4).all()
    assert found.any(dim=0).all()
    assert len(found.unique(dim=0)) == 4 * 3


@pytest.mark.parametrize("scaled", [True, False])
def test_as_captum(scaled):
    captum()
    from captum import metrics

    network, images = depthwise()
    maps = torch.randn(images.shape[0], *images.shape[2:]).double()
    gone = squares(20, 5, *images.shape[2:], seed=3)
    attributions = torch.zeros_like(images)
    attributions[:, 0] = maps  # a pixel goes with all its channels

    def perturb(repeated):  # [N * 20, C, H, W], image by image
        hole = gone.repeat(len(images), 1, 1)[:, None].expand_as(repeated)
        return hole.double(), repeated.masked_fill(hole, 0)

    with quiet():
        expected = metrics.infidelity(
            network,
            perturb,
            images,
            attributions,
            target=2,
            n_perturb_samples=20,
            normalize=scaled,
        )
    found = infidelity(
        network, images, class_score(2), maps, samples=20, side=5 / 20, scaled=scaled, seed=3
    )
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_a_side_beyond_the_image_is_refused():
    with pytest.raises(UsageError, match=r"got 1\.5"):
        infidelity(
            linear(16), torch.zeros(1, 1, 4, 4), class_score(0), torch.zeros(1, 4, 4), side=1.5
        )
