"""Networks of others, as they are: every method gives maps or refuses, and leaves no trace."""

import json
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from striate.errors import ExplainError
from striate.explain import METHODS, class_score
from torchvision_peer import torchvision_models
from zoo.parity import timm_network, torchvision_network

SIDE, CLASSES = 64, 5

NETWORKS: dict[str, Callable[[], nn.Module]] = {  # two in small sizes, or they take minutes
    **{
        name: lambda name=name: torchvision_network(name, num_classes=CLASSES)
        for name in (
            "resnet18",
            "squeezenet1_1",
            "mobilenet_v3_small",
            "shufflenet_v2_x0_5",
        )
    },
    "swin": lambda: torchvision_models().swin_transformer.SwinTransformer(
        patch_size=[4, 4],
        embed_dim=24,
        depths=[2, 2],
        num_heads=[2, 4],
        window_size=[4, 4],
        num_classes=CLASSES,
    ),
    "densenet": lambda: torchvision_models().densenet.DenseNet(
        growth_rate=8, block_config=(2, 3, 3, 2), num_init_features=16, num_classes=CLASSES
    ),
    **{
        name: lambda name=name: timm_network(name, num_classes=CLASSES)
        for name in ("regnetx_002", "resnest14d", "mobilevit_xxs", "ghostnet_050", "repvgg_a0")
    },
    "vit_tiny_patch16_224": lambda: timm_network(
        "vit_tiny_patch16_224", num_classes=CLASSES, img_size=SIDE
    ),
}

FEW: dict[str, dict[str, Any]] = {  # what is asked here needs no exact maps
    "integrated_gradients": {"steps": 4},
    "smoothgrad": {"samples": 3},
    "occlusion": {"window": 32, "stride": 16},
    "feature_ablation": {"segments": "grid", "count": 9},
    "rise": {"masks": 8},
    "lime": {"segments": "grid", "count": 9, "samples": 12},
    "kernel_shap": {"segments": "grid", "count": 9, "samples": 12},
    "meaningful_perturbation": {"iterations": 2},
}

LONG = ("score_cam",)  # as many runs as the layer has channels; asked once

HOOKS = [
    "_forward_hooks",
    "_forward_pre_hooks",
    "_backward_hooks",
    "_backward_pre_hooks",
    "_state_dict_hooks",
    "_load_state_dict_pre_hooks",
]


def used(build: Callable[[], nn.Module]) -> nn.Module:
    """A network in the middle of somebody's work: some modules train and some do not, some weights
    are frozen, some have gradients."""
    torch.manual_seed(0)
    network = build().double()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    for number, module in enumerate(network.modules()):
        module.training = number % 3 != 0
    for number, weight in enumerate(network.parameters()):
        weight.requires_grad_(number % 2 == 0)
        weight.grad = torch.full_like(weight, 0.5) if number % 4 == 0 else None
    return network


def state(network: nn.Module) -> dict[str, Any]:
    """All that a method must leave as it was, and that can be compared with ==."""
    return {
        name: (
            module.training,
            type(module),
            "forward" in vars(module),
            [len(getattr(module, hooks)) for hooks in HOOKS],
            [
                (key, id(weight), weight.requires_grad, weight._version, id(weight.grad))
                for key, weight in module.named_parameters(recurse=False)
            ],
            [(key, id(kept), kept._version) for key, kept in module.named_buffers(recurse=False)],
        )
        for name, module in network.named_modules()
    }


def tensors(network: nn.Module) -> dict[str, Tensor]:
    grads = {name: w.grad for name, w in network.named_parameters() if w.grad is not None}
    found = {**network.state_dict(), **{f"{name} grad": grad for name, grad in grads.items()}}
    return {name: tensor.clone() for name, tensor in found.items()}


def maps_of(method: str, network: nn.Module, images: Tensor, labels: list[int]) -> Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of sums that do not add up in so few steps
        return METHODS[method](network, images, class_score(labels), **FEW.get(method, {}))


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", NETWORKS)
def test_maps_or_a_reason_and_no_trace(name, tmp_path, capsys):
    network = used(NETWORKS[name])
    images = torch.randn(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1)).double()
    before, numbers, pixels = state(network), tensors(network), images.clone()
    refused = {}
    wrong = []
    for method in METHODS:
        try:
            maps = maps_of(method, network, images, [1, 3])
            alone = maps[1:] if method in LONG else maps_of(method, network, images[1:], [3])
        except ExplainError as error:
            refused[method] = str(error)
            if not error.code.startswith("explain-") or len(error.what) < 20:
                wrong.append(f"{method} refuses without a reason: {error}")
        else:
            if maps.shape != (2, SIDE, SIDE) or maps.dtype != images.dtype:
                wrong.append(f"{method} gives {list(maps.shape)} {maps.dtype}")
            elif not maps.isfinite().all():
                wrong.append(f"{method} gives numbers that are not finite")
            elif not (maps[1:] - alone).abs().max() <= 1e-6 * maps[1:].abs().max():
                wrong.append(f"{method} gives an image other maps in company")
            elif maps.requires_grad:
                wrong.append(f"{method} gives maps with a graph")
        if state(network) != before:
            wrong.append(f"{method} leaves a trace")
            before = state(network)
        if not torch.equal(images, pixels):
            wrong.append(f"{method} changes the images")
    after = tensors(network)
    assert numbers.keys() == after.keys()
    assert all(torch.equal(after[key], numbers[key]) for key in numbers)
    (tmp_path / "refused.json").write_text(json.dumps(refused, indent=2))
    with capsys.disabled():
        print(f"\n{name}: {len(METHODS) - len(refused)} of {len(METHODS)} methods", end="")
        print("".join(f"\n    {method}: {why}" for method, why in refused.items()))
    assert not wrong, "\n".join(wrong)


def test_twelve_networks():
    assert len(NETWORKS) == 12
