"""Max-sensitivity: maps whose change is known, and captum."""

import pytest
import torch
from torch import nn

from explain.peers import captum, quiet, reused_relu
from striate.errors import UsageError
from striate.explain import class_score, grad_cam
from striate.explain.quality import max_sensitivity


def brightness(network, images, score):
    return images.sum(dim=1)


def constant(network, images, score):
    return images.new_ones(len(images), *images.shape[2:])


def nothing(network, images, score):
    return torch.zeros_like(images[:, 0])


def found(method, images, **options):
    maps = method(None, images, class_score(0))
    return max_sensitivity(nn.Identity(), images, class_score(0), maps, method, **options)


def test_a_map_that_never_changes_is_not_sensitive():
    images = torch.randn(3, 3, 5, 4)
    assert torch.equal(found(constant, images), torch.zeros(3))
    assert torch.equal(found(nothing, images), torch.zeros(3))


def test_a_map_of_the_image_changes_as_the_noise_does():
    images = torch.ones(2, 1, 5, 4)
    images[1] = 10
    generator = torch.Generator().manual_seed(7)
    noise = torch.stack([torch.rand(1, 5, 4, generator=generator) * 2 - 1 for _ in range(6)])
    largest = 0.5 * noise.flatten(1).norm(dim=1).max() / 20**0.5
    sensitivity = found(brightness, images, radius=0.5, samples=6, seed=7)
    torch.testing.assert_close(sensitivity, torch.stack([largest, largest / 10]))


def test_as_captum():
    captum()
    from captum import metrics

    network, images = reused_relu()
    generator = torch.Generator().manual_seed(5)
    noise = torch.stack([torch.rand(images.shape[1:], generator=generator) for _ in range(4)])
    noise = 0.3 * (2 * noise.double() - 1)

    def method(network, images, score):
        return grad_cam(network, images, score, layer="third")

    def explain(inputs):
        images = inputs[0] if isinstance(inputs, tuple) else inputs
        return (grad_cam(network, images, class_score(1), layer="third"),)

    with quiet():
        expected = metrics.sensitivity_max(
            explain,
            images,
            perturb_func=lambda repeated: repeated + noise.repeat(len(images), 1, 1, 1),
            n_perturb_samples=4,
        )
    maps = method(network, images, class_score(1))
    ours = max_sensitivity(
        network, images, class_score(1), maps, method, radius=0.3, samples=4, seed=5
    )
    assert (expected > 1e-3).all()
    torch.testing.assert_close(ours, expected.to(ours), atol=1e-5, rtol=1e-5)


def test_a_negative_radius_is_refused():
    with pytest.raises(UsageError, match=r"got -0\.1"):
        found(constant, torch.zeros(1, 1, 2, 2), radius=-0.1)
