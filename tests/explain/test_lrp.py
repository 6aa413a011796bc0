"""Layer-wise relevance propagation against captum, its rules in loops, and its conservation."""

from copy import deepcopy
from importlib import import_module

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from explain.peers import (
    captum,
    every_architecture,
    quiet,
    reused_relu,
    signed_images,
    unshared,
)
from striate.errors import ExplainError, UsageError
from striate.explain import class_score
from striate.explain.lrp import lrp

TARGETS = [2, 0, 5]


def fuse(network: nn.Module) -> nn.Module:
    """The same function, every norm folded into its convolution by torch."""
    graph = fx.symbolic_trace(network.eval())
    for node in list(graph.graph.nodes):
        if node.op == "call_module" and isinstance(
            norm := graph.get_submodule(node.target), nn.BatchNorm2d
        ):
            before = node.args[0]
            graph.add_submodule(
                before.target, fuse_conv_bn_eval(graph.get_submodule(before.target), norm)
            )
            node.replace_all_uses_with(before)
            graph.graph.erase_node(node)
    graph.recompile()
    return graph


def for_captum(network: nn.Module) -> nn.Module:
    """The same function in modules that run once, with the norms folded in: captum sees no
    functions, has no notion of folding, and counts a shortcut twice unless it is a module."""
    graph = unshared(fuse(deepcopy(network).eval()))
    addition = import_module("captum.attr._utils.custom_modules").Addition_Module
    names = {"add": addition, "iadd": addition, "mean": None, "adaptive_avg_pool2d": None}
    for node in list(graph.graph.nodes):
        called = getattr(node.target, "__name__", node.target)
        if node.op not in ("call_function", "call_method") or called not in names:
            continue
        module = names[called]
        name = f"of_captum_{node.name}"
        graph.add_submodule(name, module() if module else nn.AdaptiveAvgPool2d(1))
        inputs = tuple(arg for arg in node.args if isinstance(arg, fx.Node))
        with graph.graph.inserting_before(node):
            new = graph.graph.call_module(name, inputs)
            if called == "mean":
                new = graph.graph.call_function(torch.flatten, (new, 1))
        node.replace_all_uses_with(new)
        graph.graph.erase_node(node)
    graph.recompile()
    return graph.eval()


def of_captum(network: nn.Module, images: Tensor, rule=None) -> Tensor:
    """captum's relevance summed over colours, every layer by `rule`; None: epsilon 1e-9."""
    for module in network.modules():
        if rule is not None and isinstance(module, nn.Conv2d | nn.Linear):
            module.rule = rule()
    with quiet():
        found = captum().LRP(network).attribute(images.clone(), target=TARGETS)
    return found.sum(dim=1).detach()


@every_architecture
def test_epsilon_equals_captum(architecture) -> None:
    network, images = architecture()
    found = lrp(network, images, class_score(TARGETS), rule="epsilon", epsilon=1e-9)
    peer = of_captum(for_captum(network), images)
    torch.testing.assert_close(found, peer, rtol=1e-5, atol=1e-7 * float(peer.abs().max()))


def plain_network(bias: bool = False) -> tuple[nn.Module, Tensor]:
    torch.manual_seed(7)
    network = nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1, bias=bias),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 8, 3, bias=bias),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(16, 6, bias=bias),
    )
    return network.double(), signed_images(8, 12)


def test_z_plus_equals_captum() -> None:
    network, images = plain_network()
    images = images.abs()  # captum's rule is for inputs that are not negative
    rule = import_module("captum.attr._utils.lrp_rules").Alpha1_Beta0_Rule
    for_them = fx.symbolic_trace(network)
    for_them = replace_flatten(for_them)
    peer = of_captum(for_them, images, rule)
    found = lrp(network, images, class_score(TARGETS), rule="z_plus", epsilon=1e-9)
    torch.testing.assert_close(found, peer, rtol=1e-5, atol=1e-7 * float(peer.abs().max()))


def replace_flatten(graph: fx.GraphModule) -> fx.GraphModule:
    """captum knows no nn.Flatten."""
    for node in list(graph.graph.nodes):
        if node.op == "call_module" and isinstance(graph.get_submodule(node.target), nn.Flatten):
            with graph.graph.inserting_before(node):
                node.replace_all_uses_with(
                    graph.graph.call_function(torch.flatten, (node.args[0], 1))
                )
            graph.graph.erase_node(node)
    graph.delete_all_unused_submodules()
    graph.recompile()
    return graph


def test_a_functional_shortcut_is_shared_where_captum_doubles_it() -> None:
    # Bach et al. 2015, eq. 2: relevance is conserved from layer to layer.
    torch.manual_seed(8)

    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.head = nn.Conv2d(3, 3, 1, bias=False), nn.Linear(12, 6, bias=False)

        def forward(self, images: Tensor) -> Tensor:
            return self.head((self.conv(images) + images).flatten(1))

    network, images = Residual().double(), signed_images(2, 2)
    scores = network(images)[range(3), TARGETS].detach()
    found = lrp(network, images, class_score(TARGETS), rule="epsilon", epsilon=1e-12)
    torch.testing.assert_close(found.sum(dim=(1, 2)), scores, rtol=1e-6, atol=1e-9)
    theirs = of_captum(network, images).sum(dim=(1, 2))
    assert ((theirs - scores).abs() > 0.5 * scores.abs()).any()


class Branching(nn.Module):
    """Without biases: a shortcut, a concatenation, in-place and functional ReLUs, three pools."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, padding=1, bias=False)
        self.second = nn.Conv2d(6, 6, 3, padding=1, groups=3, bias=False)
        self.third = nn.Conv2d(12, 5, 1, bias=False)
        self.head = nn.Linear(5, 6, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        maps = F.max_pool2d(F.relu_(self.first(images)), 3, 2, 1)
        maps = maps + self.second(maps).relu()
        maps = torch.cat([maps, F.avg_pool2d(maps, 3, 1, 1)], dim=1)
        maps = F.relu(self.third(maps), inplace=True)
        return self.head(F.adaptive_avg_pool2d(maps, 1).flatten(1))


@pytest.mark.parametrize(
    "options",
    [
        {"rule": "epsilon"},
        {"rule": "z_plus"},
        {"rule": "composite"},
        {"rule": "composite", "gamma": 0.25},
        {"rule": "composite", "low": -5.0, "high": 5.0},
        {"low": torch.full((1, 3, 1, 1), -5.0), "high": torch.full((1, 3, 1, 1), 5.0)},
    ],
    ids=["epsilon", "z_plus", "flat", "gamma", "box", "box of tensors"],
)
def test_relevance_is_conserved_without_biases(options) -> None:
    torch.manual_seed(9)
    network, images = Branching().double(), signed_images(12, 10)
    if options.get("rule") == "z_plus":  # a score that nothing excites would be lost
        network.head.weight.data.abs_()
    found = lrp(network, images, class_score(TARGETS), epsilon=1e-12, **options)
    scores = network(images)[range(3), TARGETS].detach()
    torch.testing.assert_close(found.sum(dim=(1, 2)), scores, rtol=1e-6, atol=1e-9)
    assert (found.flatten(1).std(dim=1) > 1e-4).all()


LOW, HIGH = -1.5, 2.0


def shares(rule: str, x: float, w: float) -> float:
    """What an input contributes to an output by each rule; a bias is an input of 1."""
    return {
        "epsilon": x * w,
        "z_plus": max(0.0, x * w),
        "gamma": x * w + 0.25 * max(0.0, x * w),
        "flat": 1.0,
        "box": x * w - LOW * max(0.0, w) - HIGH * min(0.0, w),
    }[rule]


def in_loops(rule: str, pixels: list, weight: list, bias: list, relevance: list) -> list:
    found = [0.0] * len(pixels)
    for k, row in enumerate(weight):
        terms = [shares(rule, x, w) for x, w in zip(pixels, row, strict=True)]
        z = sum(terms)
        if rule in ("epsilon", "z_plus", "gamma"):
            z += shares(rule, 1.0, bias[k])
        for j, term in enumerate(terms):
            found[j] += term / (z + (1e-6 if z >= 0 else -1e-6)) * relevance[k]
    return found


class Apart(nn.Module):
    """Pixels become colours: [1, 1, 2, 2] -> [1, 4, 1, 1]."""

    def forward(self, images: Tensor) -> Tensor:
        return images.reshape(1, 4, 1, 1)


@pytest.mark.parametrize("rule", ["epsilon", "z_plus", "gamma", "flat", "box"])
def test_every_rule_is_what_its_loops_say(rule: str) -> None:
    torch.manual_seed(10)
    tested, head = nn.Conv2d(4, 3, 1), nn.Linear(3, 1)
    parts = [Apart(), tested, nn.ReLU(), nn.Flatten(), head]
    if rule == "gamma":  # the composite's first layer is flat: let it be one that changes nothing
        parts.insert(0, nn.Conv2d(1, 1, 1, bias=False))
        parts[0].weight.data.fill_(1.0)
    network = nn.Sequential(*parts).double()
    pixels = torch.tensor([0.7, -1.2, 1.9, 0.4], dtype=torch.float64)
    images = pixels.view(1, 1, 2, 2)
    hidden = tested(pixels.view(1, 4, 1, 1)).relu().flatten().tolist()
    above = "z_plus" if rule == "z_plus" else "epsilon"
    score = network(images).item()
    relevance = in_loops(above, hidden, head.weight.tolist(), head.bias.tolist(), [score])
    weight = tested.weight.flatten(1).tolist()
    expected = in_loops(rule, pixels.tolist(), weight, tested.bias.tolist(), relevance)
    options = {
        "epsilon": {"rule": "epsilon"},
        "z_plus": {"rule": "z_plus"},
        "gamma": {"gamma": 0.25},
        "flat": {},
        "box": {"low": LOW, "high": HIGH},
    }[rule]
    found = lrp(network, images, class_score(0), **options).flatten()
    torch.testing.assert_close(found, torch.tensor(expected).double(), rtol=1e-5, atol=1e-7)


def test_a_norm_is_folded_into_the_layer_before_it() -> None:
    network, images = reused_relu()
    folded = fuse(deepcopy(network))
    for options in ({"rule": "epsilon"}, {"rule": "z_plus"}, {"gamma": 0.5}):
        expected = lrp(folded, images, class_score(TARGETS), **options)
        found = lrp(network, images, class_score(TARGETS), **options)
        torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-9)


class Gated(nn.Module):
    def __init__(self, gate) -> None:
        super().__init__()
        self.signal, self.control = nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False)
        self.gate = gate

    def forward(self, images: Tensor) -> Tensor:
        flat = images.flatten(1)
        return self.gate(self.control(flat)) * self.signal(flat)


@pytest.mark.parametrize(
    "gate", [torch.sigmoid, F.hardsigmoid, lambda x: F.relu6(x + 3) / 6, lambda x: x.softmax(1)]
)
def test_of_a_gated_signal_the_signal_takes_all(gate) -> None:
    torch.manual_seed(11)
    network = Gated(gate).double()
    images = signed_images(2, 2)[:2, :1]
    found = lrp(network, images, class_score([1, 3]), rule="epsilon", epsilon=1e-12).flatten(1)
    for image, target, shown in zip(images.flatten(1), [1, 3], found, strict=True):
        opened = gate(network.control(image)[None])[0, target].item()
        expected = image * network.signal.weight[target] * opened
        torch.testing.assert_close(shown, expected.detach(), rtol=1e-6, atol=1e-9)


def test_layer_normalisation_takes_the_deviation_for_a_constant() -> None:
    network, images = nn.Sequential(nn.Flatten(), nn.LayerNorm(4)).double(), signed_images(2, 2)
    found = lrp(network, images[:1, :1], class_score(2), rule="epsilon", epsilon=1e-12)
    pixels = images[0, 0].flatten()
    share = network(images[:1, :1])[0, 2].item() / (pixels[2] - pixels.mean())
    expected = share * pixels * (torch.eye(4)[2] - 0.25)  # Ali et al. 2022, eq. 9
    torch.testing.assert_close(found.flatten(), expected.detach(), rtol=1e-6, atol=1e-9)


def test_batches_modes_and_callers_without_gradients() -> None:
    network, images = reused_relu()
    expected = lrp(network, images, class_score(TARGETS))
    network.requires_grad_(False).train()
    with torch.inference_mode():
        found = lrp(network, images.clone(), class_score(TARGETS), batch_size=2)
    torch.testing.assert_close(found, expected)
    assert network.training
    assert lrp(network, images[:0], class_score([])).shape == (0, 20, 16)


def test_refuses_what_has_no_rule() -> None:
    images = signed_images(4, 4)

    class Attention(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            tokens = images.flatten(2)
            return F.scaled_dot_product_attention(tokens, tokens, tokens).mean(dim=1)

    with pytest.raises(ExplainError, match=r"lrp: bmm of \[3, 3, 3\] and .* has no rule") as caught:
        lrp(Attention(), images, class_score(0))
    assert caught.value.code == "explain-no-rule"
    with pytest.raises(ExplainError, match=r"mul of .* multiplies two signals, which has no rule"):
        lrp(Gated(torch.relu).double(), images[:, :1, :2, :2], class_score(0))
    with pytest.raises(ExplainError, match="mixes the images of a batch"):
        lrp(nn.InstanceNorm2d(3), images, lambda output: output.sum(dim=(1, 2, 3)))


def test_refuses_rules_and_bounds_that_do_not_exist() -> None:
    network, images = plain_network()
    with pytest.raises(UsageError, match=r"no rule 'beta'.*composite, epsilon, z_plus"):
        lrp(network, images, class_score(0), rule="beta")
    with pytest.raises(UsageError, match="needs both bounds"):
        lrp(network, images, class_score(0), low=0.0)
