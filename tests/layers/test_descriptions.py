"""Every kind of layer: its shape is what its modules give, and its JSON is itself."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from layers.examples import EXAMPLES, JOINING, named
from striate import layers
from striate.errors import FileError, ShapeError, StriateError, UnknownName, UsageError
from striate.layers import LAYERS
from striate.nn import ACTIVATIONS, activation

numbers = st.integers(1, 4)
pairs = st.one_of(numbers, st.tuples(numbers, numbers))
paddings = st.one_of(
    st.sampled_from(["valid", "same"]),
    st.integers(0, 3),
    st.tuples(st.integers(0, 3), st.integers(0, 3)),
)
shapes = st.tuples(st.integers(1, 12), st.integers(1, 12), st.integers(1, 4))


def run(layer, shape):
    """The output shape that torch gives, as people write it."""
    with torch.device("meta"):
        network = layers.build([layer], shape).eval()
        output = network(torch.empty(2, shape[-1], *shape[:-1]))
    return (*output.shape[2:], output.shape[1])


def or_code(shape):
    """What it gives, or the code of the error it raises."""
    try:
        return shape()
    except ShapeError as error:
        return error.code


@settings(max_examples=200, deadline=None)
@given(shapes, pairs, pairs, paddings, pairs, numbers)
def test_convolution_infers_what_torch_gives(shape, kernel, strides, padding, dilation, filters):
    layer = layers.Conv2D(filters, kernel, strides, padding, dilation_rate=dilation)
    inferred = or_code(lambda: layer.output_shape(shape))
    assert inferred == "shape-window-too-large" or run(layer, shape) == inferred


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([layers.MaxPooling2D, layers.AveragePooling2D]),
    shapes,
    pairs,
    st.one_of(st.none(), pairs),
    paddings,
)
def test_pooling_infers_what_torch_gives(kind, shape, size, strides, padding):
    inferred = or_code(lambda: kind(size, strides, padding).output_shape(shape))
    if inferred not in ("shape-window-too-large", "shape-padding-too-wide"):
        assert run(kind(size, strides, padding), shape) == inferred


@pytest.mark.parametrize(
    ("layer", "shape", "output"),
    [
        (layers.Input((8, 6, 3)), (8, 6, 3), (8, 6, 3)),
        (layers.GlobalAveragePooling2D(), (8, 6, 3), (3,)),
        (layers.Flatten(), (8, 6, 3), (144,)),
        (layers.Flatten(), (5,), (5,)),
        (layers.Dense(7), (5,), (7,)),
        (layers.BatchNormalization(), (8, 6, 3), (8, 6, 3)),
        (layers.BatchNormalization(), (5,), (5,)),
        (layers.Dropout(0.5), (8, 6, 3), (8, 6, 3)),
        (layers.Activation("softmax"), (8, 6, 3), (8, 6, 3)),
        (layers.Conv2D(4, 3, groups=2), (8, 6, 6), (6, 4, 4)),
    ],
    ids=lambda value: value.kind if isinstance(value, layers.Layer) else None,
)
def test_other_layers_infer_what_torch_gives(layer, shape, output):
    assert layer.output_shape(shape) == output == run(layer, shape)


@pytest.mark.parametrize("example", EXAMPLES, ids=named)
def test_every_layer_infers_what_torch_gives(example):
    layer, shape = example
    assert layers.infer([layer], shape) == (run(layer, shape),)


@pytest.mark.parametrize("example", EXAMPLES, ids=named)
def test_every_layer_ends_in_its_final_activation(example):
    layer, shape = example
    if layer.kind == "Input" or layer.final_activation == "linear":
        return
    last = layers.build([layer], shape)[-1]
    images = torch.randn(2, shape[-1], *shape[:-1])
    expected = activation(layer.final_activation)
    if isinstance(layer, layers.Dense | layers.Conv2D | layers.Residual):
        torch.testing.assert_close(last(images), expected(images))
    assert not list(last.children())


@pytest.mark.parametrize("kind", LAYERS)
def test_json_gives_the_same_layer(kind):
    of_kind = [layer for layer, _ in EXAMPLES if layer.kind == kind]
    of_kind += [layer for layer in JOINING if layer.kind == kind]
    assert of_kind
    for layer in of_kind:
        text = json.dumps(layer.to_json())
        assert layers.from_json(json.loads(text)) == layer


@pytest.mark.parametrize("kind", LAYERS)
def test_every_layer_says_what_it_does_and_what_it_makes_of_a_shape(kind):
    assert "Shape:" in LAYERS[kind].__doc__ or "as in" in LAYERS[kind].__doc__ or kind == "Input"
    assert getattr(layers, kind) is LAYERS[kind]


@pytest.mark.parametrize("example", EXAMPLES, ids=named)
def test_every_weight_gets_a_gradient(example):
    layer, shape = example
    if layer.kind == "Input" or layer.final_activation == "softmax":
        return
    torch.manual_seed(0)
    network = layers.build([layer], shape)
    images = torch.randn(3, shape[-1], *shape[:-1], requires_grad=True)
    network(images).square().sum().backward()
    for name, weight in network.named_parameters():
        assert weight.grad is not None, name
    assert images.grad is not None


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"layer": "Dence", "units": 3}, r"no layer is called 'Dence'.*Did you mean 'Dense'\?"),
        ({"units": 3}, "no layer is called None"),
        ({"layer": ["Dense"], "units": 3}, r"no layer is called \['Dense'\]"),
        ({"layer": "Dense", "unit": 3}, r"Dense has no option 'unit'.*'units'"),
        ({"layer": "Dense"}, "missing 1 required positional argument: 'units'"),
        ({"layer": "Dense", "units": "3"}, "units must be a whole number"),
        ({"layer": "Dense", "units": 3, "use_bias": "yes"}, "use_bias must be True or False"),
        ({"layer": "Conv2D", "filters": 3, "kernel_size": [3, 3, 3]}, "kernel_size must be"),
        ({"layer": "Dense", "units": 3, "activation": {}}, "No activation is named '{}'"),
    ],
)
def test_wrong_json_is_refused(data, message):
    with pytest.raises(FileError, match=message) as caught:
        layers.from_json(data)
    assert caught.value.code == "model-bad-layer"


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: layers.Conv2D(0, 3), ShapeError, "Conv2D: filters .* ≥ 1, got 0"),
        (lambda: layers.Conv2D(8, 0), ShapeError, "kernel_size .* ≥ 1 or a pair of them, got 0"),
        (lambda: layers.Conv2D(8, (3, -1)), ShapeError, "kernel_size .* got -1"),
        (lambda: layers.Conv2D(8, 3, strides=1.5), ShapeError, r"strides .* got 1\.5"),
        (
            lambda: layers.Conv2D(8, 3, padding="smae"),
            UsageError,
            'padding must be "valid", "same"',
        ),
        (lambda: layers.Conv2D(8, 3, padding=-1), ShapeError, "padding .* ≥ 0 .* got -1"),
        (lambda: layers.Conv2D(8, 3, use_bias=1), UsageError, "use_bias must be True or False"),
        (lambda: layers.Conv2D(8, 3, activation="rleu"), UnknownName, "'rleu'.*'relu'"),
        (lambda: layers.Conv2D(8, 3, kernel_initializer="he"), UnknownName, "No initializer"),
        (lambda: layers.Dense(True), ShapeError, "Dense: units .* got True"),
        (lambda: layers.Dense(3, name="a.b"), UsageError, "name must be a word .* got 'a.b'"),
        (lambda: layers.Dense(3, name="forward"), UsageError, "got 'forward'"),
        (lambda: layers.Dropout(1.0), UsageError, r"rate must be a fraction.* got 1\.0"),
        (lambda: layers.BatchNormalization(epsilon=0), UsageError, "epsilon must be above 0"),
        (lambda: layers.Activation(None), UnknownName, "No activation is named 'None'"),
        (lambda: layers.MaxPooling2D(2, padding=2), ShapeError, "half of pool_size.*padding=2"),
        (lambda: layers.Input((None, 28, 28, 1)), ShapeError, r"Input: .*: \(28, 28, 1\)"),
        (lambda: layers.Conv3D(8, (3, 3)), ShapeError, r"or three of them, got \(3, 3\)"),
        (lambda: layers.Conv1D(8, (3, 3)), ShapeError, r"whole number ≥ 1, got \(3, 3\)"),
        (lambda: layers.Conv2D(8, 3, kernel_regularizer="l3"), UnknownName, "'l3'.*'l1'"),
        (lambda: layers.Dense(8, kernel_regularizer=0.1), UsageError, r"L2\(…\).* got 0\.1"),
        (lambda: layers.L2(-1), UsageError, "l2 must be 0 or more, got -1"),
        (lambda: layers.Reshape((-1, -1)), UsageError, r"one of them -1, got \(-1, -1\)"),
        (lambda: layers.Reshape((0, 3)), ShapeError, "target_shape .* ≥ 1, got 0"),
        (lambda: layers.ZeroPadding2D((1, 2, 3)), UsageError, r"padding must be .*\(1, 2, 3\)"),
        (lambda: layers.Cropping2D(-1), UsageError, "cropping must be .* got -1"),
        (lambda: layers.UpSampling2D(2, "cubic"), UsageError, "\"bilinear\", got 'cubic'"),
        (lambda: layers.LocalResponseNormalization(4), UsageError, "size must be odd.* got 4"),
        (lambda: layers.ReLU(max_value=0), UsageError, "max_value must be above 0, got 0"),
        (lambda: layers.Residual([]), UsageError, r"layers must be a list of one layer"),
        (lambda: layers.Residual([3]), UsageError, r"layers must be made of layers.*got \[3\]"),
        (lambda: layers.Branches([]), UsageError, "branches must be one list of layers"),
        (lambda: layers.Branches([3]), UsageError, "branches must be made of layers.* got 3"),
        (
            lambda: layers.Conv2DTranspose(8, 3, 2, output_padding=1),
            UsageError,
            "padding must be in numbers where there is an output_padding, got 'valid'",
        ),
        (
            lambda: layers.Conv2DTranspose(8, 3, 2, 1, output_padding=2),
            UsageError,
            "output_padding must be below strides=2, got 2",
        ),
    ],
)
def test_a_wrong_option_fails_where_it_is_written(make, error, message):
    with pytest.raises(error, match=message) as caught:
        make()
    assert isinstance(caught.value, StriateError)


def test_numpy_numbers_become_plain_ones():
    layer = layers.Dense(np.int64(3))
    assert type(layer.units) is int
    assert json.dumps(layer.to_json())


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_are_children_of_their_own(name):
    network = layers.build([layers.Dense(3, name)], (4,))
    expected = ["dense_1"] if name == "linear" else ["dense_1", f"dense_1_{name}"]
    assert [child for child, _ in network.named_children()] == expected
    assert layers.final_activation([layers.Dense(3, name)]) == name


def test_same_padding_needs_no_extra_module_where_it_is_symmetric():
    symmetric = layers.build([layers.Conv2D(1, (3, 5), padding="same")], (8, 8, 1))[0]
    assert type(symmetric) is nn.Conv2d
    assert symmetric.padding == (1, 2)
    assert type(layers.build([layers.Conv2D(1, 2, padding="same")], (8, 8, 1))[0]) is not nn.Conv2d


def test_average_pooling_does_not_count_the_padding():
    network = layers.build([layers.AveragePooling2D(3, 1, 1)], (3, 3, 1))
    assert torch.equal(network(torch.ones(1, 1, 3, 3)), torch.ones(1, 1, 3, 3))


def test_batch_normalization_keeps_its_momentum():
    norm = layers.build([layers.BatchNormalization(momentum=0.75)], (4, 4, 2))[0]
    norm(torch.full((2, 2, 4, 4), 8.0))
    assert norm.running_mean.tolist() == [2.0, 2.0]


def test_weights_begin_as_asked():
    torch.manual_seed(0)
    convolution = layers.build([layers.Conv2D(64, 3, kernel_initializer="he_normal")], (5, 5, 32))[
        0
    ]
    assert convolution.weight.std().item() == pytest.approx((2 / (32 * 9)) ** 0.5, rel=0.02)
    assert not convolution.bias.any()
