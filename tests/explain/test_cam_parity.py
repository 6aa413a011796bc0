"""Every class activation map against pytorch-grad-cam, before it clips, scales and rounds."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from explain.peers import (
    ARCHITECTURES,
    depthwise,
    every_architecture,
    grad_cam_package,
    inplace_relu,
    reused_relu,
    unshared,
)
from striate.explain import METHODS, class_score

CLIPPED = ("grad_cam", "grad_cam_plus_plus", "layer_cam", "score_cam", "ablation_cam")
TARGETS = [1, 4, 0]
LAST = {inplace_relu: "layer4", reused_relu: "third", depthwise: "block3"}
PEERS = {
    "grad_cam": "GradCAM",
    "grad_cam_plus_plus": "GradCAMPlusPlus",
    "hirescam": "HiResCAM",
    "xgrad_cam": "XGradCAM",
    "layer_cam": "LayerCAM",
    "score_cam": "ScoreCAM",
    "ablation_cam": "AblationCAM",
    "eigen_cam": "EigenCAM",
}


def theirs(name: str, network: nn.Module, images: Tensor, layer: str, factor: float = 1) -> Tensor:
    """The peer's map [N, h, w], at the layer's own size and with its sign."""
    package = grad_cam_package()
    target = network.get_submodule(layer)
    targets = [lambda logits, c=c: factor * logits[c] for c in TARGETS[: len(images)]]
    with getattr(package, PEERS[name])(network, [target]) as peer:
        peer(images, targets)
        record = peer.activations_and_grads
        maps, gradients = record.activations[0], record.gradients
        gradient = gradients[0].numpy() if gradients else None
        heat = peer.get_cam_image(images, target, targets, maps.numpy(), gradient, False)
    return torch.as_tensor(heat).double()


def ours(name: str, network: nn.Module, images: Tensor, layer: str, factor: float = 1) -> Tensor:
    score = class_score(TARGETS[: len(images)])
    return METHODS[name](network, images, lambda logits: factor * score(logits), layer=layer)


def assert_same(name: str, mine: Tensor, heat: Tensor, tolerance: float = 1e-4) -> None:
    """To `tolerance` of each image's largest value, once the peer's is clipped where ours is."""
    heat = heat.clamp(min=0) if name in CLIPPED else heat
    expected = F.interpolate(heat[:, None], size=mine.shape[1:], mode="bilinear")[:, 0]
    scale = expected.abs().amax(dim=(1, 2), keepdim=True)
    assert (scale > 0).any()
    scale = torch.where(scale > 0, scale, 1)  # clipped, a map may be empty
    torch.testing.assert_close(mine / scale, expected / scale, rtol=0, atol=tolerance)


@every_architecture
@pytest.mark.parametrize("name", ["grad_cam", "hirescam", "xgrad_cam", "layer_cam"])
def test_gradient_methods_are_the_peers(architecture, name: str) -> None:
    network, images = architecture()
    layer = LAST[architecture]
    heat = theirs(name, network, images, layer)
    network.zero_grad()
    assert_same(name, ours(name, network, images, layer), heat)


@every_architecture
def test_grad_cam_plus_plus_is_the_peers_where_its_epsilon_does_not_count(architecture) -> None:
    """The peer adds 1e-6 to a divisor of the size of g^2; a score a million times larger drowns it.

    (A larger score changes the map itself, for both alike.)
    """
    network, images = architecture()
    layer = LAST[architecture]
    heat = theirs("grad_cam_plus_plus", network, images, layer, factor=1e6)
    mine = ours("grad_cam_plus_plus", network, images, layer, factor=1e6)
    assert_same("grad_cam_plus_plus", mine, heat)


def test_the_peers_grad_cam_plus_plus_is_not_the_papers() -> None:
    """alpha = g^2 / (2 g^2 + sum(A) g^3) has no unit: g^2 has one, and 1e-6 beside it is not small.

    Behind average pooling over 49 positions g is about 1e-3, so the peer's alpha is off by half.
    """
    network, images = depthwise()
    network.head.weight.data *= 1e-2
    heat = theirs("grad_cam_plus_plus", network, images, "block3")
    mine = ours("grad_cam_plus_plus", network, images, "block3")
    maps = network.block3
    seen = []
    handle = maps.register_forward_hook(lambda _m, _i, output: seen.append(output))
    logits = network(images)
    handle.remove()
    (gradient,) = torch.autograd.grad(logits[range(3), TARGETS].sum(), seen[0])

    def formula(epsilon: float) -> Tensor:
        total = seen[0].sum(dim=(2, 3), keepdim=True)
        alpha = gradient**2 / (2 * gradient**2 + total * gradient**3 + epsilon)
        weights = (alpha * gradient.relu()).sum(dim=(2, 3), keepdim=True)
        return (weights * seen[0]).sum(dim=1).relu().detach()

    assert_same("grad_cam_plus_plus", mine, formula(0))
    torch.testing.assert_close(heat.clamp(min=0), formula(1e-6))
    assert (formula(1e-6) / formula(0).amax(dim=(1, 2), keepdim=True)).amax() < 0.9


@every_architecture
def test_eigen_cam_is_the_peers_when_centred(architecture) -> None:
    """Up to sign, which the peer leaves to chance and then clips away what is below zero."""
    network, images = architecture()
    layer = LAST[architecture]
    heat = theirs("eigen_cam", network, images, layer)
    mine = METHODS["eigen_cam"](network, images, class_score(0), layer=layer, centred=True)
    large = F.interpolate(heat[:, None], size=mine.shape[1:], mode="bilinear")
    heat = heat * (large[:, 0] * mine).sum(dim=(1, 2), keepdim=True).sign()
    assert_same("eigen_cam", mine, heat)


def small(architecture) -> tuple[nn.Module, Tensor, str]:
    """What can be asked channel by channel in a test: 64 channels instead of 512; ends in a ReLU,
    since the peer ablates with -1e7 instead of zero where a map is nowhere zero."""
    network, images = architecture()
    if architecture is inplace_relu:
        return network, images[:1, :, :32, :48], "layer1"
    if architecture is reused_relu:
        return unshared(network), images, "relu_relu_2"
    return network, images, "block3"


@every_architecture
def test_ablation_cam_is_the_peers(architecture) -> None:
    network, images, layer = small(architecture)
    heat = theirs("ablation_cam", network, images, layer)
    assert_same("ablation_cam", ours("ablation_cam", network, images, layer), heat)


@every_architecture
def test_score_cam_is_the_peers_with_masks_enlarged_as_maps_are(architecture, monkeypatch) -> None:
    """The peer enlarges masks with their corners on the image's, and maps by pixel centres; we and
    the authors' code do both by pixel centres. So the peer is given our way for its masks.

    Maps that are the same everywhere it shows as black images, whose scores are in its softmax:
    one factor per image, which its scaling to 0..1 takes out again.
    """

    def by_centres(size) -> nn.Module:
        return nn.Upsample(size=tuple(size), mode="bilinear", align_corners=False)

    monkeypatch.setattr(torch.nn, "UpsamplingBilinear2d", by_centres)
    network, images, layer = small(architecture)
    heat = theirs("score_cam", network, images, layer)
    mine = ours("score_cam", network, images, layer)
    full = F.interpolate(heat[:, None], size=mine.shape[1:], mode="bilinear")[:, 0]
    factor = full.amax(dim=(1, 2), keepdim=True) / mine.amax(dim=(1, 2), keepdim=True)
    assert ((factor > 0.5) & (factor < 1 + 1e-6)).all()
    assert_same("score_cam", mine * factor, heat)


@pytest.mark.parametrize("architecture", [inplace_relu, depthwise])
def test_cam_is_the_peers_grad_cam_times_the_number_of_positions(architecture) -> None:
    """Behind average pooling the gradient is the head's weight, shared among h w positions."""
    network, images = architecture()
    layer = LAST[architecture]
    heat = theirs("grad_cam", network, images, layer)
    assert_same("cam", ours("cam", network, images, layer), heat * heat[0].numel())


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_finished_picture_is_the_peers(architecture) -> None:
    """End to end: clipped, scaled to 0..1 and enlarged by OpenCV."""
    network, images = architecture()
    layer = LAST[architecture]
    package = grad_cam_package()
    targets = [package.utils.model_targets.ClassifierOutputTarget(c) for c in TARGETS]
    with package.GradCAM(network, [network.get_submodule(layer)]) as peer:
        expected = peer(images, targets)
    mine = ours("grad_cam", network, images, layer).numpy()
    low, high = mine.min(axis=(1, 2), keepdims=True), mine.max(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose((mine - low) / (high - low + 1e-7), expected, rtol=0, atol=1e-4)
