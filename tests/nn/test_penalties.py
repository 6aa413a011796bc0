"""Which weights a penalty counts."""

import pytest
import torch
from torch import nn

from striate import layers
from striate.errors import UnknownName, UsageError
from striate.layers import L1, L1L2, L2, Conv2D, Dense, SeparableConv2D
from striate.nn import Penalty, penalty, penalty_of


def built():
    stack = [
        SeparableConv2D(3, 2, kernel_regularizer=L2(0.5)),
        layers.BatchNormalization(),
        layers.Residual([Conv2D(3, 1, kernel_regularizer="l1")]),
        layers.Flatten(),
        layers.Maxout(4, kernel_regularizer=L1L2(0.1, 0.2)),
        Dense(2),
    ]
    return layers.build(stack, (4, 4, 2))


def test_each_layer_pays_for_its_own_kernel():
    network = built()
    weights = {name: weight.double() for name, weight in network.named_parameters()}
    separable = [
        weights[f"separable_conv2d_1_{part}.weight"] for part in ("depthwise", "pointwise")
    ]
    inner = weights["residual_1.branch.conv2d_1.weight"]
    maxout = weights["maxout_1.linear.weight"]
    expected = 0.5 * sum(weight.square().sum() for weight in separable)
    expected = expected + 0.01 * inner.abs().sum()
    expected = expected + 0.1 * maxout.abs().sum() + 0.2 * maxout.square().sum()
    assert penalty(network).item() == pytest.approx(expected.item())


def test_a_penalty_everywhere_counts_kernels_and_neither_biases_nor_norms():
    network = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(3, 2))
    kernels = [network[0].weight, network[3].weight]
    expected = 0.3 * sum(weight.square().sum() for weight in kernels)
    assert penalty(network, L2(0.3)).item() == pytest.approx(expected.item())
    assert penalty(network).item() == 0
    both = penalty(built(), L1(0.1)).item()
    assert both > penalty(built()).item()


def test_a_penalty_survives_the_part_of_a_network_that_gives_logits():
    network = layers.build([Dense(2, "softmax", kernel_regularizer="l2")], (3,))
    assert penalty(network[:-1]).item() == penalty(network).item() > 0


def test_l2_is_a_weight_decay_of_twice_its_strength():
    layer = layers.build([Dense(1, use_bias=False, kernel_regularizer=L2(0.05))], (3,))
    before = layer[0].weight.detach().clone()
    penalty(layer).backward()
    torch.testing.assert_close(layer[0].weight.grad, 2 * 0.05 * before)


def test_penalties_by_name_and_from_json():
    assert penalty_of("l2") == L2(0.01) == Penalty(l2=0.01)
    assert penalty_of(L1(0.3).to_json()) == L1(0.3)
    assert penalty_of(None) is None
    with pytest.raises(UnknownName, match=r"'l4'.*'l2'"):
        penalty_of("l4")
    with pytest.raises(UsageError, match=r"got 0\.1"):
        penalty_of(0.1)
