"""Deconvnet, guided backpropagation and guided Grad-CAM: closed answers for every way to write a
ReLU, parity with captum, and the activations that are refused."""

import gc

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from explain.peers import captum, every_architecture, quiet, unshared
from striate.errors import ExplainError
from striate.explain import class_score
from striate.explain.rectifiers import deconvnet, guided_backprop, guided_grad_cam


def threshold(x: Tensor) -> Tensor:
    return F.threshold(x, 0, 0)


WAYS = {
    "module": nn.ReLU(),
    "in-place module": nn.ReLU(inplace=True),
    "F.relu": F.relu,
    "F.relu in place": lambda x: F.relu(x, inplace=True),
    "torch.relu": torch.relu,
    "method": Tensor.relu,
    "in-place method, result ignored": lambda x: (x.relu_(), x)[1],
    "clamp": lambda x: x.clamp(min=0),
    "in-place clamp": lambda x: x.clamp_(min=0),
    "clamp_min": lambda x: torch.clamp_min(x, 0),
    "threshold": threshold,
    "maximum": lambda x: torch.maximum(x, torch.zeros(())),
    "maximum, other side": lambda x: torch.maximum(torch.zeros((), dtype=x.dtype), x),
    "max": lambda x: torch.max(x, torch.zeros_like(x)),
}
every_way = pytest.mark.parametrize("relu", WAYS.values(), ids=list(WAYS))


def pixels() -> Tensor:
    """Two images with zeros, negative and large values."""
    torch.manual_seed(0)
    images = (torch.randn(2, 2, 4, 3) * 2).round(decimals=1)
    images[:, :, 0] = torch.tensor([0.0, 2.0, 0.0])
    return images


class Twice(nn.Module):
    """The sum of relu(sign * relu(x) + shift) * weight, the ReLUs as somebody writes them."""

    def __init__(self, relu, sign=1.0, shift=-0.5) -> None:
        super().__init__()
        self.relu, self.sign, self.shift = relu, sign, shift

    def forward(self, images: Tensor) -> Tensor:
        weight = torch.linspace(-1, 2, images[0].numel(), dtype=images.dtype).view(images.shape[1:])
        second = self.relu(self.sign * self.relu(images * 1) + self.shift)
        return (second * weight).sum(dim=(1, 2, 3))[:, None]


@every_way
def test_the_rules_by_hand(relu) -> None:
    images = pixels()
    positive = torch.linspace(-1, 2, 24).view(2, 4, 3).clamp(min=0).expand_as(images)
    torch.testing.assert_close(
        guided_backprop(Twice(relu), images, class_score(0)),
        (positive * (images > 0.5)).sum(dim=1),
    )
    torch.testing.assert_close(deconvnet(Twice(relu), images, class_score(0)), positive.sum(dim=1))


@every_way
@pytest.mark.parametrize("method", [guided_backprop, deconvnet])
def test_what_turns_negative_on_the_way_ends_there(method, relu) -> None:
    """Positive behind the second ReLU, it is negative behind the first: relu(2 - relu(x))."""
    found = method(Twice(relu, sign=-1.0, shift=2.0), pixels(), class_score(0))
    torch.testing.assert_close(found, torch.zeros(2, 4, 3))


@every_architecture
@pytest.mark.parametrize(
    ("method", "peer"), [(guided_backprop, "GuidedBackprop"), (deconvnet, "Deconvolution")]
)
def test_captum_finds_the_same(architecture, method, peer) -> None:
    network, images = architecture()
    targets = [1, 3, 0]
    with quiet():
        theirs = getattr(captum(), peer)(unshared(network)).attribute(
            images.clone(), target=torch.tensor(targets)
        )
    ours = method(network, images, class_score(targets))
    assert theirs.abs().max() > 1e-3
    torch.testing.assert_close(ours, theirs.sum(dim=1), rtol=1e-5, atol=1e-9)
    assert not torch.allclose(ours, torch.zeros_like(ours), atol=1e-4)


LAYERS = {"inplace_relu": "layer4", "reused_relu": "third", "depthwise": "block3"}


@every_architecture
def test_captum_finds_the_same_guided_grad_cam(architecture) -> None:
    network, images = architecture()
    copy, layer = unshared(network), LAYERS[architecture.__name__]
    if architecture.__name__ == "inplace_relu":
        images = images[:, :, :64, :64]
    node = {"layer4": "layer4.0.bn2", "third": "third", "block3": "block3.4"}[layer]
    with quiet():
        theirs = (
            captum()
            .GuidedGradCam(copy, copy.get_submodule(node))
            .attribute(images.clone(), target=2, interpolate_mode="bilinear")
        )
    ours = guided_grad_cam(network, images, class_score(2), layer=node)
    assert theirs.abs().max() > 1e-5
    torch.testing.assert_close(ours, theirs.sum(dim=1), rtol=1e-5, atol=1e-9)


def test_captum_passes_functional_relus_by() -> None:
    """The paper's rule is for the activation, not for the class that computes it."""
    images = pixels()
    with quiet():
        theirs = captum().GuidedBackprop(Twice(F.relu)).attribute(images.clone(), target=0)
    ours = guided_backprop(Twice(F.relu), images, class_score(0))
    assert ours.min() >= 0
    assert theirs.sum(dim=1).min() < -0.1


@pytest.mark.parametrize(
    ("activation", "name"),
    [
        (nn.SiLU(inplace=True), "SiLU"),
        (nn.GELU(), "GELU"),
        (nn.ReLU6(), "ReLU6 or hard tanh"),
        (nn.Hardswish(), "hard-swish"),
        (nn.LeakyReLU(), "leaky ReLU"),
        (nn.LeakyReLU(inplace=True), "leaky ReLU"),
        (nn.PReLU(), "PReLU"),
        (nn.RReLU(), "randomised ReLU"),
        (nn.ELU(), "ELU"),
        (nn.SELU(), "ELU"),
        (nn.CELU(), "CELU"),
        (nn.Mish(), "Mish"),
        (nn.Softplus(), "softplus"),
        (torch.tanh, "tanh"),
        (lambda x: x.clamp(0, 6), "ReLU with an upper limit"),
        (nn.Identity(), "no ReLU"),
        (lambda x: x * (x > 0), "no ReLU"),
        (lambda x: torch.maximum(x, x * 0), "no ReLU"),
    ],
)
@pytest.mark.parametrize("method", [guided_backprop, deconvnet, guided_grad_cam])
def test_other_activations_are_refused_by_name(method, activation, name) -> None:
    with pytest.raises(ExplainError, match=f"{name} runs on the way to the score") as caught:
        method(Twice(activation), pixels(), class_score(0))
    assert caught.value.code == "explain-rectifiers"
    assert str(caught.value).startswith(f"{method.__name__}".replace("guided_grad_cam", "guided_"))


class OwnReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx, gradient):
        return gradient * (ctx.saved_tensors[0] > 0)


def test_a_function_with_its_own_gradient_is_refused() -> None:
    network = Twice(lambda x: OwnReLU.apply(x).relu())
    with pytest.raises(ExplainError, match="gradient of its own runs, OwnReLU"):
        guided_backprop(network, pixels(), class_score(0))


def test_a_gate_is_no_activation() -> None:
    """A sigmoid that scales channels goes back by its derivative."""

    def gated(x: Tensor) -> Tensor:
        return x.relu() * x.mean(dim=(2, 3), keepdim=True).sigmoid()

    assert guided_backprop(Twice(gated), pixels(), class_score(0)).abs().max() > 0.1


def test_an_activation_in_a_part_that_the_score_does_not_see_decides_nothing() -> None:
    class Aside(Twice):
        def forward(self, images: Tensor) -> Tensor:
            self.aside = F.silu(images)
            return super().forward(images)

    images = pixels()
    torch.testing.assert_close(
        guided_backprop(Aside(F.relu), images, class_score(0)),
        guided_backprop(Twice(F.relu), images, class_score(0)),
    )


def test_a_full_backward_hook_of_the_users_is_no_obstacle() -> None:
    network, images = (
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten()),
        torch.ones(1, 3, 5, 5),
    )
    plain = guided_backprop(network, images, class_score(0))
    network[1].register_full_backward_hook(lambda *_: None)
    torch.testing.assert_close(guided_backprop(network, images, class_score(0)), plain)


def tensors() -> int:
    gc.collect()
    return sum(type(thing) is Tensor for thing in gc.get_objects())


def test_nothing_is_held_after_the_call() -> None:
    network, images = Twice(F.relu), pixels()
    guided_backprop(network, images, class_score(0))
    before = tensors()
    for _ in range(5):
        guided_backprop(network, images, class_score(0))
    assert tensors() == before
