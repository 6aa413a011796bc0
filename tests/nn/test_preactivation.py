"""Convolutions that normalise their input: the order of the parts, and how they begin."""

import pytest
import torch
from torch import nn

from striate.nn import norm_conv


def test_it_normalises_then_activates_then_convolves():
    torch.manual_seed(0)
    block = norm_conv(3, 5, 3)
    x = torch.randn(4, 3, 6, 7) * 2 + 1
    mean, variance = x.mean(dim=(0, 2, 3)), x.var(dim=(0, 2, 3), correction=0)
    normal = (x - mean[:, None, None]) / (variance[:, None, None] + 1e-5).sqrt()
    expected = nn.functional.conv2d(normal.clamp_min(0), block.conv.weight, padding=1)
    torch.testing.assert_close(block(x), expected)
    assert [name for name, _ in block.named_children()] == ["norm", "act", "conv"]
    assert block.conv.bias is None


@pytest.mark.parametrize(("kernel_size", "stride"), [(1, 1), (1, 2), (3, 1), (3, 2), (5, 2)])
def test_the_size_is_divided_by_the_stride_and_rounded_up(kernel_size, stride):
    block = norm_conv(2, 4, kernel_size, stride).eval()
    assert block(torch.zeros(1, 2, 7, 8)).shape == (1, 4, -(-7 // stride), -(-8 // stride))


def test_the_convolution_begins_he_normal():
    torch.manual_seed(0)
    weight = norm_conv(64, 256, 3).conv.weight
    assert weight.std().item() == pytest.approx((2 / (9 * 256)) ** 0.5, rel=0.02)
