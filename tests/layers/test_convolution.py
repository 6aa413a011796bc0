"""Convolutions of all kinds against torch's own functions over inputs padded by hand."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from layers.parity import (
    check_parity,
    each,
    fits,
    kind,
    many_cases,
    paddings,
    ranks,
    same_borders,
    shapes,
    sizes,
)
from striate import layers
from striate.errors import ShapeError

CONVOLVE = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
PAINT = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}


def convolved(layer, rank, x, weight, bias, groups=1):
    """What torch gives for the layer's options."""
    stride, dilation = each(layer.strides, rank), each(layer.dilation_rate, rank)
    padding = 0 if layer.padding == "valid" else layer.padding
    if layer.padding == "same":
        x = F.pad(x, same_borders(x.shape[2:], weight.shape[2:], stride, dilation))
        padding = 0
    return CONVOLVE[rank](x, weight, bias, stride, padding, dilation, groups)


@many_cases
def test_convolution(cases):
    @settings(max_examples=2 * cases, deadline=None)
    @given(st.data(), ranks, st.sampled_from([1, 1, 2, 3]), st.booleans())
    def check(data, rank, groups, bias):
        shape = data.draw(shapes(rank, st.integers(1, 2).map(lambda n: n * groups)))
        layer = kind("Conv{}D", rank)(
            groups * data.draw(st.integers(1, 2)),
            data.draw(sizes(rank)),
            data.draw(sizes(rank, most=3)),
            data.draw(paddings(rank)),
            dilation_rate=data.draw(sizes(rank, most=3)),
            groups=groups,
            use_bias=bias,
        )
        if fits(layer, shape):
            check_parity(
                layer,
                shape,
                lambda x, w: convolved(layer, rank, x, w["weight"], w.get("bias"), groups),
            )
        else:
            kernel = torch.zeros(layer.filters, shape[-1] // groups, *each(layer.kernel_size, rank))
            with pytest.raises(RuntimeError, match="size"):
                convolved(layer, rank, torch.zeros(1, shape[-1], *shape[:-1]), kernel, None, groups)

    check()


@many_cases
def test_depthwise_convolution(cases):
    @settings(max_examples=cases, deadline=None)
    @given(shapes(2), sizes(2), sizes(2, most=3), paddings(2), st.integers(1, 3), sizes(2, most=2))
    def check(shape, kernel, strides, padding, multiplier, dilation):
        layer = layers.DepthwiseConv2D(kernel, strides, padding, multiplier, dilation_rate=dilation)

        def channel_by_channel(x, w):
            alone = [
                convolved(
                    layer,
                    2,
                    x[:, k : k + 1],
                    w["weight"][k * multiplier : (k + 1) * multiplier],
                    w["bias"][k * multiplier : (k + 1) * multiplier],
                )
                for k in range(shape[-1])
            ]
            return torch.cat(alone, dim=1)

        if fits(layer, shape):
            check_parity(layer, shape, channel_by_channel)

    check()


@many_cases
def test_separable_convolution(cases):
    @settings(max_examples=cases, deadline=None)
    @given(st.data(), st.integers(1, 2), st.integers(1, 3))
    def check(data, rank, multiplier):
        shape = data.draw(shapes(rank))
        layer = kind("SeparableConv{}D", rank)(
            data.draw(st.integers(1, 3)),
            data.draw(sizes(rank)),
            data.draw(sizes(rank, most=3)),
            data.draw(paddings(rank)),
            dilation_rate=data.draw(sizes(rank, most=2)),
            depth_multiplier=multiplier,
        )
        if not fits(layer, shape):
            return
        network = layers.build([layer], shape)
        assert [name.rpartition("_")[2] for name, _ in network.named_children()] == [
            "depthwise",
            "pointwise",
        ]

        def in_two_steps(x, w):
            between = convolved(layer, rank, x, w["depthwise.weight"], None, groups=shape[-1])
            return CONVOLVE[rank](between, w["pointwise.weight"], w["pointwise.bias"])

        check_parity(layer, shape, in_two_steps)

    check()


def transposed(layer, rank, x, weight, bias, groups):
    """The definition: the gradient of a convolution, by its input, times what comes in."""
    stride, dilation = each(layer.strides, rank), each(layer.dilation_rate, rank)
    sizes_in = x.shape[2:]
    if layer.padding == "same":
        large = [n * s for n, s in zip(sizes_in, stride, strict=True)]
        borders = same_borders(large, weight.shape[2:], stride, dilation)
    else:
        spans = [d * (k - 1) + 1 for k, d in zip(weight.shape[2:], dilation, strict=True)]
        large = [
            (n - 1) * s + max(span, s) for n, s, span in zip(sizes_in, stride, spans, strict=True)
        ]
        borders = [0] * 2 * rank
    canvas = x.new_zeros(len(x), weight.shape[1] * groups, *large, requires_grad=True)
    small = CONVOLVE[rank](F.pad(canvas, borders), weight, None, stride, 0, dilation, groups)
    (painted,) = torch.autograd.grad(small, canvas, x, create_graph=True)
    painted = painted + bias.reshape(1, -1, *[1] * rank)
    if isinstance(layer.padding, str):
        return painted
    crop = [-pixels for pixels in reversed(each(layer.padding, rank)) for _ in range(2)]
    return F.pad(painted, crop)


@many_cases
def test_transposed_convolution_is_the_gradient_of_the_convolution(cases):
    @settings(max_examples=2 * cases, deadline=None)
    @given(st.data(), ranks, st.sampled_from([1, 1, 2]))
    def check(data, rank, groups):
        shape = data.draw(shapes(rank, st.integers(1, 2).map(lambda n: n * groups)))
        layer = kind("Conv{}DTranspose", rank)(
            groups * data.draw(st.integers(1, 2)),
            data.draw(sizes(rank)),
            data.draw(sizes(rank, most=3)),
            data.draw(paddings(rank)),
            dilation_rate=data.draw(sizes(rank, most=2)),
            groups=groups,
        )
        if fits(layer, shape):
            check_parity(
                layer,
                shape,
                lambda x, w: transposed(layer, rank, x, w["weight"], w["bias"], groups),
            )

    check()


@many_cases
def test_transposed_convolution_with_output_padding_is_torchs(cases):
    @settings(max_examples=cases, deadline=None)
    @given(st.data(), ranks, st.integers(1, 3), st.integers(0, 2))
    def check(data, rank, stride, padding):
        shape = data.draw(shapes(rank))
        added = data.draw(st.integers(0, stride - 1))
        kernel = data.draw(sizes(rank))
        layer = kind("Conv{}DTranspose", rank)(2, kernel, stride, padding, output_padding=added)
        if fits(layer, shape):
            check_parity(
                layer,
                shape,
                lambda x, w: PAINT[rank](x, w["weight"], w["bias"], stride, padding, added),
            )

    check()


@many_cases
def test_a_transposed_convolution_undoes_the_sizes_of_a_convolution(cases):
    @settings(max_examples=cases, deadline=None)
    @given(ranks, st.integers(1, 5), st.integers(1, 4), st.integers(1, 9))
    def check(rank, kernel, stride, positions):
        for padding in ("valid", "same"):
            back = kind("Conv{}DTranspose", rank)(1, kernel, stride, padding)
            forth = kind("Conv{}D", rank)(1, kernel, stride, padding)
            small = (*[positions] * rank, 1)
            assert forth.output_shape(back.output_shape(small)) == small

    check()


def test_a_pointwise_convolution_is_a_dense_layer_at_every_pixel():
    check_parity(
        layers.PointwiseConv2D(3),
        (4, 5, 2),
        lambda x, w: F.linear(x.movedim(1, -1), w["weight"][:, :, 0, 0], w["bias"]).movedim(-1, 1),
    )


def test_plain_torch_modules_wherever_torch_can_pad_as_asked():
    for layer, expected in [
        (layers.Conv1D(1, 3, padding="same"), nn.Conv1d),
        (layers.Conv3D(1, (1, 3, 5), padding="same"), nn.Conv3d),
        (layers.Conv2D(1, 2, padding=1), nn.Conv2d),
        (layers.Conv2DTranspose(1, 3, 2), nn.ConvTranspose2d),
    ]:
        built = layers.build([layer], (*[8] * layer.rank, 1))[0]
        assert type(built) is expected
        assert isinstance(built, expected)


def test_what_a_transposed_convolution_crops_away_is_explained():
    layer = layers.Conv2DTranspose(4, 1, padding=2)
    message = (
        r"padding=2 crops away all that an input of 3×9×2 \(height×width×channels\) gives; "
        r"the output would be 0×5×4\. Use padding=\"valid\""
    )
    with pytest.raises(ShapeError, match=message) as caught:
        layers.infer([layer], (3, 9, 2))
    assert caught.value.code == "shape-window-too-large"
