"""DeepLIFT against captum, the paper's rule in loops, and the sum that must come out."""

from copy import deepcopy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from explain.peers import (
    captum,
    every_architecture,
    inplace_relu,
    quiet,
    reused_relu,
    signed_images,
    unshared,
)
from striate.errors import ExplainError, ShapeError
from striate.explain import class_score
from striate.explain.deep_lift import deep_lift

TARGETS = [2, 0, 5]


def of_captum(network: nn.Module, images: Tensor, baselines: Tensor) -> Tensor:
    with quiet():
        peer = captum().DeepLift(network)
        return peer.attribute(images, baselines, target=TARGETS).sum(dim=1).detach()


def risen(network: nn.Module, images: Tensor, baselines: Tensor) -> Tensor:
    score = class_score(TARGETS)
    with torch.no_grad():
        return score(network(images)) - score(network(baselines.expand_as(images)))


class Copy(nn.Module):
    """captum gives a ReLU whose output a pooling layer takes a gradient from before the rule of the
    pooling layer; with a copy between them it does not."""

    def forward(self, maps: Tensor) -> Tensor:
        return maps.clone()


@every_architecture
def test_equals_captum(architecture) -> None:
    network, images = architecture()
    if architecture is inplace_relu:  # captum's rule is for windows that do not overlap
        network.maxpool = nn.Sequential(Copy(), nn.MaxPool2d(2))
    if architecture is reused_relu:
        network.pool = nn.Sequential(Copy(), nn.MaxPool2d(2))
    baselines = images.roll(1, dims=0) / 3
    found = deep_lift(network, images, class_score(TARGETS), baseline=baselines)
    peer = of_captum(unshared(network), images, baselines)
    torch.testing.assert_close(found, peer, rtol=1e-5, atol=1e-9 * float(peer.abs().max()))


@pytest.mark.parametrize(("relu", "size"), [(True, 2), (False, 3)])
def test_maxima_lose_nothing_where_captum_does(relu: bool, size: int) -> None:
    # Summation-to-delta, eq. 1 of the paper. captum: see Copy; and of windows that overlap, it puts
    # the shares in place by max_unpool2d, which keeps one share of a pixel that wins two windows.
    torch.manual_seed(4)
    head = nn.Sequential(nn.Flatten(), nn.Linear(2 * 5 * (7 if size == 2 else 6), 6))
    first = nn.Sequential(nn.Conv2d(3, 2, 3, padding=1), nn.ReLU() if relu else nn.Identity())
    network = nn.Sequential(first, nn.MaxPool2d(size, 2), head).double()
    images = signed_images(10 + size // 3, 14)
    other = images.roll(1, dims=0) / 3
    rise = risen(network, images, other)
    ours = deep_lift(network, images, class_score(TARGETS), baseline=other)
    torch.testing.assert_close(ours.sum(dim=(1, 2)), rise, rtol=1e-9, atol=1e-12)
    lost = (of_captum(network, images, other).sum(dim=(1, 2)) - rise).abs()
    assert (lost > 1e-3 * rise.abs()).all()


def test_a_relu_that_runs_often_is_right_where_captum_refuses() -> None:
    network, images = reused_relu()
    with pytest.raises(RuntimeError, match="used more than once"):
        of_captum(deepcopy(network), images, torch.zeros_like(images))
    found = deep_lift(network, images, class_score(TARGETS))
    torch.testing.assert_close(found, deep_lift(unshared(network), images, class_score(TARGETS)))
    torch.testing.assert_close(
        found.sum(dim=(1, 2)), risen(network, images, 0 * images), rtol=1e-9, atol=1e-12
    )


def test_is_the_rescale_rule_written_in_loops() -> None:
    torch.manual_seed(5)
    first, second = nn.Linear(4, 3).double(), nn.Linear(3, 1).double()
    pixels, reference = torch.randn(2, 4).double()
    above, below = first(pixels).tolist(), first(reference).tolist()
    expected = [0.0] * 4
    for j in range(3):
        rise = max(above[j], 0) - max(below[j], 0)
        multiplier = second.weight[0, j].item() * rise / (above[j] - below[j])
        for i in range(4):
            share = multiplier * first.weight[j, i].item()
            expected[i] += share * (pixels[i] - reference[i]).item()
    network = nn.Sequential(nn.Flatten(), first, nn.ReLU(), second)
    shape = (1, 1, 2, 2)
    found = deep_lift(network, pixels.view(shape), class_score(0), baseline=reference.view(shape))
    torch.testing.assert_close(found.flatten(), torch.tensor(expected).double())


class Written(nn.Module):
    """Any function of images as a network."""

    def __init__(self, function, *parts: nn.Module) -> None:
        super().__init__()
        self.function, self.parts = function, nn.ModuleList(parts)

    def forward(self, images: Tensor) -> Tensor:
        return self.function(images, *self.parts)


def whole(output: Tensor) -> Tensor:
    return output.flatten(1).sum(dim=1)


def test_the_smaller_of_two_is_the_papers_example() -> None:
    # Section 3.5 of the paper: min(a, b) = a - relu(a - b); rescale gives all to the smaller.
    smaller = Written(lambda x: x[..., 0] - F.relu(x[..., 0] - x[..., 1]))
    pair = torch.tensor([3.0, 2.0]).view(1, 1, 1, 2)
    assert deep_lift(smaller, pair, whole).flatten().tolist() == [0.0, 2.0]


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda a, b: a * b, [7.0, 3.0]),  # (4 - 2) (3 + 4) / 2 and (4 - 3) (2 + 4) / 2
        (lambda a, b: a * 5 + b - 7, [10.0, 1.0]),
        (lambda a, b: a.square() + b, [12.0, 1.0]),
        (lambda a, b: b / a, [-0.875, 0.375]),  # 3.5 (1/4 - 1/2); 1 (1/4 + 1/2) / 2
    ],
)
def test_products_are_shared_over_both_orders(function, expected) -> None:
    # a goes from 2 to 4 and b from 3 to 4
    network = Written(lambda x: function(x[..., :1], x[..., 1:]))
    image = torch.tensor([4.0, 4.0]).view(1, 1, 1, 2)
    baseline = torch.tensor([2.0, 3.0]).view(1, 1, 1, 2)
    found = deep_lift(network, image, whole, baseline=baseline)
    assert found.flatten().tolist() == pytest.approx(expected)


SIDE = 8
WRITTEN = {
    "functional, in place": lambda x, conv: F.relu_(torch.sigmoid_(conv(x)) - 0.5),
    "own input changed": lambda x, conv: conv(x.relu_()),
    "gate": lambda x, conv: conv(x) * conv(x).mean(dim=(2, 3), keepdim=True).sigmoid(),
    "softmax": lambda x, conv: conv(x).flatten(2).softmax(dim=2).square(),
    "log_softmax": lambda x, conv: conv(x).flatten(2).log_softmax(dim=2)[:, :, :3],
    "layer norm": lambda x, conv: F.layer_norm(conv(x), [SIDE, SIDE])[:, :, 1:].relu(),
    "group norm": lambda x, conv: F.group_norm(conv(x), 2)[:, 1:].tanh(),
    "gelu": lambda x, conv: F.gelu(conv(x)),
    "swish": lambda x, conv: F.silu(conv(x)) + F.hardswish(conv(x)),
    "attention": lambda x, conv: F.scaled_dot_product_attention(
        conv(x).flatten(2), x.flatten(2), conv(x + 1).flatten(2)
    ),
    "pooling": lambda x, conv: F.max_pool2d(conv(x), 3, 1) - F.avg_pool2d(conv(x), 3, 1),
    "adaptive maximum": lambda x, conv: F.adaptive_max_pool2d(conv(x), 3),
    "written into": lambda x, conv: written_into(x, conv),
}


def written_into(x: Tensor, conv: nn.Module) -> Tensor:
    maps = conv(x).relu()
    maps[:, :, 2:5] *= 3
    maps[:, 1] = x[:, 1].tanh()
    return maps


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("baseline", [0.0, "drawn"])
def test_nothing_is_lost(name: str, baseline) -> None:
    torch.manual_seed(6)
    conv = nn.Conv2d(4, 4, 3, padding=1).double()
    network = Written(WRITTEN[name], conv)
    images, other = torch.randn(2, 3, 4, SIDE, SIDE).double()
    kept = images.clone()
    reference = torch.full_like(images, 0.0) if baseline == 0.0 else other
    given = 0.0 if baseline == 0.0 else other
    weights = torch.linspace(-1, 2, network(images.clone())[0].numel()).double()

    def score(output: Tensor) -> Tensor:
        return output.flatten(1) @ weights

    found = deep_lift(network, images, score, baseline=given)
    assert found.abs().max() > 1e-3
    with torch.no_grad():
        rise = score(network(images.clone())) - score(network(reference.clone()))
    torch.testing.assert_close(found.sum(dim=(1, 2)), rise, rtol=1e-9, atol=1e-9)
    assert images.equal(kept)


def test_a_score_that_is_no_logit_is_followed_too() -> None:
    network, images = reused_relu()

    def margin(logits: Tensor) -> Tensor:
        chances = logits.softmax(dim=1)
        return chances[:, 1] - chances[:, 2]

    found = deep_lift(network, images, margin)
    rise = margin(network(images)) - margin(network(images * 0))
    torch.testing.assert_close(found.sum(dim=(1, 2)), rise.detach(), rtol=1e-9, atol=1e-12)


def test_batches_and_one_baseline_for_all() -> None:
    network, images = reused_relu()
    one = signed_images(20, 16)[:1] / 2
    together = deep_lift(network, images, class_score(TARGETS), baseline=one)
    apart = deep_lift(network, images, class_score(TARGETS), baseline=one, batch_size=2)
    torch.testing.assert_close(together, apart, rtol=1e-9, atol=1e-12)
    assert deep_lift(network, images[:0], class_score([])).shape == (0, 20, 16)


def test_works_frozen_in_train_mode_and_under_inference_mode() -> None:
    network, images = reused_relu()
    expected = deep_lift(network, images, class_score(TARGETS))
    network.requires_grad_(False).train()
    with torch.inference_mode():
        found = deep_lift(network, images.clone(), class_score(TARGETS))
    torch.testing.assert_close(found, expected)
    assert network.training
    assert all(p.grad is None for p in network.parameters())


def test_refuses_what_has_no_rule() -> None:
    images = signed_images(4, 4)
    conv = nn.Conv2d(3, 3, 1).double()
    sorting = Written(lambda x, conv: conv(x).sort(dim=1).values, conv)
    with pytest.raises(ExplainError, match=r"deep_lift: sort of \[3, 3, 4, 4\] has no rule") as e:
        deep_lift(sorting, images, whole)
    assert e.value.code == "explain-no-rule"
    instances = nn.InstanceNorm2d(3)
    with pytest.raises(ExplainError, match="mixes the images of a batch"):
        deep_lift(instances, images, whole)
    floored = Written(lambda x: torch.div(x, 3, rounding_mode="floor"))
    with pytest.raises(ExplainError, match="div of"):
        deep_lift(floored, images, whole)


def test_refuses_a_network_that_goes_another_way_for_the_baseline() -> None:
    forked = Written(lambda x: x.relu() if bool((x > 0).any()) else x.relu().relu())
    with pytest.raises(ExplainError, match=r"another way for the baseline.*3 operations|another"):
        deep_lift(forked, signed_images(4, 4), whole)


def test_refuses_baselines_of_another_shape_and_scores_of_nothing() -> None:
    network, images = reused_relu()
    with pytest.raises(ShapeError, match=r"got \[3, 20, 15\] for images \[3, 3, 20, 16\]"):
        deep_lift(network, images, class_score(0), baseline=images[0, :, :, 1:])
    with pytest.raises(ExplainError, match="does not depend on the images"):
        deep_lift(Written(lambda x: torch.ones(len(x), 2)), images, class_score(0))


def test_says_when_rounding_has_eaten_the_shares() -> None:
    steep = Written(lambda x: (x * 1e-9 + 1e9).square() - 1e18)
    with pytest.raises(ExplainError, match="rounding") as e:
        deep_lift(steep, torch.rand(1, 1, 2, 2) * 1e9, whole)
    assert e.value.code == "explain-not-complete"
