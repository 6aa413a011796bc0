"""Densely connected networks: torchvision vouches for all, timm and Keras for some."""

import re

import pytest
import torch

from striate import zoo
from zoo.parity import (
    check_same_answers,
    check_same_answers_keras,
    check_same_gradients,
    perturb,
    timm_network,
    torchvision_network,
)

slow = pytest.mark.slow
SIZES = (40, (64, 45))


@pytest.mark.parametrize(
    "name",
    ["densenet121", *(pytest.param(f"densenet{n}", marks=slow) for n in (169, 201, 161))],
)
def test_answers_of_torchvision(name):
    check_same_answers(name, torchvision_network(name), "torchvision", sizes=SIZES)


@slow
@pytest.mark.parametrize("name", ["densenet121", "densenet161"])
def test_answers_of_timm(name):
    check_same_answers(name, timm_network(name), "timm", sizes=SIZES)


@slow
@pytest.mark.parametrize(
    ("name", "peer"), [(f"densenet{n}", f"DenseNet{n}") for n in (121, 169, 201)]
)
def test_answers_of_keras(name, peer):
    """In float32: Keras adds 1.001e-5 to a variance where everybody else adds 1e-5."""
    check_same_answers_keras(name, peer, SIZES)


@slow
def test_gradients_of_torchvision():
    peer = torchvision_network("densenet121")
    pair = check_same_answers("densenet121", peer, "torchvision", sizes=[64])
    check_same_gradients(*pair, "torchvision", 64)


def test_the_older_names_in_the_files_of_torchvision():
    peer = torchvision_network("densenet121")
    perturb(peer)
    older = {
        re.sub(r"(denselayer\d+\.(?:norm|conv))(\d)", r"\1.\2", key): tensor
        for key, tensor in peer.state_dict().items()
    }
    assert "features.denseblock1.denselayer1.norm.1.weight" in older
    networks = [zoo.create("densenet121") for _ in range(2)]
    reports = [
        zoo.load_foreign_state(network, state)
        for network, state in zip(networks, [peer.state_dict(), older], strict=True)
    ]
    assert [report.source for report in reports] == ["torchvision", "torchvision_files"]
    assert reports[1].unused == reports[1].fresh == ()
    new, old = (network.state_dict() for network in networks)
    assert all(torch.equal(new[key], old[key]) for key in new)


def test_every_layer_reads_all_before_it():
    torch.manual_seed(0)
    stage = zoo.create("densenet121").eval().features.stage1
    x = torch.randn(1, 64, 8, 8)
    maps = stage(x)
    assert maps.shape == (1, 64 + 6 * 32, 8, 8)
    assert torch.equal(maps[:, :64], x)
    assert [layer.branches[1][0].norm.num_features for layer in stage] == [*range(64, 256, 32)]


def test_the_pyramid_takes_the_dense_blocks():
    with torch.device("meta"):
        maps = zoo.FeatureMaps(zoo.create("densenet121"))
    assert maps.names == ("stage1", "stage2", "stage3", "norm")
    assert maps.channels == (256, 512, 1024, 1024)
    assert maps.strides == (4, 8, 16, 32)
