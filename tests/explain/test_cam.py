"""CAM and Grad-CAM: definitions in loops, closed answers, refusals; no method leaves a trace."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from striate.errors import ExplainError, UnknownName
from striate.explain import METHODS, cam, class_score, grad_cam

# attention_rollout refuses networks without attention; its tests are test_attention.py
EVERY = {name: method for name, method in METHODS.items() if name != "attention_rollout"}
every_method = pytest.mark.parametrize("method", EVERY.values(), ids=list(EVERY))
CAMS = {name: method for name, method in METHODS.items() if "cam" in name}
every_cam = pytest.mark.parametrize("method", CAMS.values(), ids=list(CAMS))


class Small(nn.Module):
    """Two convolutions, norms and ReLUs (one of them functional), a map of 8 x 6, a head."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1),
            nn.BatchNorm2d(8),
            nn.ReLU(inplace=inplace),
            nn.MaxPool2d(2),
            nn.Conv2d(8, 6, 3, padding=1),
            nn.BatchNorm2d(6),
            nn.ReLU(inplace=inplace),
        )
        self.head = nn.Linear(6, 5)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.features(images).mean(dim=(2, 3)))


def fresh(inplace: bool = False) -> tuple[Small, Tensor]:
    torch.manual_seed(0)
    network = Small(inplace)
    for norm in (network.features[1], network.features[5]):
        nn.init.uniform_(norm.running_mean, -0.5, 0.5)
        nn.init.uniform_(norm.running_var, 0.5, 2.0)
        nn.init.uniform_(norm.weight, 0.5, 1.5)
    nn.init.normal_(network.head.weight)
    return network, torch.randn(3, 3, 16, 12)


def by_hand(network: Small, images: Tensor, target: int, upto: int) -> Tensor:
    """Equations 1 and 2 of the paper, image by image and channel by channel."""
    network.eval()
    found = []
    for image in images:
        maps = network.features[:upto](image[None]).detach().requires_grad_()
        pooled = network.features[upto:](maps).mean(dim=(2, 3))
        logit = network.head(pooled)[0, target]
        (gradient,) = torch.autograd.grad(logit, maps)
        heat = torch.zeros(maps.shape[2:])
        for k in range(maps.shape[1]):
            weight = sum(gradient[0, k].flatten().tolist()) / gradient[0, k].numel()
            heat += weight * maps[0, k].detach()
        heat = heat.clamp(min=0)
        found.append(F.interpolate(heat[None, None], size=image.shape[1:], mode="bilinear")[0, 0])
    return torch.stack(found)


@pytest.mark.parametrize(("layer", "upto"), [("features", 7), ("features.4", 5), ("features.2", 3)])
@pytest.mark.parametrize("target", range(5))
def test_grad_cam_is_its_definition(layer: str, upto: int, target: int) -> None:
    network, images = fresh()
    ours = grad_cam(network, images, class_score(target), layer=layer)
    torch.testing.assert_close(ours, by_hand(network, images, target, upto), rtol=1e-5, atol=1e-6)


def test_some_of_those_maps_are_not_empty() -> None:
    network, images = fresh()
    heats = [grad_cam(network, images, class_score(k)).amax() for k in range(5)]
    assert sum(float(h) > 0.01 for h in heats) >= 3


class Totals(nn.Module):
    """Two channels, and the score of a class is the sum over one of them."""

    def __init__(self) -> None:
        super().__init__()
        self.maps = nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        return self.maps(images).sum(dim=(2, 3)) * torch.tensor([1.0, -2.0])


def test_a_sum_over_a_channel_is_explained_by_that_channel() -> None:
    """d score / d A_k is 1 or -2 everywhere, so the map is relu(A_0) or relu(-2 A_1), exactly."""
    images = torch.randn(2, 2, 5, 4)
    first, second = (grad_cam(Totals(), images, class_score(k)) for k in (0, 1))
    torch.testing.assert_close(first, images[:, 0].relu())
    torch.testing.assert_close(second, (-2 * images[:, 1]).relu())


@every_method
@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("grad", [torch.no_grad, torch.enable_grad, torch.inference_mode])
def test_a_method_leaves_no_trace(method, frozen, grad) -> None:
    network, images = fresh()
    network.train()
    network.features[0].eval()
    network.head.weight.grad = torch.ones_like(network.head.weight)
    network.features[0].weight.requires_grad_(False)
    if frozen:
        network.requires_grad_(False)
    wants = [p.requires_grad for p in network.parameters()]
    modes = [m.training for m in network.modules()]
    before = {k: v.clone() for k, v in network.state_dict().items()}
    with grad():
        heat = method(network, images, class_score(3))
        assert torch.is_grad_enabled() == (grad is torch.enable_grad)
    assert heat.shape == (3, 16, 12)
    assert heat.dtype == images.dtype
    assert not heat.requires_grad
    assert [m.training for m in network.modules()] == modes
    assert [p.requires_grad for p in network.parameters()] == wants
    assert torch.equal(network.head.weight.grad, torch.ones_like(network.head.weight))
    assert [p.grad for p in network.features.parameters()] == [None] * 8
    assert not images.requires_grad
    assert images.grad is None
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())


@every_method
def test_images_are_explained_alone(method) -> None:
    network, images = fresh()
    both = method(network, images, class_score([1, 4, 0]))
    torch.testing.assert_close(both[1:2], method(network, images[1:2], class_score(4)))


@every_method
def test_mode_memory_format_and_inplace_change_nothing(method) -> None:
    network, images = fresh()
    plain = method(network.eval(), images, class_score(2))
    assert plain.amax() > 0
    torch.testing.assert_close(method(network.train(), images, class_score(2)), plain)
    wide = images.to(memory_format=torch.channels_last)
    channels_last = network.to(memory_format=torch.channels_last)
    torch.testing.assert_close(method(channels_last, wide, class_score(2)), plain)
    network.requires_grad_(False)
    torch.testing.assert_close(method(network, images, class_score(2)), plain)
    inplace, _ = fresh(inplace=True)
    torch.testing.assert_close(method(inplace, images, class_score(2)), plain)


def test_an_inplace_relu_behind_the_layer_does_not_change_its_maps() -> None:
    (plain, images), (inplace, _) = fresh(), fresh(inplace=True)
    for layer in ("features.1", "features.5"):
        ours = grad_cam(inplace, images, class_score(1), layer=layer)
        torch.testing.assert_close(ours, grad_cam(plain, images, class_score(1), layer=layer))


class FrozenPart(nn.Module):
    """A backbone that runs under no_grad, as people write it when they train a head alone."""

    def __init__(self, inner: Small) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, images: Tensor) -> Tensor:
        with torch.no_grad():
            features = self.inner.features(images)
        return self.inner.head(features.mean(dim=(2, 3)))


def test_a_backbone_under_no_grad_is_explained() -> None:
    network, images = fresh()
    wrapped = grad_cam(FrozenPart(network), images, class_score(2), layer="inner.features")
    torch.testing.assert_close(wrapped, grad_cam(network, images, class_score(2)))


def test_the_backward_pass_ends_at_the_layer() -> None:
    network, images = fresh()
    reached = []
    network.features[0].register_full_backward_hook(lambda *_: reached.append(1))
    grad_cam(network, images, class_score(0), layer="features.4")
    assert reached == []


def test_hooks_are_removed_when_interrupted() -> None:
    network, images = fresh()

    def interrupted(logits: Tensor) -> Tensor:
        raise KeyboardInterrupt

    network.train()
    with pytest.raises(KeyboardInterrupt):
        grad_cam(network, images, interrupted)
    assert not any(m._forward_hooks for m in network.modules())
    assert all(m.training for m in network.modules())
    assert torch.is_grad_enabled()


class Reused(nn.Module):
    """One ReLU module that runs twice."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3)
        self.relu, self.head = nn.ReLU(), nn.Linear(4, 2)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.relu(self.second(self.relu(self.first(images))))
        return self.head(maps.mean(dim=(2, 3)))


def test_of_a_reused_module_the_last_run_counts() -> None:
    torch.manual_seed(0)
    network, images = Reused(), torch.randn(2, 3, 9, 9)
    maps = network.second(network.first(images).relu()).relu()
    weights = network.head.weight[1][:, None, None] / maps[0, 0].numel()
    heat = (weights * maps).sum(dim=1, keepdim=True).relu()
    heat = F.interpolate(heat, size=(9, 9), mode="bilinear")[:, 0].detach()
    torch.testing.assert_close(grad_cam(network, images, class_score(1)), heat)


def test_an_unknown_layer_is_named_with_its_neighbours() -> None:
    network, images = fresh()
    with pytest.raises(UnknownName, match=r"No layer is named 'feature'\. Did you mean 'features'"):
        grad_cam(network, images, class_score(0), layer="feature")


@pytest.mark.parametrize(
    ("layer", "score", "code", "message"),
    [
        ("head", class_score(0), "explain-layer-shape", r"'head' must give a map .*got \[3, 5\]"),
        (None, class_score(5), "explain-target", r"targets must be 0 to 4, got 5"),
        (None, class_score([1, 2]), "explain-target", r"one target per image .*got 2 for 3"),
        (None, torch.Tensor.mean, "explain-score-shape", r"one number per image, \[3\], got \[\]"),
        (None, lambda y: y.detach()[:, 0], "explain-no-gradient", r"does not depend on"),
    ],
)
def test_refusals_say_why(layer, score, code, message) -> None:
    network, images = fresh()
    with pytest.raises(ExplainError, match=message) as caught:
        grad_cam(network, images, score, layer=layer)
    assert caught.value.code == code


def test_a_layer_that_does_not_run_is_refused() -> None:
    network, images = fresh()
    network.spare = nn.Conv2d(3, 3, 1)
    with pytest.raises(ExplainError, match="'spare' did not run") as caught:
        grad_cam(network, images, class_score(0), layer="spare")
    assert caught.value.code == "explain-layer-not-run"


def test_a_layer_that_gives_a_tuple_is_refused() -> None:
    class Pair(nn.Module):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return x, x

    class Uses(Small):
        def __init__(self) -> None:
            super().__init__()
            self.pair = Pair()

        def forward(self, images: Tensor) -> Tensor:
            return super().forward(self.pair(images)[0])

    with pytest.raises(ExplainError, match="one floating-point tensor, got tuple") as caught:
        grad_cam(Uses(), torch.randn(1, 3, 16, 12), class_score(0), layer="pair")
    assert caught.value.code == "explain-layer-output"


class Compiled(nn.Module):
    """What `torch.compile` gives: the module as `_orig_mod`, and code that knows no hooks."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self._orig_mod = inner

    def forward(self, images: Tensor) -> Tensor:
        raise AssertionError("compiled code ran")


def test_a_compiled_network_is_explained_by_its_own_modules() -> None:
    network, images = fresh()
    torch.testing.assert_close(
        grad_cam(Compiled(network), images, class_score(2)),
        grad_cam(network, images, class_score(2)),
    )


def cam_by_hand(network: Small, images: Tensor, target: int) -> Tensor:
    """Equation 2 of the paper, channel by channel."""
    maps = network.eval().features(images).detach()
    heat = sum(network.head.weight[target, k].item() * maps[:, k] for k in range(maps.shape[1]))
    return F.interpolate(heat[:, None], size=images.shape[2:], mode="bilinear")[:, 0]


def test_cam_is_its_definition() -> None:
    network, images = fresh()
    for target in range(5):
        ours = cam(network, images, class_score(target))
        torch.testing.assert_close(ours, cam_by_hand(network, images, target))
    lowest = [cam(network, images, class_score(target)).amin() for target in range(5)]
    assert min(lowest) < -0.1  # not clipped


def test_a_cam_of_the_layers_own_size_averages_to_the_logit_without_bias() -> None:
    images = torch.randn(2, 3, 16, 12)
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5)
    )
    logits = (network(images) - network[3].bias).detach()
    for target in range(5):
        ours = cam(network, images, class_score(target), layer="0")
        torch.testing.assert_close(ours.mean(dim=(1, 2)), logits[:, target])


def test_cam_takes_a_relu_that_runs_as_a_function_before_pooling() -> None:
    class Bare(Small):
        def forward(self, images: Tensor) -> Tensor:
            return self.head(self.features[:6](images).relu().mean(dim=(2, 3)))

    network, images = fresh()
    bare = Bare().eval()
    bare.load_state_dict(network.state_dict())
    ours = cam(bare, images, class_score(1), layer="features.5")
    torch.testing.assert_close(ours, cam(network, images, class_score(1)))


def test_cam_of_a_difference_is_the_difference_of_cams() -> None:
    network, images = fresh()
    both = cam(network, images, lambda logits: logits[:, 1] - 2 * logits[:, 3])
    one, other = (cam(network, images, class_score(k)) for k in (1, 3))
    torch.testing.assert_close(both, one - 2 * other)


class TwoLayers(Small):
    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(5, 5)

    def forward(self, images: Tensor) -> Tensor:
        return self.last(super().forward(images))


class Peaks(Small):
    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.features(images).amax(dim=(2, 3)))


class Probable(Small):
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images).softmax(dim=1)


def convolutional() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 5, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (TwoLayers, "'last' is not given the means of the maps of 'features'"),
        (Peaks, "'head' is not given the means of the maps of 'features'"),
        (Probable, r"its answer is not what a linear layer gives \('head'\)"),
        (convolutional, r"its answer is not what a linear layer gives \('0'\)"),
    ],
)
def test_cam_refuses_other_heads(build, message) -> None:
    torch.manual_seed(0)
    network = build()
    with pytest.raises(ExplainError, match=message) as caught:
        cam(network, torch.randn(2, 3, 16, 12), class_score(0))
    assert caught.value.code == "explain-no-linear-head"
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())


def test_cam_refuses_a_score_without_a_slope() -> None:
    network, images = fresh()
    with pytest.raises(ExplainError, match="does not depend on the logits") as caught:
        cam(network, images, lambda logits: logits.detach()[:, 0])
    assert caught.value.code == "explain-no-gradient"


class Shifted(Small):
    """Takes something off its images: as a new tensor, or from the images themselves."""

    def __init__(self, inplace: bool) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images.sub_(0.5) if self.inplace else images - 0.5)


@every_cam
def test_a_network_that_works_on_its_images_in_place_does_not_reach_the_callers(method) -> None:
    network, images = fresh()
    kept, found = images.clone(), []
    for inplace in (False, True):
        shifted = Shifted(inplace)
        shifted.load_state_dict(network.state_dict())
        found.append(method(shifted, images, class_score(2)))
        assert torch.equal(images, kept)
    torch.testing.assert_close(*found)


class Viewing(Small):
    """Reads its maps as vectors, which only works where channels are not last."""

    def forward(self, images: Tensor) -> Tensor:
        maps = self.features(images)
        return self.head(maps.view(len(maps), 6, -1).mean(dim=2) + maps.view(len(maps), -1)[:, :1])


@every_cam
def test_a_network_that_views_maps_as_vectors_is_explained(method) -> None:
    network, images = fresh()
    viewing, reshaping = Viewing().requires_grad_(False), Viewing()
    viewing.load_state_dict(network.state_dict())
    reshaping.load_state_dict(network.state_dict())
    reshaping.features.append(nn.Identity())
    reshaping.features[-1].forward = lambda maps: maps.contiguous()
    if method is cam:
        pytest.skip("its head is not linear in the means")
    found = [method(each, images, class_score(2)) for each in (viewing, reshaping)]
    torch.testing.assert_close(*found)
