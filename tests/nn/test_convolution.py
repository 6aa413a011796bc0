"""Padding as TensorFlow pads, against a convolution over an image padded by hand."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from striate.nn import Conv2dSame, conv_norm


@settings(max_examples=60, deadline=None)
@given(
    size=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    kernel=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    dilation=st.integers(1, 2),
    groups=st.sampled_from([1, 2]),
)
def test_same_convolution_is_the_definition_written_slowly(size, kernel, stride, dilation, groups):
    torch.manual_seed(0)
    layer = Conv2dSame(2, 4, kernel, stride, dilation, groups).double()
    image = torch.randn(1, 2, *size, dtype=torch.float64)
    output = layer(image)
    assert output.shape[2:] == tuple(-(-n // s) for n, s in zip(size, stride, strict=True))
    before = [
        max((-(-n // s) - 1) * s + (k - 1) * dilation + 1 - n, 0) // 2
        for n, k, s in zip(size, kernel, stride, strict=True)
    ]
    far = 12  # zeros enough on every side
    wide = F.pad(image, (far,) * 4)
    for row, column in [(0, 0), (output.shape[2] - 1, output.shape[3] - 1)]:
        top = far + row * stride[0] - before[0]
        left = far + column * stride[1] - before[1]
        window = wide[:, :, top:, left:]
        alone = F.conv2d(window, layer.weight, layer.bias, 1, 0, dilation, groups)[0, :, 0, 0]
        torch.testing.assert_close(output[0, :, row, column], alone)


def test_the_odd_pixel_goes_right_and_below():
    layer = Conv2dSame(1, 1, 3, stride=2, bias=False)
    torch.nn.init.ones_(layer.weight)
    image = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert layer(image).flatten().tolist() == [45, 39, 66, 50]  # sums of 3x3 from pixels 0 and 2


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 3, 5, 7]), st.integers(1, 3))
def test_conv_norm_output_size(height, width, kernel, stride):
    with torch.device("meta"):
        output = conv_norm(2, 3, kernel, stride)(torch.empty(2, 2, height, width))
    assert output.shape == (2, 3, -(-height // stride), -(-width // stride))


@pytest.mark.parametrize(("act", "names"), [(nn.SiLU, "conv norm act"), (None, "conv norm")])
def test_conv_norm_is_convolution_norm_and_activation(act, names):
    block = conv_norm(2, 3, 3, act=act, gamma=0.5)
    assert [name for name, _ in block.named_children()] == names.split()
    assert block.conv.bias is None
    assert block.norm.weight.tolist() == [0.5] * 3


@pytest.mark.parametrize(
    ("kernel", "stride"), [(1, 1), (3, 1), ((1, 5), 1), (2, 1), (3, 2), (1, 2)]
)
def test_same_padding_of_conv_norm_is_that_of_the_convolution(kernel, stride):
    same = conv_norm(2, 3, kernel, stride, padding="same").conv
    reference = Conv2dSame(2, 3, kernel, stride, bias=False)
    reference.load_state_dict(same.state_dict())
    for size in ((7, 6), (8, 9)):
        x = torch.randn(2, 2, *size)
        torch.testing.assert_close(same(x), reference(x))


@pytest.mark.parametrize("groups", [1, 4, 64])
def test_conv_norm_begins_with_gradients_that_keep_their_size(groups):
    torch.manual_seed(0)
    conv = conv_norm(64, 64, 3, groups=groups).conv
    x = torch.randn(4, 64, 16, 16, requires_grad=True)
    (gradient,) = torch.autograd.grad(conv(x), x, torch.randn(4, 64, 16, 16))
    assert gradient[:, :, 1:-1, 1:-1].std().item() == pytest.approx(2**0.5, rel=0.15)


@pytest.mark.parametrize("padding", [None, "same"])
@pytest.mark.parametrize("kernel", [3, (5, 1)])
def test_a_dilated_convolution_with_its_norm_keeps_the_size(padding, kernel):
    conv = conv_norm(2, 3, kernel, padding=padding, dilation=4).conv
    x = torch.randn(1, 2, 9, 11)
    rows, columns = (3, 3) if kernel == 3 else kernel
    border = (4 * (rows // 2), 4 * (columns // 2))
    assert torch.equal(conv(x), F.conv2d(x, conv.weight, padding=border, dilation=4))
    assert conv(x).shape[2:] == x.shape[2:]
