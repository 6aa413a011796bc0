"""MobileNets, the first version: Keras vouches for all widths.

Real weights are tried in test_real_weights.py.
"""

import pytest
import torch

from striate import zoo
from zoo.parity import check_same_answers_keras

SIZES = (64, (32, 96))  # Keras pads for sizes that halve evenly
WIDTHS = {
    "mobilenet_v1_0.25": 0.25,
    "mobilenet_v1_0.5": 0.5,
    "mobilenet_v1_0.75": 0.75,
    "mobilenet_v1": 1.0,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", WIDTHS)
def test_answers_of_keras(name):
    check_same_answers_keras(name, "MobileNet", SIZES, alpha=WIDTHS[name])


def test_the_body_is_that_of_the_papers_table():
    """Table 1 of the paper: what each stage gives for images of 224 pixels."""
    with torch.device("meta"):
        maps, shapes = torch.empty(1, 3, 224, 224), {}
        for name, part in zoo.create("mobilenet_v1").features.named_children():
            shapes[name] = (len(part), *(maps := part(maps)).shape[1:])
    assert shapes == {
        "stem": (3, 32, 112, 112),  # convolution, norm, activation
        "stage1": (1, 64, 112, 112),
        "stage2": (2, 128, 56, 56),
        "stage3": (2, 256, 28, 28),
        "stage4": (6, 512, 14, 14),
        "stage5": (2, 1024, 7, 7),
    }


def test_activations_stop_at_six():
    torch.manual_seed(0)
    network = zoo.create("mobilenet_v1_0.25").eval()
    activations = [part for part in network.modules() if hasattr(part, "act")]
    assert len(activations) == 27  # the stem and both halves of 13 blocks
    for part in activations:
        maps = part(1e4 * torch.randn(1, part.conv.weight.shape[1] * part.conv.groups, 8, 8))
        assert (maps.min().item(), maps.max().item()) == (0, 6)
