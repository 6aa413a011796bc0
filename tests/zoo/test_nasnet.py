"""NASNet-A: Keras vouches for both, timm for the large one but for the borders of its pools."""

import pytest
import torch
from torch import nn

from striate import zoo
from striate.nn import DropPath
from striate.nn.cell_operations import ZeroBorder
from zoo.parity import (
    check_same_answers,
    check_same_answers_keras,
    check_same_gradients_keras,
    count,
    timm_network,
)

MOBILE = {  # Keras does not hand the mobile one out where it runs on torch
    "penultimate_filters": 1056,
    "num_blocks": 4,
    "stem_block_filters": 32,
    "skip_reduction": False,
}


@pytest.mark.slow
def test_answers_of_keras_for_the_mobile_one():
    check_same_answers_keras("nasnet_a_mobile", "nasnet.NASNet", [32], **MOBILE, default_size=32)


@pytest.mark.slow
def test_answers_and_gradients_of_keras_for_the_mobile_one():
    pair = check_same_answers_keras(
        "nasnet_a_mobile", "nasnet.NASNet", [(75, 96), 64], **MOBILE, default_size=64
    )
    check_same_gradients_keras(*pair, 64)


@pytest.mark.slow
def test_answers_of_keras_for_the_large_one():
    check_same_answers_keras("nasnet_a_large", "nasnet.NASNet", [64, (75, 96)], default_size=64)


class PooledLikeOurs(nn.Module):
    """A largest value of timm's that counts the zeros of its border, as ours does."""

    def __init__(self):
        super().__init__()
        self.pool = nn.Sequential(ZeroBorder(), nn.MaxPool2d(3, 2))

    def forward(self, x):
        return self.pool(x)


@pytest.mark.slow
def test_answers_of_timm():
    peer = timm_network("nasnetalarge")
    for name, module in [*peer.named_modules()]:
        if type(module).__name__ == "MaxPool2dSame":
            peer.set_submodule(name, PooledLikeOurs())
    check_same_answers("nasnet_a_large", peer, "timm", sizes=[64, (75, 96)])


@pytest.mark.parametrize(
    ("name", "published"), [("nasnet_a_mobile", 5_326_716), ("nasnet_a_large", 88_949_818)]
)
def test_the_counts_of_keras(name, published):
    with torch.device("meta"):
        network = zoo.create(name)
    statistics = sum(b.numel() for key, b in network.named_buffers() if "running" in key)
    assert count(network) + statistics == published


def test_paths_are_dropped_more_often_the_deeper_they_lie():
    with torch.device("meta"):
        rates = [m.rate for m in zoo.create("nasnet_a_large").modules() if isinstance(m, DropPath)]
    assert rates == pytest.approx([0.3 * (i + 1) / 22 for i in range(22)])
