"""Arithmetic of sizes: the worked examples of the field, through the public API."""

import pytest
import torch
from torch import nn

from striate import layers, zoo
from striate.layers import (
    Activation,
    AveragePooling2D,
    Conv2D,
    Dense,
    Flatten,
    Input,
    MaxPooling2D,
)
from striate.shapes import (
    ReceptiveField,
    conv_weights,
    dense_weights,
    im2col,
    output_size,
    same_padding,
)
from striate.summaries import summary


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding", "outputs"),
    [(11, 5, 2, 0, 4), (227, 11, 4, 0, 55), (7, 3, 1, 0, 5), (7, 3, 2, 0, 3), (7, 3, 1, 1, 7)],
)
def test_output_size_is_w_minus_f_plus_2p_over_s_plus_1(size, kernel, stride, padding, outputs):
    assert (size - kernel + 2 * padding) / stride + 1 == outputs
    assert output_size(size, kernel, stride, (padding, padding)) == outputs
    assert summary([Conv2D(8, kernel, stride, padding)], (size, size, 3)).output_shape == (
        outputs,
        outputs,
        8,
    )


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "unread"),
    [(10, 3, 3, 1), (7, 2, 2, 1), (12, 5, 4, 3), (11, 5, 2, 0)],
)
def test_where_it_is_no_integer_the_layer_works_and_says_what_is_never_read(
    size, kernel, stride, unread
):
    table = summary([Conv2D(1, kernel, stride)], (size, size, 1))
    assert table.output_shape == (*((size - kernel) // stride + 1,) * 2, 1)
    if not unread:
        assert table.warnings == ()
        return
    (advice,) = table.warnings
    lines = "1 row and 1 column" if unread == 1 else f"{unread} rows and {unread} columns"
    assert advice.what.startswith(f"{lines} of its input of {size}×{size}")


@pytest.mark.parametrize("kernel", [1, 3, 5, 7, 11])
def test_same_size_at_stride_1_needs_half_of_f_minus_1(kernel):
    numeric = Conv2D(4, kernel, padding=(kernel - 1) // 2)
    assert numeric.output_shape((32, 20, 3)) == (32, 20, 4)
    assert Conv2D(4, kernel, padding="same").output_shape((32, 20, 3)) == (32, 20, 4)
    half = (kernel - 1) // 2
    assert same_padding(32, kernel) == (half, half)
    built = [layers.build([Conv2D(4, kernel, padding=p)], (32, 20, 3)) for p in (half, "same")]
    built[1].load_state_dict(built[0].state_dict())
    image = torch.randn(1, 3, 32, 20)
    numeric, same = (network(image) for network in built)
    assert same.shape == (1, 4, 32, 20)
    torch.testing.assert_close(same, numeric)


def test_11x11x4_with_f5_s2_p0_gives_4x4_and_filters_of_5x5x4():
    stack = [Input((11, 11, 4)), Conv2D(2, 5, 2)]
    assert layers.infer(stack)[-1] == (4, 4, 2)
    assert layers.build(stack)[0].weight.shape == (2, 4, 5, 5)  # [filters, channels, F, F]


def test_227x227x3_with_96_filters_of_11_at_stride_4():
    assert Conv2D(96, 11, 4).output_shape((227, 227, 3)) == (55, 55, 96)
    product = im2col((227, 227, 3), kernel=11, filters=96, stride=4)
    assert product.patches == (363, 3025)
    assert product.filters == (96, 363)
    assert product.product == (96, 3025)


def test_a_small_network_on_32x32x3():
    stack = [
        Input((32, 32, 3)),
        Conv2D(12, 3, padding="same"),
        Activation("relu"),
        MaxPooling2D(2),
        Flatten(),
        Dense(10),
    ]
    shapes = layers.infer(stack)
    assert shapes[1:4] == ((32, 32, 12), (32, 32, 12), (16, 16, 12))
    assert shapes[-1] == (10,)


@pytest.mark.parametrize(("kernel", "channels", "filters"), [(5, 3, 10), (3, 64, 128), (11, 3, 96)])
def test_a_convolution_has_ffdk_weights_and_k_biases(kernel, channels, filters):
    with_bias = summary([Conv2D(filters, kernel)], (32, 32, channels))
    without = summary([Conv2D(filters, kernel, use_bias=False)], (32, 32, channels))
    kernels = kernel * kernel * channels * filters
    assert (without.weights, with_bias.weights) == (kernels, kernels + filters)
    assert (without.rows[0].weights, with_bias.rows[0].weights) == (kernels, kernels + filters)
    assert conv_weights(kernel, channels, filters) == kernels + filters
    assert conv_weights(kernel, channels, filters, bias=False) == kernels


@pytest.mark.parametrize("layer", [MaxPooling2D(3, 2), AveragePooling2D(3, 2)])
def test_pooling_has_no_weights(layer):
    table = summary([layer], (55, 55, 96))
    assert table.output_shape == (27, 27, 96)  # (55 - 3)/2 + 1
    assert table.weights == 0


def test_a_shared_kernel_against_a_dense_layer():
    def weights(layer, bias):
        stack = [layer] if isinstance(layer, Conv2D) else [Flatten(), layer]
        assert layer.use_bias is bias
        return summary(stack, (3, 3, 1)).weights

    assert weights(Conv2D(1, 2, use_bias=False), False) == 4
    assert weights(Dense(4, use_bias=False), False) == 36
    assert weights(Conv2D(1, 2), True) == 5
    assert weights(Dense(4), True) == 40


@pytest.mark.parametrize(
    ("features", "units", "weights"), [(4, 5, 20), (65_536, 1_024, 67_108_864)]
)
def test_dense_weights(features, units, weights):
    assert summary([Dense(units, use_bias=False)], (features,)).weights == weights
    assert dense_weights(features, units, bias=False) == weights


@pytest.mark.parametrize(
    ("image", "weights"), [((480, 640, 3), 92_170_100), ((1536, 2048, 3), 943_728_500)]
)
def test_two_hidden_layers_of_100_on_a_photograph(image, weights):
    hidden = [Dense(units, use_bias=False) for units in (100, 100, 1)]
    assert summary([Input(image), Flatten(), *hidden]).weights == weights


def test_the_receptive_field_of_stacked_3x3_convolutions():
    field = ReceptiveField()
    table = summary([Conv2D(4, 3) for _ in range(4)], (32, 32, 4))
    for row, expected in zip(table.rows, (3, 5, 7, 9), strict=True):
        field = field.through(kernel=3)
        assert field.size == expected
        assert row.receptive_field == (expected, expected)


@pytest.mark.parametrize("channels", [1, 16, 64])
def test_three_3x3_layers_have_27_cc_weights_and_one_7x7_has_49_cc(channels):
    stacked = [Conv2D(channels, 3, use_bias=False) for _ in range(3)]
    single = [Conv2D(channels, 7, use_bias=False)]
    image = (32, 32, channels)
    assert summary(stacked, image).weights == 27 * channels**2
    assert summary(single, image).weights == 49 * channels**2
    assert summary(stacked, image).rows[-1].receptive_field == (7, 7)
    assert summary(single, image).rows[-1].receptive_field == (7, 7)
    assert conv_weights(7, channels, channels, bias=False) == 49 * channels**2


def test_a_dense_layer_over_7x7x512_is_a_convolution_of_7x7():
    image = (7, 7, 512)
    dense, convolution = summary([Flatten(), Dense(4096)], image), summary([Conv2D(4096, 7)], image)
    assert convolution.output_shape == (1, 1, 4096)
    assert dense.weights == convolution.weights == 102_764_544
    assert dense.multiply_adds == convolution.multiply_adds


def test_a_dense_layer_and_the_convolution_with_its_weights_give_the_same_values():
    torch.manual_seed(0)
    dense = layers.build([Flatten(), Dense(6)], (7, 7, 5))
    convolution = layers.build([Conv2D(6, 7)], (7, 7, 5))
    convolution[0].load_state_dict(
        {"weight": dense[1].weight.reshape(6, 5, 7, 7), "bias": dense[1].bias}
    )
    image = torch.randn(2, 5, 7, 7)
    torch.testing.assert_close(convolution(image)[:, :, 0, 0], dense(image))


def test_turned_fully_convolutional_a_224_network_reads_384_pixels_as_6x6():
    pools = [MaxPooling2D(2) for _ in range(5)]  # stride 32, as in VGG
    convolutional = [*pools, Conv2D(4096, 7), Conv2D(10, 1)]
    assert layers.infer(convolutional, (224, 224, 3))[-1] == (1, 1, 10)
    assert layers.infer(convolutional, (384, 384, 3))[-1] == (6, 6, 10)
    jumps = summary([*pools, Conv2D(8, 7)], (384, 384, 3)).rows[-1].sight
    assert [axis.jump for axis in jumps] == [32, 32]


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("alexnet_one_column", (64, 3, 11, 11)),
        ("resnet18", (64, 3, 7, 7)),
        ("resnet101", (64, 3, 7, 7)),
        ("densenet121", (64, 3, 7, 7)),
    ],
)
def test_first_layer_filters(name, shape):
    with torch.device("meta"):
        network = zoo.create(name, classes=1000)
    first = next(m for m in network.modules() if isinstance(m, nn.Conv2d))
    assert first.weight.shape == shape


@pytest.mark.parametrize(
    ("name", "tap", "features"),
    [("alexnet", "fc6", 4096), ("alexnet", "fc7", 4096), ("googlenet", "pool", 1024)],
)
def test_deep_features(name, tap, features):
    with torch.device("meta"):
        network = zoo.create(name).eval()
    side = zoo.ARCHITECTURES[name].image_size
    rows = {row.name: row for row in summary(network, (side, side, 3)).rows}
    under = [row for path, row in rows.items() if path.startswith(network.tap(tap))]
    assert under[-1].output_shape[-1] == features


def test_lenet5_on_32x32x1():
    table = summary(zoo.create("lenet5", classes=10, channels=1), (32, 32, 1))
    outputs = {row.name.split(".")[-1]: row.output_shape for row in table.rows}
    assert outputs["c1"] == (28, 28, 6)
    assert outputs["s2"] == (14, 14, 6)
    assert outputs["c3"] == (10, 10, 16)
    assert outputs["s4"] == (5, 5, 16)
    assert [outputs[n] for n in ("flatten", "c5", "f6", "output")] == [(400,), (120,), (84,), (10,)]
