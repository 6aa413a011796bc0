"""Inception v3: torchvision and timm vouch for it."""

import pytest
import torch
from torch import nn

from striate import zoo
from zoo.parity import (
    check_same_answers,
    check_same_gradients,
    perturb,
    timm_network,
    torchvision_network,
)


@pytest.mark.slow
def test_answers_and_gradients_of_torchvision():
    peer = torchvision_network("inception_v3")
    pair = check_same_answers("inception_v3", peer, "torchvision", sizes=((75, 96), 107))
    check_same_gradients(*pair, "torchvision", 75)


@pytest.mark.slow
def test_the_head_at_the_side_answers_as_torchvisions_does():
    peer = torchvision_network("inception_v3", num_classes=10)
    pair = check_same_answers("inception_v3", peer, "torchvision", sizes=[75], classes=10)
    for model in pair:
        model.train()
        for module in model.modules():
            if isinstance(module, nn.Dropout):
                module.eval()
    images = torch.randn(2, 3, 299, 299, dtype=torch.float64)
    with torch.no_grad():
        ours, theirs = (model(images) for model in pair)
    assert len(ours) == 2
    torch.testing.assert_close(ours[0], theirs.logits, rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(ours[1], theirs.aux_logits, rtol=1e-8, atol=1e-8)


@pytest.mark.slow
def test_answers_of_timm():
    """Its network has no head at the side: ours keeps its fresh weights there."""
    peer = timm_network("inception_v3")
    perturb(peer)
    network = zoo.create("inception_v3")
    report = zoo.load_foreign_state(network, peer.state_dict(), source="timm")
    assert report.adapted == report.unused == ()
    assert {name.split(".")[0] for name in report.fresh} == {"auxiliary"}
    images = torch.randn(2, 3, 75, 96, dtype=torch.float64)
    with torch.no_grad():
        ours, theirs = network.eval().double()(images), peer.eval().double()(images)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9 * theirs.abs().max().item())


def test_maps_of_table_1():
    with torch.device("meta"):
        network = zoo.create("inception_v3").eval()
        x, found = torch.empty(1, 3, 299, 299), {}
        for name, part in network.features.named_children():
            x = part(x)
            found[name] = tuple(x.shape[1:])
    assert found == {
        "stem1": (64, 147, 147),
        "pool1": (64, 73, 73),
        "stem2": (192, 71, 71),
        "pool2": (192, 35, 35),
        "mixed5b": (256, 35, 35),
        "mixed5c": (288, 35, 35),
        "mixed5d": (288, 35, 35),
        "mixed6a": (768, 17, 17),
        **{f"mixed6{part}": (768, 17, 17) for part in "bcde"},
        "mixed7a": (1280, 8, 8),
        "mixed7b": (2048, 8, 8),
        "mixed7c": (2048, 8, 8),
    }


def test_the_head_at_the_side_makes_5x5_windows_of_17x17_pixels():
    with torch.device("meta"):
        pool = zoo.create("inception_v3").auxiliary["mixed6e"].pool
    x = torch.randn(1, 2, 17, 17)
    assert torch.equal(pool(x), nn.functional.avg_pool2d(x, 5, 3))
    assert pool(torch.randn(1, 2, 3, 3)).shape == (1, 2, 5, 5)
