"""Layers called on symbols: shapes at once, shared weights, JSON, and networks equal to by-hand."""

import copy
import json
import sys

import pytest
import torch
import torch.nn.functional as F

from striate import layers
from striate.errors import FileError, ShapeError, UsageError


def branched():
    x = layers.Input((8, 8, 3))
    y = layers.Conv2D(4, 3, padding="same", activation="relu")(x)
    z = layers.Add()([y, layers.Conv2D(4, 1)(x)])
    w = layers.Concatenate()([z, y])
    return x, layers.Dense(5, activation="softmax", name="kind")(layers.Flatten()(w))


def test_shapes_are_known_when_a_layer_is_called():
    x = layers.Input((8, 8, 3))
    y = layers.Conv2D(16, 3, strides=2)(x)
    assert (x.shape, y.shape) == ((8, 8, 3), (3, 3, 16))
    assert layers.Concatenate()([y, y, y]).shape == (3, 3, 48)
    assert layers.Maximum()([y, y]).shape == (3, 3, 16)
    assert repr(y) == "<what Conv2D gives: 3×3×16>"


def test_the_network_is_the_formula():
    network = layers.graph(*branched()).build()
    images = torch.randn(2, 3, 8, 8)
    y = F.relu(network.conv2d_1(images))
    w = torch.cat([y + network.conv2d_2(images), y], dim=1)
    expected = network.kind(w.flatten(1)).softmax(1)
    torch.testing.assert_close(network(images), expected)
    logits = network.until(network.logits)
    torch.testing.assert_close(logits(images).softmax(1), expected)
    assert [name for name, _ in logits.named_children()][-1] == "kind"


def test_children_are_named_as_in_a_list_of_layers():
    network = layers.graph(*branched()).build()
    assert [name for name, _ in network.named_children()] == [
        "conv2d_1",
        "conv2d_1_relu",
        "conv2d_2",
        "add_1",
        "concatenate_1",
        "flatten_1",
        "kind",
        "kind_softmax",
    ]


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (layers.Add(), lambda a, b, c: a + b + c),
        (layers.Multiply(), lambda a, b, c: a * b * c),
        (layers.Average(), lambda a, b, c: (a + b + c) / 3),
        (layers.Maximum(), lambda a, b, c: torch.stack([a, b, c]).amax(0)),
        (layers.Concatenate(), lambda a, b, c: torch.cat([a, b, c], 1)),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_merges(layer, expected):
    inputs = [layers.Input((4, 5, 2)) for _ in range(3)]
    network = layers.graph(inputs, layer(inputs)).build()
    tensors = torch.randn(3, 2, 2, 4, 5)
    torch.testing.assert_close(network(*tensors), expected(*tensors))


def test_several_ends_keep_their_order():
    a, b = layers.Input((3,), name="a"), layers.Input((3,), name="b")
    double = layers.Add()([b, b])
    network = layers.graph([b, a], [layers.Multiply()([a, double]), double]).build()
    product, twice = network(torch.tensor([[1.0, 2, 3]]), torch.tensor([[1.0, 1, 2]]))
    assert (product.tolist(), twice.tolist()) == ([[2, 4, 12]], [[2, 4, 6]])


def test_a_layer_that_is_called_twice_has_one_set_of_weights():
    a, b = layers.Input((6,)), layers.Input((6,))
    dense = layers.Dense(4, activation="relu")
    graph = layers.graph([a, b], layers.Concatenate()([dense(a), dense(b)]))
    network = graph.build()
    assert [name for name, _ in network.named_parameters()] == ["dense_1.weight", "dense_1.bias"]
    assert [node.name for node in graph.nodes][2:4] == ["dense_1", "dense_1_call2"]
    left, right = torch.randn(2, 3, 6)
    expected = torch.cat([network.dense_1(left).relu(), network.dense_1(right).relu()], 1)
    torch.testing.assert_close(network(left, right), expected)


def test_equal_layers_are_not_the_same_layer():
    x = layers.Input((6,))
    y = layers.Add()([layers.Dense(4)(x), layers.Dense(4)(x)])
    assert len(list(layers.graph(x, y).build().parameters())) == 4


def test_a_convolution_may_be_shared_between_sizes_and_a_dense_layer_not():
    small, large = layers.Input((8, 8, 3)), layers.Input((16, 16, 3))
    shared, pool = layers.Conv2D(4, 3), layers.GlobalAveragePooling2D()
    network = layers.graph(
        [small, large], layers.Add()([pool(shared(small)), pool(shared(large))])
    ).build()
    assert sum(weight.numel() for weight in network.parameters()) == 112
    assert network(torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 16, 16)).shape == (1, 4)
    flat, dense = layers.Flatten(), layers.Dense(2)
    both = layers.Add()([dense(flat(small)), dense(flat(large))])
    with pytest.raises(
        ShapeError, match=r"dense_1: .* 192 features and again on 768 features"
    ) as e:
        layers.graph([small, large], both).build()
    assert e.value.code == "graph-shared-weights"


def test_a_shared_layer_without_weights_is_built_for_each_shape():
    small, large = layers.Input((2, 4, 1)), layers.Input((4, 4, 1))
    rows = layers.Reshape((-1, 4))
    network = layers.graph([small, large], [rows(small), rows(large)]).build()
    first, second = network(torch.zeros(3, 1, 2, 4), torch.zeros(3, 1, 4, 4))
    assert (first.shape, second.shape) == ((3, 4, 2), (3, 4, 4))


def test_a_norm_is_not_shared_between_maps_and_vectors():
    norm, x, v = layers.BatchNormalization(), layers.Input((4, 4, 3)), layers.Input((3,))
    with pytest.raises(ShapeError, match="called on 4×4×3 and again on 3 features"):
        layers.graph([x, v], [norm(x), norm(v)]).build()


def test_values_are_dropped_when_nothing_needs_them():
    network = layers.graph(*branched()).build()
    assert network.last_needed == (
        (),
        ("conv2d_1",),
        ("input_1",),
        ("conv2d_2",),
        ("add_1", "conv2d_1_relu"),
        ("concatenate_1",),
        ("flatten_1",),
        ("kind",),
    )


def test_a_network_deeper_than_pythons_recursion_is_built():
    x = y = layers.Input((2,))
    relu = layers.Activation("relu")
    for _ in range(sys.getrecursionlimit() + 100):
        y = relu(y)
    network = layers.graph(x, y).build()
    assert network(torch.tensor([[-1.0, 2.0]])).tolist() == [[0.0, 2.0]]


def test_copies_and_gradients():
    network = copy.deepcopy(layers.graph(*branched()).build())
    network(torch.randn(2, 3, 8, 8))[:, 0].sum().backward()
    assert all(weight.grad is not None for weight in network.parameters())


def test_json_gives_the_same_network():
    graph = layers.graph(*branched())
    again = layers.graph_from_json(json.loads(json.dumps(graph.to_json())))
    assert again == graph
    first, second = graph.build(), again.build()
    second.load_state_dict(first.state_dict())
    images = torch.randn(2, 3, 8, 8)
    assert torch.equal(first(images), second(images))


def test_json_of_shared_layers_and_several_ends():
    a, b = layers.Input((6,), name="left"), layers.Input((6,))
    dense = layers.Dense(4)
    graph = layers.graph([a, b], [dense(b), layers.Add()([dense(a), dense(b)])])
    again = layers.graph_from_json(json.loads(json.dumps(graph.to_json())))
    assert again == graph
    assert len(again.build().state_dict()) == 2


def card(*nodes, inputs=("x",), outputs=("d",)):
    first = {"name": "x", "inputs": [], "layer": {"layer": "Input", "shape": [4], "name": "x"}}
    return {"nodes": [first, *nodes], "inputs": list(inputs), "outputs": list(outputs)}


def dense(name="d", inputs=("x",), **options):
    layer = {"layer": "Dense", "units": 4, "name": name, **options}
    return {"name": name, "inputs": list(inputs), "layer": layer}


def test_the_cards_that_are_broken_below_are_sound_otherwise():
    assert layers.graph_from_json(card(dense())).outputs == ("d",)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (card(dense("d", ["e"]), dense("e", ["d"])), "'d' takes 'e', and no node before it"),
        (card(dense("d", ["d"])), "'d' takes 'd', and no node before it"),
        (card(dense(), outputs=["gone"]), "'outputs' takes 'gone'"),
        (card(dense("d", ["x", "x"])), "Dense takes one input, got 2"),
        (card(dense("d", [])), "Dense takes one input, got 0"),
        (card({**dense(), "layer": {"layer": "Add", "name": "d"}}), "joins two inputs or more"),
        (card({**dense(), "layer": {"layer": "Lambda"}}), "no layer is called 'Lambda'"),
        (card({**dense(), "layer": "x"}), "an Input is where a network begins"),
        (card({**dense(), "layer": "os"}), "'d' takes 'os'"),
        (card(dense(), dense()), "the node 'd' comes twice"),
        (card(dense(), dense("e")), "not in the order and under the names"),
        (card({**dense(), "name": "other"}, outputs=["other"]), "not in the order"),
        (card(dense(units=-1)), "units must be a whole number"),
        (card(dense(units="9")), "units must be a whole number"),
        (card(dense(code="import os")), "has no option 'code'"),
        (card({"name": "d", "inputs": ["x"]}), "KeyError\\('layer'\\)"),
        (card({"name": "d", "inputs": 7, "layer": "x"}), "TypeError"),
        (card(7), "TypeError"),
        ({"nodes": [], "inputs": [], "outputs": []}, "inputs must be layers.Input"),
        ({}, "KeyError"),
    ],
)
def test_hostile_json_is_refused(data, message):
    with pytest.raises(FileError, match=message) as caught:
        layers.graph_from_json(data)
    assert caught.value.code in ("model-bad-graph", "model-bad-layer")


@pytest.mark.parametrize(
    ("call", "code", "message"),
    [
        (
            lambda x: layers.Dense(3)([x, x]),
            "graph-inputs-number",
            r"Dense: Dense takes one input, got 2\. Join them with Concatenate\(\)",
        ),
        (lambda x: layers.Add()(x), "graph-inputs-number", r"joins two .* got one\. Call it on"),
        (lambda x: layers.Input((3,))(x), "graph-inputs-number", "Input is where a network begins"),
        (
            lambda x: layers.graph(x, torch.zeros(3)),
            "graph-not-symbolic",
            r"outputs must be layers\.Input.* got Tensor",
        ),
        (
            lambda x: layers.graph(layers.Input((4,)), layers.Flatten()(x)),
            "graph-input-missing",
            r"depend on Input\(.*not among the inputs\. Add it",
        ),
        (
            lambda x: layers.graph([x, layers.Input((4,))], layers.Flatten()(x)),
            "graph-input-unused",
            "no output depends on",
        ),
        (
            lambda x: layers.graph(layers.Flatten()(x), layers.Flatten()(x)),
            "graph-input-not-input",
            "got <what Flatten gives: 4 features>",
        ),
        (
            lambda x: layers.graph(x, layers.Dense(3, name="forward")(x)),
            "model-bad-option",
            "name must be",
        ),
        (
            lambda x: layers.graph(x, layers.Dense(3, name="steps")(x)).build(),
            "model-layer-repeated",
            "'steps'",
        ),
        (
            lambda x: layers.graph(
                y := layers.Input((4,), name="a_relu"), layers.Dense(4, "relu", name="a")(y)
            ).build(),
            "model-layer-repeated",
            "'a_relu'",
        ),
        (lambda x: layers.Concatenate(axis=1), "model-bad-option", "axis must be -1"),
    ],
)
def test_a_wrong_call_is_explained(call, code, message):
    with pytest.raises(UsageError, match=message) as caught:
        call(layers.Input((4,)))
    assert caught.value.code == code


def test_merges_name_the_layer_both_shapes_and_a_fix():
    x = layers.Input((8, 8, 3))
    with pytest.raises(ShapeError) as caught:
        layers.Add(name="join")([layers.Conv2D(4, 3, strides=2)(x), x])
    assert str(caught.value) == (
        "join: inputs must have one shape, got 3×3×4 and 8×8×3. Give both branches the same "
        'strides and poolings, and padding="same".'
    )
    with pytest.raises(ShapeError, match=r"7 features and 3 features.*with Dense\(7\)"):
        layers.Multiply()([layers.Input((7,)), layers.Input((3,))])


def test_a_list_of_layers_refuses_a_merge():
    with pytest.raises(UsageError, match=r"Layer 2 \(add_1\): Add joins two inputs or more"):
        layers.infer([layers.Input((4,)), layers.Add()])
