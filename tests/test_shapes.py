"""Whole-number arithmetic against torch and against sets of pixels counted one by one."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from striate.errors import ShapeError
from striate.shapes import (
    Im2col,
    ReceptiveField,
    checked_shape,
    conv_weights,
    dense_weights,
    im2col,
    output_size,
    same_padding,
    unread,
    written,
)

sizes, kernels, strides = st.integers(1, 40), st.integers(1, 9), st.integers(1, 5)


@settings(max_examples=300, deadline=None)
@given(sizes, kernels, strides, st.integers(0, 6), st.integers(1, 4))
def test_output_size_is_torchs(size, kernel, stride, padding, dilation):
    ours = output_size(size, kernel, stride, (padding, padding), dilation)
    with torch.device("meta"):
        convolution = nn.Conv1d(1, 1, kernel, stride, padding, dilation)
        signal = torch.empty(1, 1, size)
    if ours >= 1:
        assert convolution(signal).shape == (1, 1, ours)
    else:
        with pytest.raises(RuntimeError):
            convolution(signal)


@settings(max_examples=300, deadline=None)
@given(sizes, kernels, strides, st.integers(1, 4))
def test_same_padding_gives_the_size_over_the_stride_rounded_up(size, kernel, stride, dilation):
    before, after = same_padding(size, kernel, stride, dilation)
    assert output_size(size, kernel, stride, (before, after), dilation) == -(-size // stride)
    assert after - before in (0, 1)
    if before:  # one pixel less would not do
        assert output_size(size, kernel, stride, (before, after - 1), dilation) < -(-size // stride)


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "expected"),
    [
        (224, 3, 2, (0, 1)),
        (225, 3, 2, (1, 1)),
        (5, 2, 1, (0, 1)),
        (7, 1, 3, (0, 0)),
        (6, 5, 1, (2, 2)),
    ],
)
def test_same_padding_as_tensorflow_documents_it(size, kernel, stride, expected):
    assert same_padding(size, kernel, stride) == expected


@settings(max_examples=200, deadline=None)
@given(sizes, kernels, strides, st.integers(0, 4), st.integers(1, 3))
def test_unread_pixels_are_those_without_a_gradient(size, kernel, stride, padding, dilation):
    if output_size(size, kernel, stride, (padding, padding), dilation) < 1:
        return
    convolution = nn.Conv1d(1, 1, kernel, stride, padding, dilation, bias=False)
    nn.init.ones_(convolution.weight)
    signal = torch.zeros(1, 1, size, requires_grad=True)
    (gradient,) = torch.autograd.grad(convolution(signal).sum(), signal)
    missing = unread(size, kernel, stride, (padding, padding), dilation)
    assert missing == frozenset((gradient[0, 0] == 0).nonzero().flatten().tolist())


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(0, 1)), max_size=3))
def test_receptive_field_is_the_support_of_the_gradient(windows):
    field, network = ReceptiveField(), nn.Sequential()
    for kernel, stride, padding in windows:
        field = field.through(kernel, stride, min(padding, kernel - 1))
        layer = nn.Conv1d(1, 1, kernel, stride, min(padding, kernel - 1), bias=False)
        nn.init.ones_(layer.weight)
        network.append(layer)
    signal = torch.zeros(1, 1, 200, requires_grad=True)
    position = (100 // field.jump) - 1  # far from both borders
    (gradient,) = torch.autograd.grad(network(signal)[0, 0, position], signal)
    support = gradient[0, 0].nonzero().flatten()
    gaps = any(stride > kernel for kernel, stride, _ in windows)
    first = field.start + position * field.jump
    assert support[0] == first
    assert support[-1] == first + field.size - 1
    assert gaps or len(support) == field.size


def test_the_centre_of_a_same_padded_field_is_its_own_pixel():
    field = ReceptiveField().through(3, padding=1).through(5, padding=2)
    assert (field.size, field.start, field.centre) == (7, -3, 0.0)


def test_two_paths_together_see_what_either_sees():
    wide, narrow = ReceptiveField(7, 2, -3), ReceptiveField(1, 2, 0)
    assert wide.union(narrow) == wide
    assert narrow.union(ReceptiveField(3, 2, 2)) == ReceptiveField(5, 2, 0)
    assert wide.union(ReceptiveField(7, 1, -3)) is None


@given(st.integers(1, 5), st.integers(1, 8), st.integers(1, 8), st.booleans())
def test_weights_are_torchs(kernel, channels, filters, bias):
    with torch.device("meta"):
        convolution = nn.Conv2d(channels, filters, kernel, bias=bias)
        linear = nn.Linear(channels, filters, bias=bias)
    assert conv_weights(kernel, channels, filters, bias=bias) == count(convolution)
    assert dense_weights(channels, filters, bias=bias) == count(linear)


def test_grouped_convolutions_see_fewer_channels():
    with torch.device("meta"):
        assert conv_weights((3, 5), 8, 12, groups=4) == count(nn.Conv2d(8, 12, (3, 5), groups=4))


def test_im2col_matches_unfold():
    patches = nn.functional.unfold(torch.zeros(1, 3, 9, 7), (3, 2), padding=1, stride=(2, 1))
    shapes = im2col((9, 7, 3), (3, 2), filters=5, stride=(2, 1), padding=1)
    assert shapes == Im2col(tuple(patches.shape[1:]), (5, 18), (5, patches.shape[2]))


def test_shapes_in_words():
    assert written((224, 224, 3)) == "224×224×3"
    assert written((10,)) == "10 features"


@pytest.mark.parametrize(
    ("shape", "hint"),
    [
        ((1, 2, 28, 28, 1), r"got \(1, 2, 28, 28, 1\)"),
        ((None, 28, 28, 1), r"batch axis: \(28, 28, 1\)"),
        ((0, 28, 1), r"got \(0, 28, 1\)"),
        ((28.0, 28, 1), r"got \(28.0, 28, 1\)"),
    ],
)
def test_a_wrong_input_shape_is_explained(shape, hint):
    with pytest.raises(ShapeError, match=hint) as caught:
        checked_shape("Input", shape)
    assert caught.value.code == "shape-bad-input"


def test_a_number_is_a_vector():
    assert checked_shape("Input", 784) == (784,)


def count(module):
    return sum(weight.numel() for weight in module.parameters())
