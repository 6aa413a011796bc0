"""Lists of layers: shapes, names, and messages that name the layer, both shapes and a fix."""

import pytest
import torch

from striate import layers
from striate.errors import ShapeError, UsageError


def small_network():
    return [
        layers.Input((28, 28, 1)),
        layers.Conv2D(32, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(64, 3),
        layers.Flatten(),
        layers.Dense(10, activation="softmax"),
    ]


def test_shapes_are_inferred_layer_by_layer():
    assert layers.infer(small_network()) == (
        (28, 28, 1),
        (28, 28, 32),
        (14, 14, 32),
        (12, 12, 64),
        (9216,),
        (10,),
    )


def test_children_are_named_by_kind_and_number():
    network = layers.build(small_network())
    assert [name for name, _ in network.named_children()] == [
        "conv2d_1",
        "conv2d_1_relu",
        "max_pooling2d_1",
        "conv2d_2",
        "flatten_1",
        "dense_1",
        "dense_1_softmax",
    ]
    assert layers.names(
        [layers.GlobalAveragePooling2D(), layers.BatchNormalization(name="bn")]
    ) == (
        "global_average_pooling2d_1",
        "bn",
    )


def test_without_its_last_activation_a_network_gives_logits():
    stack = small_network()
    network = layers.build(stack).eval()
    images = torch.randn(3, 1, 28, 28)
    assert layers.final_activation(stack) == "softmax"
    torch.testing.assert_close(network[:-1](images).softmax(1), network(images))


def test_the_declared_shape_comes_from_the_first_layer():
    assert layers.declared_input_shape(small_network()) == (28, 28, 1)
    assert layers.declared_input_shape([layers.Dense(3, input_shape=(4,))]) == (4,)
    assert layers.declared_input_shape([layers.Dense(3)]) is None
    assert layers.declared_input_shape([]) is None
    assert layers.infer([layers.Dense(3)], (4,)) == ((3,),)


@pytest.mark.parametrize(
    ("stack", "code", "message"),
    [
        (
            [layers.Input((8, 8, 3)), layers.MaxPooling2D(4), layers.MaxPooling2D(4)],
            "shape-window-too-large",
            r"Layer 3 \(max_pooling2d_2\): a pool_size of 4×4 does not fit into its input of "
            r"2×2×3 .*output would be 0×0×3\. .*smaller pool_size",
        ),
        (
            [layers.Input((4, 9, 3)), layers.Conv2D(8, (5, 3))],
            "shape-window-too-large",
            r"Layer 2 \(conv2d_1\): a kernel of 5×3 .* 4×9×3 .* would be 0×7×8\..*padding=\"same\"",
        ),
        (
            [layers.Input((9, 9, 3)), layers.Conv2D(8, 3, dilation_rate=5)],
            "shape-window-too-large",
            r"a kernel of 11×11 does not fit",
        ),
        (
            [layers.Input((1, 28, 28)), layers.Conv2D(8, 3)],
            "shape-window-too-large",
            r"1×28×28 .*did you mean \(28, 28, 1\)\?",
        ),
        (
            [layers.Input((7, 7, 64)), layers.Dense(10)],
            "shape-needs-vector",
            r"Layer 2 \(dense_1\): Dense needs a vector \(features,\), got a feature map of 7×7×64 "
            r".*Flatten\(\) before it \(3,136 features\) or GlobalAveragePooling2D\(\) \(64",
        ),
        (
            [layers.Input((7, 7, 64)), layers.Flatten(), layers.Conv2D(8, 3, name="late")],
            "shape-needs-map",
            r"Layer 3 \(late\): Conv2D needs a feature map .*vector of 3136 features\. "
            r".*before Flatten",
        ),
        (
            [layers.Input((10,)), layers.GlobalAveragePooling2D()],
            "shape-needs-map",
            r"GlobalAveragePooling2D needs a feature map .*vector of 10 features",
        ),
        (
            [layers.Input((8, 8, 3)), layers.Conv2D(8, 3, groups=2)],
            "shape-divides",
            r"Layer 2 \(conv2d_1\): groups must divide channels, got groups=2 and "
            r"channels=3\. .*1, 3",
        ),
        (
            [layers.Input((8, 8, 4)), layers.Conv2D(7, 3, groups=2)],
            "shape-divides",
            "groups must divide filters, got groups=2 and filters=7",
        ),
        (
            [layers.Input((8, 8, 4)), layers.Flatten(input_shape=(8, 8, 3))],
            "shape-input-mismatch",
            r"Layer 2 \(flatten_1\): the declared input is 8×8×3, what comes in is 8×8×4",
        ),
        (
            [layers.Dense(4)],
            "shape-input-unknown",
            r"not known\. Begin with layers\.Input",
        ),
    ],
)
def test_a_wrong_stack_is_explained_before_any_tensor(stack, code, message):
    with pytest.raises(ShapeError, match=message) as caught:
        layers.infer(stack)
    assert caught.value.code == code


def test_data_of_another_shape_than_declared_are_explained():
    with pytest.raises(ShapeError, match=r"declared input is 28×28×1, what comes in is 32×32×3"):
        layers.build(small_network(), (32, 32, 3))
    with pytest.raises(
        ShapeError, match=r"28×28×1.* 1×28×28\. Shapes are \(height, width, channels"
    ):
        layers.build(small_network(), (1, 28, 28))


def test_two_layers_of_one_name_are_refused():
    with pytest.raises(UsageError, match="Two layers are named 'conv'") as caught:
        layers.names([layers.Conv2D(1, 1, name="conv"), layers.Conv2D(1, 1, name="conv")])
    assert caught.value.code == "model-layer-repeated"
    stack = [layers.Dense(3, "relu"), layers.Dense(3, name="dense_1_relu")]
    with pytest.raises(UsageError, match="dense_1_relu"):
        layers.build(stack, (4,))


def test_no_memory_is_taken_before_a_wrong_shape_is_found():
    huge = [layers.Dense(10**9), layers.Dense(10**9), layers.Conv2D(1, 1)]
    with pytest.raises(ShapeError, match=r"Layer 3 \(conv2d_1\)"):
        layers.build(huge, (10**9,))
