"""Separable convolutions: the two steps are one convolution whose kernel is their product."""

import pytest
import torch
import torch.nn.functional as F

from striate.nn import separable_norm


@pytest.mark.parametrize(("padding", "border"), [(None, 1), (0, 0)])
def test_the_two_steps_are_one_convolution_of_rank_one_kernels(padding, border):
    torch.manual_seed(0)
    block = separable_norm(3, 5, 3, 2, padding=padding).double().eval()
    x = torch.randn(2, 3, 9, 8, dtype=torch.float64)
    kernel = block.pointwise.weight * block.depthwise.weight[:, 0]  # [5, 3, 3, 3]
    expected = F.conv2d(x, kernel, stride=2, padding=border) / (1 + block.norm.eps) ** 0.5
    torch.testing.assert_close(block(x), expected)


def test_padded_as_tensorflow_pads_the_odd_pixel_goes_last():
    block = separable_norm(1, 1, 3, 2, padding="same").eval()
    torch.nn.init.ones_(block.depthwise.weight)
    torch.nn.init.ones_(block.pointwise.weight)
    counted = block(torch.ones(1, 1, 4, 4)) * (1 + block.norm.eps) ** 0.5
    torch.testing.assert_close(counted[0, 0], torch.tensor([[9.0, 6.0], [6.0, 4.0]]))


def test_it_begins_with_the_variance_of_its_input():
    torch.manual_seed(0)
    block = separable_norm(256, 256, 3)
    x = torch.randn(4, 256, 16, 16)
    inner = block.depthwise(x)[..., 1:-1, 1:-1]
    assert inner.var().item() == pytest.approx(1, rel=0.1)
    assert block.pointwise(inner).var().item() == pytest.approx(2, rel=0.1)  # as before a ReLU
