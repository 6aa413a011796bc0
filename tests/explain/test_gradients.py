"""Gradient methods: closed answers, parity with captum, and what they promise about themselves."""

import warnings

import pytest
import torch
from torch import Tensor, nn

from explain.peers import captum, every_architecture, quiet, reused_relu
from striate.errors import ExplainError, ShapeError, StriateWarning, UsageError
from striate.explain import class_score
from striate.explain.gradients import (
    completeness_error,
    input_x_gradient,
    integrated_gradients,
    saliency,
    smoothgrad,
)

TARGETS = [1, 3, 0]


class Powers(nn.Module):
    """Class k is the sum of x^(k + 1)."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Linear(2, 2)

    def forward(self, images: Tensor) -> Tensor:
        return torch.stack([images.pow(k).sum(dim=(1, 2, 3)) for k in (1, 2, 3)], dim=1)


def pixels() -> Tensor:
    torch.manual_seed(0)
    return torch.randn(3, 2, 4, 5, dtype=torch.float64)


def test_saliency_is_the_steepest_channel() -> None:
    images = pixels()
    expected = (3 * images.square()).amax(dim=1)
    torch.testing.assert_close(saliency(Powers(), images, class_score(2)), expected)
    expected = (2 * images).abs().amax(dim=1)
    torch.testing.assert_close(saliency(Powers(), images, class_score(1)), expected)


def test_input_x_gradient_adds_up_with_signs() -> None:
    images = pixels()
    expected = (3 * images.pow(3)).sum(dim=1)
    torch.testing.assert_close(input_x_gradient(Powers(), images, class_score(2)), expected)


@pytest.mark.parametrize("batch_size", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("power", [1, 2, 3])
def test_integrated_gradients_of_sums_of_powers_are_the_powers(power, batch_size) -> None:
    images, score = pixels(), class_score(power - 1)
    maps = integrated_gradients(Powers(), images, score, steps=5, batch_size=batch_size)
    torch.testing.assert_close(maps, images.pow(power).sum(dim=1))


@pytest.mark.parametrize(
    "baseline", [0.5, torch.tensor([[[1.0]], [[-2.0]]]), torch.full((3, 2, 4, 5), 0.25)]
)
def test_integrated_gradients_start_at_the_baseline(baseline) -> None:
    images, score = pixels(), class_score(2)
    maps = integrated_gradients(Powers(), images, score, baseline=baseline, steps=4)
    torch.testing.assert_close(maps, (images.pow(3) - baseline**3).expand_as(images).sum(dim=1))
    errors = completeness_error(Powers(), images, score, maps, baseline=baseline)
    torch.testing.assert_close(errors, torch.zeros(3, dtype=torch.float64))


def test_two_nodes_are_exact_up_to_the_third_power_and_no_further() -> None:
    """Gauss and Legendre: n nodes integrate degree 2n - 1."""
    images = pixels()
    fifth = torch.nn.Module()
    fifth.forward = lambda x: x.pow(5).sum(dim=(1, 2, 3))[:, None]
    maps = integrated_gradients(fifth, images, class_score(0), steps=2)
    nodes = [(1 - 3**-0.5) / 2, (1 + 3**-0.5) / 2]
    by_hand = sum(images * 5 * (node * images).pow(4) / 2 for node in nodes).sum(dim=1)
    torch.testing.assert_close(maps, by_hand)
    maps = integrated_gradients(fifth, images, class_score(0), steps=3)
    torch.testing.assert_close(maps, images.pow(5).sum(dim=1))


def test_incomplete_maps_are_announced_with_their_gap() -> None:
    images = torch.full((2, 1, 1, 1), 1.0)
    fifth = torch.nn.Module()
    fifth.forward = lambda x: x.pow(5).sum(dim=(1, 2, 3))[:, None]
    with pytest.warns(StriateWarning, match=r"2 of 2 images .* off by 69%\. Take steps=4") as seen:
        maps = integrated_gradients(fifth, images, class_score(0), steps=1)
    assert seen[0].message.code == "explain-incomplete"
    assert seen[0].filename == __file__
    gaps = completeness_error(fifth, images, class_score(0), maps)  # 5 / 2^4 instead of 1
    torch.testing.assert_close(gaps, torch.full((2,), 1 - 5 / 16))


def test_completeness_error_of_wrong_maps() -> None:
    images, score = torch.ones(2, 1, 1, 1), class_score(0)
    maps = torch.tensor([1.5, 1.0])[:, None, None]
    assert completeness_error(Powers(), images, score, maps).tolist() == [0.5, 0.0]
    nothing = torch.zeros(2, 1, 1, 1)
    assert completeness_error(Powers(), nothing, score, maps * 0).tolist() == [0.0, 0.0]
    assert completeness_error(Powers(), nothing, score, maps).tolist() == [torch.inf, torch.inf]


@every_architecture
def test_captum_finds_the_same_saliency(architecture) -> None:
    network, images = architecture()
    with quiet():
        theirs = captum().Saliency(network).attribute(images.clone(), torch.tensor(TARGETS))
    ours = saliency(network, images, class_score(TARGETS))
    torch.testing.assert_close(ours, theirs.amax(dim=1), rtol=1e-5, atol=1e-10)


@every_architecture
def test_captum_finds_the_same_input_x_gradient(architecture) -> None:
    network, images = architecture()
    with quiet():
        peer = captum().InputXGradient(network)
        theirs = peer.attribute(images.clone(), torch.tensor(TARGETS))
    ours = input_x_gradient(network, images, class_score(TARGETS))
    torch.testing.assert_close(ours, theirs.sum(dim=1), rtol=1e-5, atol=1e-10)


@every_architecture
@pytest.mark.parametrize(("batch_size", "baseline"), [(2, None), (7, 0.3)])
@pytest.mark.filterwarnings("ignore:integrated_gradients")
def test_captum_finds_the_same_integrated_gradients(architecture, batch_size, baseline) -> None:
    network, images = architecture()
    theirs = (
        captum()
        .IntegratedGradients(network)
        .attribute(images, baseline or 0, torch.tensor(TARGETS), n_steps=6)
    )
    ours = integrated_gradients(
        network, images, class_score(TARGETS), baseline=baseline, steps=6, batch_size=batch_size
    )
    assert theirs.abs().max() > 1e-3
    torch.testing.assert_close(ours, theirs.sum(dim=1), rtol=1e-5, atol=1e-7)  # its float32 weights


@pytest.mark.filterwarnings("ignore:integrated_gradients")
def test_integrated_gradients_where_the_network_cannot_be_traced() -> None:
    network, images = reused_relu()

    class Untraceable(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = network

        def forward(self, x: Tensor) -> Tensor:
            return self.inner(x) if float(x.detach().sum()) < torch.inf else x

    score, options = class_score(TARGETS), {"steps": 9, "baseline": 0.2}
    torch.testing.assert_close(
        integrated_gradients(Untraceable(), images, score, **options),
        integrated_gradients(network, images, score, **options),
    )


def by_hand(network: nn.Module, images: Tensor, target: int, samples: int, noise: float):
    """Sample by sample and image by image: the gradients, [samples, N, C, H, W]."""
    generator = torch.Generator().manual_seed(5)
    rounds = []
    for _ in range(samples):
        drawn = torch.randn(images.shape[1:], generator=generator)
        gradients = []
        for image in images:
            noisy = image + noise * (image.max() - image.min()) * drawn
            noisy = noisy[None].requires_grad_()
            gradients.append(torch.autograd.grad(network(noisy)[0, target], noisy)[0][0])
        rounds.append(torch.stack(gradients))
    return torch.stack(rounds)


@pytest.mark.parametrize("batch_size", [1, 2, 8])
@every_architecture
def test_smoothgrad_is_its_definition(architecture, batch_size) -> None:
    network, images = architecture()
    images = images[:2, :, :32, :32]
    gradients = by_hand(network, images, 1, samples=3, noise=0.2)
    options = {"samples": 3, "noise": 0.2, "seed": 5, "batch_size": batch_size}
    plain = smoothgrad(network, images, class_score(1), **options)
    torch.testing.assert_close(plain, gradients.mean(dim=0).abs().amax(dim=1))
    squared = smoothgrad(network, images, class_score(1), squared=True, **options)
    torch.testing.assert_close(squared, gradients.square().mean(dim=0).amax(dim=1))
    assert (plain.square() - squared).abs().max() > 0.01 * squared.max()


def test_smoothgrad_without_noise_is_saliency_and_other_seeds_differ() -> None:
    network, images = reused_relu()
    score = class_score(2)
    still = smoothgrad(network, images, score, samples=2, noise=0)
    torch.testing.assert_close(still, saliency(network, images, score))
    first, again, other = (
        smoothgrad(network, images, score, samples=2, seed=seed) for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)


METHODS = [saliency, input_x_gradient, integrated_gradients, smoothgrad]
every_method = pytest.mark.parametrize("method", METHODS)


@every_method
def test_batch_norms_of_a_training_network_are_left_alone(method) -> None:
    network, images = reused_relu()
    score = class_score(2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StriateWarning)
        expected = method(network, images, score)
        network.train()
        before = network.norm.running_mean.clone()
        found = method(network, images, score)
    torch.testing.assert_close(found, expected)
    assert network.training
    assert torch.equal(network.norm.running_mean, before)
    assert all(weight.grad is None and weight.requires_grad for weight in network.parameters())


@every_method
def test_a_network_that_changes_its_input_does_not_change_the_images(method) -> None:
    class Normalising(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return images.sub_(1).mul_(2).sum(dim=(1, 2, 3))[:, None]

    images = pixels()
    kept = images.clone()
    found = method(Normalising(), images, class_score(0))
    assert torch.equal(images, kept)
    assert found.abs().max() > 1


@every_method
@pytest.mark.parametrize("part", [lambda x: x.detach(), lambda x: torch.zeros_like(x)])
def test_a_score_without_a_gradient_is_refused(method, part) -> None:
    class Cut(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return part(images).sum(dim=(2, 3))

    with pytest.raises(ExplainError, match="does not depend on the images") as caught:
        method(Cut(), pixels(), class_score(0))
    assert caught.value.code == "explain-no-gradient"


@every_method
@pytest.mark.parametrize(
    "images", [torch.zeros(2, 3, 4), torch.zeros(2, 3, 4, 4, dtype=torch.uint8)]
)
def test_what_is_no_batch_of_images_is_refused(method, images) -> None:
    with pytest.raises(ShapeError, match=r"floating-point \[N, C, H, W\], got torch\.") as caught:
        method(Powers(), images, class_score(0))
    assert caught.value.code == "explain-images"


@every_method
def test_no_images_have_no_maps(method) -> None:
    assert method(Powers(), torch.zeros(0, 2, 4, 5), class_score(0)).shape == (0, 4, 5)


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        (integrated_gradients, {"steps": 0}, r"steps must be at least 1, got steps=0"),
        (integrated_gradients, {"batch_size": 0}, r"batch_size must be at least 1"),
        (smoothgrad, {"samples": -1}, r"samples must be at least 1, got samples=-1"),
        (smoothgrad, {"noise": -0.1}, r"noise must be at least 0, got noise=-0\.1"),
    ],
)
def test_impossible_options_are_refused(method, options, message) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        method(Powers(), pixels(), class_score(0), **options)
    assert caught.value.code == "explain-option"


def test_a_baseline_of_another_shape_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"got \[7\] for images \[3, 2, 4, 5\]") as caught:
        integrated_gradients(Powers(), pixels(), class_score(0), baseline=torch.zeros(7))
    assert caught.value.code == "explain-baseline"
