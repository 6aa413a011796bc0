"""Inverted residuals and their gates, against the formulas."""

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from striate.nn import (
    InvertedResidual,
    SqueezeExcite,
    conv_norm,
    inverted_bottleneck,
    round_channels,
)


@pytest.mark.parametrize(
    ("in_channels", "stride", "added"), [(4, 1, True), (4, 2, False), (2, 1, False)]
)
def test_the_input_is_added_where_the_shape_stays(in_channels, stride, added):
    branch = inverted_bottleneck(conv_norm, in_channels, 12, 4, stride=stride)
    block = InvertedResidual(branch, in_channels, 4, stride).eval()
    x = torch.randn(2, in_channels, 7, 6)
    expected = branch(x) + x if added else branch(x)
    torch.testing.assert_close(block(x), expected)
    assert block(x).shape == (2, 4, -(-7 // stride), -(-6 // stride))
    assert block(x).min() < 0  # nothing is rectified at the narrow end


def test_a_skipped_block_is_the_identity_and_the_others_are_scaled():
    torch.manual_seed(0)
    block = InvertedResidual(nn.Conv2d(3, 3, 1, bias=False), 3, 3, 1, drop_path=0.25).train()
    x = torch.randn(400, 3, 2, 2)
    change, full = block(x) - x, block.branch(x)
    skipped = (change == 0).flatten(1).all(dim=1)
    torch.testing.assert_close(change[~skipped], full[~skipped] / 0.75, rtol=1e-4, atol=1e-5)
    assert 0.17 < skipped.float().mean() < 0.33
    torch.testing.assert_close(block.eval()(x), x + full)


def test_the_bottleneck_is_made_of_its_parts_in_order():
    conv = partial(conv_norm, act=nn.ReLU6)
    gate = SqueezeExcite(6, width=2)
    wide = inverted_bottleneck(conv, 3, 6, 4, 5, 2, gate)
    assert [name for name, _ in wide.named_children()] == ["expand", "depthwise", "gate", "project"]
    assert wide.depthwise.conv.weight.shape == (6, 1, 5, 5)
    assert wide.depthwise.conv.stride == (2, 2)
    assert [hasattr(part, "act") for part in (wide.expand, wide.depthwise, wide.project)] == [
        True,
        True,
        False,
    ]
    narrow = inverted_bottleneck(conv, 3, 3, 4)
    assert [name for name, _ in narrow.named_children()] == ["depthwise", "project"]


def test_a_gate_with_its_own_functions_is_the_formula():
    gate = SqueezeExcite(6, width=4, act=nn.SiLU, gate=nn.Hardsigmoid)
    x = torch.randn(2, 6, 5, 3)
    squeezed = x.mean((2, 3)) @ gate.squeeze.weight[:, :, 0, 0].T + gate.squeeze.bias
    expanded = F.silu(squeezed) @ gate.expand.weight[:, :, 0, 0].T + gate.expand.bias
    torch.testing.assert_close(gate(x), x * F.hardsigmoid(expanded)[:, :, None, None])
    assert squeezed.shape == (2, 4)


@given(st.floats(0.5, 3000))
def test_rounded_channels_fit_hardware_and_lose_little(channels):
    rounded = round_channels(channels)
    assert rounded % 8 == 0
    assert rounded >= 0.9 * channels
    assert rounded <= max(8, channels + 8)
