"""Outlines: the shapes of a network, and nothing more."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from striate import zoo
from striate.nn.outline import outline


@pytest.mark.parametrize(
    "name", ["resnet18", "vit_small_16", "mobilenet_v3_small", "squeezenet1_1"]
)
def test_an_outline_has_the_shapes_of_the_network(name):
    with outline():
        thin = zoo.create(name, classes=3)
    whole = zoo.create(name, classes=3)
    assert {key: tensor.shape for key, tensor in thin.state_dict().items()} == {
        key: tensor.shape for key, tensor in whole.state_dict().items()
    }
    assert all(tensor.is_meta for tensor in thin.state_dict().values())


def test_outside_weights_are_drawn_as_ever():
    with outline():
        pass
    weight = nn.init.normal_(torch.zeros(1000))
    assert weight.std().item() == pytest.approx(1, abs=0.2)


def test_draws_given_by_name_are_left_out_too():
    with outline():
        weight = nn.init.normal_(tensor=torch.empty(3), std=2.0)
    assert weight.is_meta


def test_torchs_compiler_stays_unloaded():
    code = (
        "import sys\nfrom striate import zoo\nfrom striate.nn.outline import outline\n"
        "with outline():\n    zoo.create('mobilenet_v2'), zoo.create('resnet18')\n"
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
