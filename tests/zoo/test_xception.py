"""Xception: Keras vouches.

timm's `legacy_xception` pads its pools on both sides and normalises with another epsilon.
"""

import pytest
import torch

from striate import zoo
from zoo.parity import check_same_answers_keras, check_same_gradients_keras, count


@pytest.mark.slow
def test_answers_of_keras():
    check_same_answers_keras("xception", "Xception", [71, (75, 96)])


@pytest.mark.slow
def test_gradients_of_keras():
    pair = check_same_answers_keras("xception", "Xception", [71], input_shape=(71, 71, 3))
    check_same_gradients_keras(*pair, 71)


def test_the_count_of_keras():
    with torch.device("meta"):
        network = zoo.create("xception")
    statistics = sum(b.numel() for name, b in network.named_buffers() if "running" in name)
    assert count(network) + statistics == 22_910_480
