"""The small residual networks: weights that others trained vouch for them, on real images."""

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from striate import zoo
from striate.metrics.intervals import wilson
from zoo.parity import count

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def cifar_test(folder):
    """Images [N, 3, 32, 32] as the weights want them, and labels [N], classes by name."""
    images, labels = [], []
    for label, of_class in enumerate(sorted((folder / "cifar10-subset/test").iterdir())):
        for path in sorted(of_class.iterdir()):
            images.append(np.asarray(Image.open(path)))
            labels.append(label)
    pixels = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2) / 255  # [N, 3, 32, 32]
    mean, std = (torch.tensor(numbers)[:, None, None] for numbers in (MEAN, STD))
    return (pixels - mean) / std, torch.tensor(labels)


def right(network, images, labels):
    network.eval()
    with torch.inference_mode():
        answers = torch.cat([network(part) for part in images.split(250)])
    return int((answers.argmax(dim=1) == labels).sum())


@pytest.mark.parametrize(
    ("name", "published"),
    [("resnet20", 0.9173), pytest.param("resnet56", 0.9339, marks=pytest.mark.slow)],
)
def test_published_weights_reach_the_published_accuracy(shared_data, name, published):
    network = zoo.create(f"{name}_cifar")
    state = load_file(shared_data / f"weights/{name}-cifar10.safetensors")
    report = zoo.load_foreign_state(network, state)
    assert report.source == "akamaster"
    assert report.fresh == report.unused == report.adapted == ()
    images, labels = cifar_test(shared_data)
    assert len(labels) == 2000
    interval = wilson(right(network, images, labels), len(labels))
    assert interval.low <= published <= interval.high


def test_the_original_file_holds_the_same_weights(shared_data):
    file = shared_data / "weights/resnet20-12fca82f.th"
    original = torch.load(file, weights_only=True, map_location="cpu")["state_dict"]
    copy = load_file(shared_data / "weights/resnet20-cifar10.safetensors")
    networks = [zoo.create("resnet20_cifar") for _ in range(2)]
    reports = [
        zoo.load_foreign_state(network, state)
        for network, state in zip(networks, [original, copy], strict=True)
    ]
    assert reports[0] == reports[1]
    states = [network.state_dict() for network in networks]
    assert all(
        torch.equal(states[0][key], states[1][key])
        for key in states[0]
        if not key.endswith("num_batches_tracked")
    )


@pytest.mark.parametrize("depth", [20, 32, 44, 56, 110])
def test_a_plain_twin_has_the_same_weights(depth):
    with torch.device("meta"):
        residual, plain = (zoo.create(f"{kind}{depth}_cifar") for kind in ("resnet", "plain"))
    assert count(residual) == count(plain)
    shapes = [[p.shape for p in network.parameters()] for network in (residual, plain)]
    assert shapes[0] == shapes[1]
    layers = [m for m in residual.modules() if isinstance(m, torch.nn.Conv2d | torch.nn.Linear)]
    assert len(layers) == depth


def test_shortcut_a_takes_every_other_pixel_and_pads_with_zero_channels():
    block = zoo.create("resnet20_cifar").features.stage2[0]
    x = torch.randn(2, 16, 5, 6)
    shortcut = block.shortcut(x)
    assert shortcut.shape == (2, 32, 3, 3)
    assert torch.equal(shortcut[:, 8:24], x[:, :, ::2, ::2])
    assert not shortcut[:, :8].any()
    assert not shortcut[:, 24:].any()


def test_the_twins_differ_by_the_shortcut_alone():
    torch.manual_seed(0)
    residual, plain = (
        zoo.create(f"{kind}20_cifar").eval().features.stage1[0] for kind in ("resnet", "plain")
    )
    pairs = zip(residual.parameters(), plain.parameters(), strict=True)
    for ours, theirs in pairs:
        theirs.data.copy_(ours.data)
    x = torch.randn(2, 16, 8, 8)
    assert torch.equal(residual(x), (residual.branch(x) + x).relu())
    assert torch.equal(plain(x), residual.branch(x).relu())


def test_shortcuts_keep_the_gradient_of_a_deep_network_small():
    growth = {}
    for kind in ("resnet", "plain"):
        torch.manual_seed(0)
        network = zoo.create(f"{kind}110_cifar")
        answers = network(torch.randn(4, 3, 32, 32))
        torch.nn.functional.cross_entropy(answers, torch.arange(4)).backward()
        convolutions = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d)]
        ends = [convolutions[place].weight.grad.norm().item() for place in (0, -1)]
        growth[kind] = ends[0] / ends[1]
    assert growth["resnet"] < 100
    assert growth["plain"] > 1e6
