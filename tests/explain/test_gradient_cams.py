"""The gradient-weighted maps against their formulas in loops, and the axioms they are known for."""

import pytest
import torch
from torch import Tensor, nn

from explain.test_cam import fresh
from striate.explain import (
    cam,
    class_score,
    grad_cam,
    grad_cam_plus_plus,
    hirescam,
    layer_cam,
    xgrad_cam,
)


class Linear(nn.Module):
    """Maps as large as the image, then a weight for every position: score_c = <w_c, maps> + 3."""

    def __init__(self, pooled: bool = False) -> None:
        super().__init__()
        self.maps = nn.Conv2d(3, 4, 3, padding=1)
        weight = torch.randn(5, 4, 1, 1) if pooled else torch.randn(5, 4, 7, 6)
        self.weight = nn.Parameter(weight.expand(5, 4, 7, 6).contiguous())

    def forward(self, images: Tensor) -> Tensor:
        return torch.einsum("nkhw,ckhw->nc", self.maps(images), self.weight) + 3


def linear(pooled: bool = False) -> tuple[Linear, Tensor]:
    torch.manual_seed(0)
    return Linear(pooled).double(), torch.randn(2, 3, 7, 6, dtype=torch.float64)


def in_loops(network: Linear, images: Tensor, target: int, value) -> Tensor:
    """`value(a, g, all_a)` for every channel and position, summed over channels."""
    maps, gradient = network.maps(images).detach(), network.weight[target].detach()
    heat = torch.zeros(len(images), 7, 6, dtype=torch.float64)
    for n in range(len(images)):
        for k in range(4):
            heat[n] += value(maps[n, k], gradient[k])
    return heat


def plus_plus(a: Tensor, g: Tensor) -> Tensor:
    weight = 0.0
    for i in range(7):
        for j in range(6):
            slope = float(g[i, j])
            alpha = slope**2 / (2 * slope**2 + float(a.sum()) * slope**3)
            weight += alpha * max(slope, 0)
    return weight * a


def conserving(a: Tensor, g: Tensor) -> Tensor:
    weight = sum(float(a[i, j] / a.sum() * g[i, j]) for i in range(7) for j in range(6))
    return weight * a


@pytest.mark.parametrize(
    ("method", "value", "clipped"),
    [
        (grad_cam_plus_plus, plus_plus, True),
        (hirescam, lambda a, g: a * g, False),
        (xgrad_cam, conserving, False),
        (layer_cam, lambda a, g: a * g.clamp(min=0), True),
    ],
)
@pytest.mark.parametrize("target", range(5))
def test_a_method_is_its_formula(method, value, clipped, target) -> None:
    network, images = linear()
    expected = in_loops(network, images, target, value)
    if clipped:
        expected = expected.clamp(min=0)
    ours = method(network, images, class_score(target), layer="maps")
    torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-4)
    assert ours.amax() > 0.1
    assert (ours.amin() >= 0) == clipped


def test_hirescam_adds_up_to_the_score_without_bias_behind_a_linear_layer() -> None:
    network, images = linear()
    scores = network(images).detach() - 3
    for target in range(5):
        ours = hirescam(network, images, class_score(target), layer="maps")
        torch.testing.assert_close(ours.sum(dim=(1, 2)), scores[:, target])


def test_hirescam_is_cam_behind_average_pooling() -> None:
    network, images = fresh()
    ours = hirescam(network, images, class_score(1), layer="features")
    torch.testing.assert_close(ours * 8 * 6, cam(network, images, class_score(1)))


def test_xgrad_cam_conserves_the_score_of_relu_networks_without_biases() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1, bias=False), nn.ReLU(),
        nn.Conv2d(6, 8, 3, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 20, 5, bias=False),
    )  # fmt: skip
    images = torch.randn(2, 3, 7, 6)
    scores = network(images).detach()
    for target in range(5):
        ours = xgrad_cam(network, images, class_score(target), layer="1")
        torch.testing.assert_close(ours.sum(dim=(1, 2)), scores[:, target], rtol=1e-4, atol=1e-5)


def test_all_agree_where_the_gradient_is_the_same_everywhere() -> None:
    """Then XGrad-CAM and HiResCAM are Grad-CAM before clipping."""
    network, images = linear(pooled=True)
    for target in range(5):
        score = class_score(target)
        plain = grad_cam(network, images, score, layer="maps")
        for method in (hirescam, xgrad_cam):
            ours = method(network, images, score, layer="maps").clamp(min=0)
            torch.testing.assert_close(ours, plain, rtol=1e-4, atol=1e-4)


def test_dead_channels_count_for_nothing() -> None:
    network, images = linear()
    with torch.no_grad():
        network.maps.weight[2], network.maps.bias[2] = 0, 0
    score = class_score(3)
    before = [m(network, images, score, layer="maps") for m in (xgrad_cam, grad_cam_plus_plus)]
    with torch.no_grad():
        network.weight[:, 2] = 50
    after = [m(network, images, score, layer="maps") for m in (xgrad_cam, grad_cam_plus_plus)]
    for one, other in zip(before, after, strict=True):
        assert one.isfinite().all()
        torch.testing.assert_close(one, other)


def test_grad_cam_plus_plus_holds_out_large_scores() -> None:
    """exp(score) would not."""
    network, images = linear()
    ours = grad_cam_plus_plus(network, images, lambda y: y[:, 0] + 1e4, layer="maps")
    plain = grad_cam_plus_plus(network, images, class_score(0), layer="maps")
    torch.testing.assert_close(ours, plain)
