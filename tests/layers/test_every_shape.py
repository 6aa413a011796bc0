"""`infer` is what torch gives, for every kind of layer, options drawn at random, any input."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from layers.examples import JOINING
from layers.parity import kind, paddings, shapes, sizes
from striate import layers
from striate.errors import ShapeError, StriateError
from striate.layers import LAYERS
from striate.nn import ACTIVATIONS

few, some = st.integers(1, 3), st.integers(1, 6)


def windows(stem, **more):
    """Layers of 1, 2 and 3 axes whose kernels move."""

    def of_rank(rank):
        options = {
            "strides": sizes(rank, most=3),
            "padding": paddings(rank),
            **{name: make(rank) for name, make in more.items()},
        }
        return st.builds(kind(stem, rank), **options)

    names = [(stem.format(rank), rank) for rank in (1, 2, 3) if hasattr(layers, stem.format(rank))]
    return {name: of_rank(rank) for name, rank in names}


def simple(stem, **more):
    names = [(stem.format(rank), rank) for rank in (1, 2, 3) if hasattr(layers, stem.format(rank))]
    return {
        name: st.builds(kind(stem, rank), **{key: make(rank) for key, make in more.items()})
        for name, rank in names
    }


def moving(**more):
    return {
        "filters": lambda _: few,
        "kernel_size": sizes,
        "dilation_rate": lambda rank: sizes(rank, most=3),
        **more,
    }


def bordered(rank):
    one = st.integers(0, 3)
    return st.one_of(one, st.tuples(*[st.one_of(one, st.tuples(one, one))] * rank))


branch = st.lists(
    st.one_of(
        st.builds(layers.Conv2D, few, few, few, paddings(2)),
        st.builds(layers.MaxPooling2D, few, few, st.just("same")),
        st.just(layers.BatchNormalization()),
    ),
    min_size=1,
    max_size=3,
)
any_input = st.integers(0, 3).flatmap(shapes)
DRAWN = {
    "Input": any_input.map(layers.Input),
    **windows("Conv{}D", **moving(groups=lambda _: few)),
    **windows("Conv{}DTranspose", **moving(groups=lambda _: few)),
    **windows("SeparableConv{}D", **moving(depth_multiplier=lambda _: few)),
    "DepthwiseConv2D": st.builds(
        layers.DepthwiseConv2D, sizes(2), sizes(2, most=3), paddings(2), few
    ),
    "PointwiseConv2D": st.builds(layers.PointwiseConv2D, some),
    **windows("MaxPooling{}D", pool_size=sizes),
    **windows("AveragePooling{}D", pool_size=sizes),
    **simple("GlobalMaxPooling{}D"),
    **simple("GlobalAveragePooling{}D"),
    **simple("AdaptiveMaxPooling{}D", output_size=sizes),
    **simple("AdaptiveAveragePooling{}D", output_size=sizes),
    "Dense": st.builds(layers.Dense, some, st.sampled_from([None, "relu"])),
    "Maxout": st.builds(layers.Maxout, some, few),
    "Flatten": st.just(layers.Flatten()),
    "Reshape": st.lists(st.sampled_from([-1, 1, 2, 3]), min_size=1, max_size=4)
    .filter(lambda sizes: sizes.count(-1) < 2)
    .map(layers.Reshape),
    **simple("ZeroPadding{}D", padding=bordered),
    **simple("Cropping{}D", cropping=bordered),
    **simple("UpSampling{}D", size=sizes),
    "BatchNormalization": st.just(layers.BatchNormalization()),
    "LayerNormalization": st.just(layers.LayerNormalization()),
    "GroupNormalization": st.builds(layers.GroupNormalization, st.sampled_from([-1, 1, 2, 3])),
    "LocalResponseNormalization": st.builds(
        layers.LocalResponseNormalization, st.sampled_from([1, 3, 5])
    ),
    "Dropout": st.just(layers.Dropout(0.3)),
    "DropPath": st.just(layers.DropPath(0.3)),
    **simple("SpatialDropout{}D", rate=lambda _: st.just(0.3)),
    "Activation": st.sampled_from(sorted(ACTIVATIONS)).map(layers.Activation),
    "ReLU": st.just(layers.ReLU(6.0)),
    "LeakyReLU": st.just(layers.LeakyReLU()),
    "PReLU": st.just(layers.PReLU()),
    "ELU": st.just(layers.ELU()),
    "Softmax": st.just(layers.Softmax()),
    "Residual": st.builds(layers.Residual, branch),
    "Branches": st.lists(branch, min_size=1, max_size=3).map(layers.Branches),
    "SqueezeExcite": st.builds(layers.SqueezeExcite, few),
    "Fire": st.builds(layers.Fire, few, few, few),
    "DenseBlock": st.builds(layers.DenseBlock, few, few, st.integers(0, 2)),
    "InvertedResidual": st.builds(layers.InvertedResidual, few, few, few, st.integers(1, 5)),
    "LSTM": st.builds(layers.LSTM, some, return_sequences=st.booleans()),
    "GRU": st.builds(layers.GRU, some, return_sequences=st.booleans()),
}


def drawn(strategy, data):
    """A layer, or None where its options do not go together."""
    try:
        return data.draw(strategy)
    except StriateError:
        return None


def shape_or_error(layer, shape):
    try:
        return layers.infer([layer], shape)[0]
    except ShapeError as error:
        return error


@pytest.mark.parametrize("cases", [6, pytest.param(60, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", DRAWN)
def test_the_inferred_shape_is_the_shape_of_the_output(name, cases):
    @settings(max_examples=cases, deadline=None)
    @given(st.data(), any_input)
    def check(data, shape):
        layer = drawn(DRAWN[name], data)
        if layer is None:
            return
        shape = data.draw(shapes(layer.rank)) if layer.rank else shape
        if name == "Input":
            shape = layer.shape
        inferred = shape_or_error(layer, shape)
        if isinstance(inferred, ShapeError):
            assert inferred.what.startswith(f"Layer 1 ({layers.names([layer])[0]})")
            assert inferred.fix
            return
        with torch.device("meta"):
            network = layers.build([layer], shape).eval()
            output = network(torch.empty(2, shape[-1], *shape[:-1]))
        assert (*output.shape[2:], output.shape[1]) == inferred

    check()


@pytest.mark.parametrize("cases", [6, pytest.param(60, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", DRAWN)
def test_every_layer_comes_back_from_json(name, cases):
    @settings(max_examples=cases, deadline=None)
    @given(st.data())
    def check(data):
        layer = drawn(DRAWN[name], data)
        assert layer is None or layers.from_json(layer.to_json()) == layer

    check()


def test_no_layer_is_forgotten():
    assert {*DRAWN, *(layer.kind for layer in JOINING)} == set(LAYERS)
