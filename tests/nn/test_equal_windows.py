"""Pooling to a given size by equal windows."""

import pytest
import torch
import torch.nn.functional as F

from striate.nn import AvgPool2dTo


@pytest.mark.parametrize(
    ("pixels", "size", "kernel", "stride"),
    [(14, 4, 5, 3), (17, 5, 5, 3), (8, 4, 2, 2), (4, 4, 1, 1), (7, 4, 4, 1)],
)
def test_windows_are_equal_and_reach_the_last_pixel(pixels, size, kernel, stride):
    x = torch.randn(2, 3, pixels, pixels)
    assert torch.equal(AvgPool2dTo(size)(x), F.avg_pool2d(x, kernel, stride))
    assert (size - 1) * stride + kernel == pixels


def test_axes_are_apart():
    x = torch.randn(1, 1, 14, 9)
    assert torch.equal(AvgPool2dTo(4)(x), F.avg_pool2d(x, (5, 3), (3, 2)))


def test_pixels_of_smaller_maps_are_repeated():
    x = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    expected = x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    assert torch.equal(AvgPool2dTo(4)(x), expected)
